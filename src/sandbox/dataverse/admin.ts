import type { IncomingMessage, ServerResponse } from 'node:http'
import { readText } from '../listen.ts'
import type { Bend, BendHow } from './bends.ts'
import { DataverseError } from './errors.ts'
import { overviewPage, recordPage } from './page.ts'
import type { DataverseSandbox } from './sandbox.ts'
import { isTableName, type TableName } from './table.ts'

const SETS: Record<string, TableName> = {
  leads: 'lead',
  contacts: 'contact',
  accounts: 'account',
  systemusers: 'systemuser',
  teams: 'team',
}

/** The human pages and the controls; everything else is the Web API. */
export function isAdminPath(url: string): boolean {
  return url === '/' || /^\/(\?|main\.aspx\?|_sandbox\/)/.test(url)
}

/** The programmatic controls over HTTP, so that another process can drive the sandbox. No authentication: it is on loopback. */
export async function answerAdmin(
  sandbox: DataverseSandbox,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = (await readText(message)) ?? ''
  const { pathname, searchParams } = new URL(message.url ?? '/', 'http://sandbox')
  if (!pathname.startsWith('/_sandbox/')) {
    const table = searchParams.get('etn') ?? ''
    const id = searchParams.get('id') ?? ''
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
    response.end(isTableName(table) ? recordPage(sandbox, table, id) : overviewPage(sandbox))
    return
  }
  const [status, reply] = answer(sandbox, `${message.method} ${pathname.slice('/_sandbox'.length)}`, body)
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(reply === undefined ? '' : JSON.stringify(reply))
}

function answer(sandbox: DataverseSandbox, what: string, body: string): [number, unknown?] {
  try {
    const rows = /^GET \/rows\/(\w+)$/.exec(what)?.[1]
    if (rows !== undefined) return [200, sandbox.rows(tableOf(rows))]
    const [, method, set, id] = /^(DELETE|PATCH) \/rows\/(\w+)\(([0-9a-f-]{36})\)$/i.exec(what) ?? []
    if (set !== undefined && id !== undefined) {
      if (method === 'DELETE') sandbox.remove(tableOf(set), id)
      else sandbox.update(tableOf(set), id, parse(body))
      return [204]
    }
    switch (what) {
      case 'GET /commits':
        return [200, sandbox.commits]
      case 'GET /calls':
        return [200, sandbox.calls]
      case 'POST /bend':
        sandbox.bend(toBend(parse(body)))
        return [204]
      case 'POST /seed': {
        const { table, columns } = parse(body)
        return [201, { id: sandbox.seed(tableOf(String(table)), record(columns)) }]
      }
      case 'POST /reset':
        sandbox.reset()
        return [204]
      default:
        return [404, { error: `no such control: ${what}` }]
    }
  } catch (error) {
    if (error instanceof DataverseError) return [error.status, { error: error.message, code: error.code }]
    return [400, { error: error instanceof Error ? error.message : String(error) }]
  }
}

function tableOf(name: string): TableName {
  const table = SETS[name] ?? name
  if (!isTableName(table)) throw new Error(`no such table: ${name}`)
  return table
}

function parse(body: string): Record<string, unknown> {
  return record(JSON.parse(body))
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error('a JSON object is wanted')
  return Object.fromEntries(Object.entries(value))
}

const OPERATIONS = ['create', 'batch', 'read', 'metadata'] as const

function toBend({ method, path, operation, how }: Record<string, unknown>): Bend {
  const known = OPERATIONS.find((name) => name === operation)
  if (operation !== undefined && !known) throw new Error(`operation is one of ${OPERATIONS.join(', ')}`)
  if (path !== undefined) new RegExp(String(path))
  return {
    how: toHow(record(how)),
    ...(method === undefined ? {} : { method: String(method) }),
    ...(path === undefined ? {} : { path: String(path) }),
    ...(known ? { operation: known } : {}),
  }
}

const SIMPLE = [
  'reset-before-commit',
  'reset-after-commit',
  'hang-before-commit',
  'hang-after-commit',
  'html-502-before-commit',
  'html-502-after-commit',
  'unauthorized',
  'deadlock',
] as const
const THROTTLES = ['0x80072321', '0x80072322', '0x80072326'] as const

function toHow(how: Record<string, unknown>): BendHow {
  const simple = SIMPLE.find((kind) => kind === how.kind)
  if (simple) return { kind: simple }
  switch (how.kind) {
    case 'fail-before-commit': {
      const status = how.status === undefined ? {} : { status: Number(how.status) }
      return {
        kind: how.kind,
        ...status,
        ...(how.retryAfter === undefined ? {} : { retryAfter: String(how.retryAfter) }),
      }
    }
    case 'cut-body-after-commit':
      return { kind: how.kind, ending: how.ending === 'clean' ? 'clean' : 'abrupt' }
    case 'drip-after-commit':
      return { kind: how.kind, gapMs: Number(how.gapMs ?? 1000) }
    case 'commit-late':
      return {
        kind: how.kind,
        afterMs: Number(how.afterMs ?? 1000),
        answer: how.answer === '504' ? '504' : 'reset',
      }
    case 'throttle': {
      const code = THROTTLES.find((known) => known === how.code)
      if (!code) throw new Error(`code is one of ${THROTTLES.join(', ')}`)
      return { kind: how.kind, code, retryAfter: String(how.retryAfter ?? '1') }
    }
    case 'error':
      return {
        kind: how.kind,
        status: Number(how.status),
        code: String(how.code),
        message: String(how.message),
      }
    default:
      throw new Error(`no such bend: ${String(how.kind)}`)
  }
}
