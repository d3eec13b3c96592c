import type { IncomingMessage, ServerResponse } from 'node:http'
import { readText } from '../listen.ts'
import { CONTROLS } from './admin-controls.ts'
import { parse, tableOf } from './admin-input.ts'
import { DataverseError } from './errors.ts'
import { overviewPage, recordPage } from './page.ts'
import type { DataverseSandbox } from './sandbox.ts'
import { isTableName } from './table.ts'

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
      case 'GET /knobs':
        return [200, sandbox.knobs]
      case 'POST /reset':
        sandbox.reset()
        return [204]
    }
    const control = /^POST \/([\w-]+)$/.exec(what)?.[1] ?? ''
    const carryOut = Object.hasOwn(CONTROLS, control) ? CONTROLS[control] : undefined
    if (!carryOut) return [404, { error: `no such control: ${what}` }]
    const made = carryOut(sandbox, parse(body))
    return made === undefined ? [204] : [control === 'seed' ? 201 : 200, made]
  } catch (error) {
    if (error instanceof DataverseError) return [error.status, { error: error.message, code: error.code }]
    return [400, { error: error instanceof Error ? error.message : String(error) }]
  }
}
