import type { IncomingMessage, ServerResponse } from 'node:http'
import { readText } from '../listen.ts'
import { toBend } from './admin-bend.ts'
import { list, record, toCustomField, toWebhook, wholeNumber } from './admin-input.ts'
import { MarketoError } from './errors.ts'
import { STOCK_LIMITS } from './limits.ts'
import { overviewPage, personPage } from './page.ts'
import type { MarketoSandbox } from './sandbox.ts'

/** The human pages and the controls; everything else is Marketo's own. */
export function isAdminPath(url: string): boolean {
  return /^\/($|\?|people\/|_sandbox\/)/.test(url)
}

/** The programmatic controls over HTTP, so that another process can drive the sandbox. No authentication: it is on loopback. */
export async function answerAdmin(
  sandbox: MarketoSandbox,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = (await readText(message)) ?? ''
  const { pathname } = new URL(message.url ?? '/', 'http://sandbox')
  if (!pathname.startsWith('/_sandbox/')) {
    const id = /^\/people\/(\d+)$/.exec(pathname)?.[1]
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
    response.end(id === undefined ? overviewPage(sandbox) : personPage(sandbox, Number(id)))
    return
  }
  const what = `${message.method} ${pathname.slice('/_sandbox'.length)}`
  const [status, reply] = await answer(sandbox, what, body)
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(reply === undefined ? '' : JSON.stringify(reply))
}

async function answer(sandbox: MarketoSandbox, what: string, body: string): Promise<[number, unknown?]> {
  try {
    const [, method, id] = /^(GET|DELETE|PATCH) \/people\/(\d+)$/.exec(what) ?? []
    if (method !== undefined) return onPerson(sandbox, method, Number(id), body)
    const field = /^DELETE \/fields\/(\w+)$/.exec(what)?.[1]
    if (field !== undefined) {
      sandbox.removeField(field)
      return [204]
    }
    if (what.startsWith('GET ')) return look(sandbox, what)
    return await order(sandbox, what, body)
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error)
    return [400, { error: told, ...(error instanceof MarketoError && { code: error.code }) }]
  }
}

function onPerson(sandbox: MarketoSandbox, method: string, id: number, body: string): [number, unknown?] {
  const person = sandbox.person(id)
  if (!person) return [404, { error: `no such person: ${id}` }]
  if (method === 'GET') return [200, person]
  if (method === 'DELETE') sandbox.remove(id)
  else sandbox.update(id, parse(body))
  return [204]
}

function look(sandbox: MarketoSandbox, what: string): [number, unknown] {
  switch (what) {
    case 'GET /people':
      return [200, sandbox.people()]
    case 'GET /calls':
      return [200, sandbox.calls]
    case 'GET /activities':
      return [200, sandbox.activities]
    default:
      return [404, { error: `no such control: ${what}` }]
  }
}

async function order(sandbox: MarketoSandbox, what: string, body: string): Promise<[number, unknown?]> {
  switch (what) {
    case 'POST /seed':
      return [201, { id: sandbox.seed(parse(body)) }]
    case 'POST /merge': {
      const { winner, losers } = parse(body)
      const ids = list(losers, 'losers').map((id) => wholeNumber(id, 'losers'))
      sandbox.merge(wholeNumber(winner, 'winner'), ids)
      return [204]
    }
    case 'POST /fields':
      sandbox.addField(toCustomField(parse(body)))
      return [204]
    case 'POST /bend':
      sandbox.bend(toBend(parse(body)))
      return [204]
    case 'POST /limits':
      sandbox.setLimits(toLimits(parse(body)))
      return [204]
    case 'POST /revoke-token':
      sandbox.revokeToken()
      return [204]
    case 'POST /call-webhook':
      return [200, await sandbox.callWebhook(toWebhook(parse(body)))]
    case 'POST /reset':
      sandbox.reset()
      return [204]
    default:
      return [404, { error: `no such control: ${what}` }]
  }
}

function toLimits(members: Record<string, unknown>): Record<string, number> {
  const unknown = Object.keys(members).find((name) => !Object.hasOwn(STOCK_LIMITS, name))
  if (unknown !== undefined) throw new Error(`no such limit: ${unknown}`)
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, wholeNumber(value, name)]))
}

function parse(body: string): Record<string, unknown> {
  return record(JSON.parse(body))
}
