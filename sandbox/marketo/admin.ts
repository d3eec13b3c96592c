import type { IncomingMessage, ServerResponse } from 'node:http'
import { readText } from '../listen.ts'
import { orderedOf } from './admin-endpoints.ts'
import { record } from './admin-input.ts'
import { MarketoError } from './errors.ts'
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
  const { pathname, searchParams } = new URL(message.url ?? '/', 'http://sandbox')
  if (!pathname.startsWith('/_sandbox/')) {
    const id = /^\/people\/(\d+)$/.exec(pathname)?.[1]
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
    response.end(id === undefined ? overviewPage(sandbox) : personPage(sandbox, Number(id)))
    return
  }
  const what = `${message.method} ${pathname.slice('/_sandbox'.length)}`
  const [status, reply] = await answer(sandbox, what, searchParams, body)
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(reply === undefined ? '' : JSON.stringify(reply))
}

async function answer(
  sandbox: MarketoSandbox,
  what: string,
  query: URLSearchParams,
  body: string,
): Promise<readonly [number, unknown?]> {
  try {
    const ordered = orderedOf(what)
    if (!ordered) return [404, { error: `no such control: ${what}` }]
    const { endpoint, subject } = ordered
    if (subject !== '' && !isThere(sandbox, what, subject)) return [404, { error: `no such one: ${subject}` }]
    return await endpoint.answer({ sandbox, subject, query, body: () => record(JSON.parse(body)) })
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error)
    return [400, { error: told, ...(error instanceof MarketoError && { code: error.code }) }]
  }
}

function isThere({ subscription }: MarketoSandbox, what: string, subject: string): boolean {
  if (what.includes(' /fields/')) return subscription.schema.field(subject) !== undefined
  return subscription.people.has(Number(subject))
}
