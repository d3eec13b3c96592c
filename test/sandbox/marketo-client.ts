import assert from 'node:assert/strict'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/index.ts'
import type { MarketoSandbox } from '../../sandbox/marketo/index.ts'
import { type Answer, isRecord, toAnswer } from './client.ts'

export interface MarketoClient extends AsyncDisposable {
  sandbox: Sandbox
  marketo: MarketoSandbox
  token: string
  /** `path` with its query; the token goes along unless said otherwise. */
  send(path: string, init?: RequestInit): Promise<Answer>
}

/** A running sandbox and a plain HTTP client with a token for its Marketo. */
export async function connectMarketo(options: SandboxOptions = {}): Promise<MarketoClient> {
  const sandbox = await startSandbox(options)
  const { marketo } = sandbox
  const token = String((await requestToken(marketo)).json?.access_token)
  return {
    sandbox,
    marketo,
    token,
    send: (path, init = {}) => get(marketo, path, { headers: { authorization: `Bearer ${token}` }, ...init }),
    [Symbol.asyncDispose]: () => sandbox.close(),
  }
}

export async function get(marketo: MarketoSandbox, path: string, init: RequestInit = {}): Promise<Answer> {
  return toAnswer(await fetch(`${marketo.url}${path}`, init))
}

export function requestToken(
  marketo: MarketoSandbox,
  changes: Record<string, string> = {},
  init: RequestInit = {},
): Promise<Answer> {
  const query = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: marketo.service.clientId,
    client_secret: marketo.service.clientSecret,
    ...changes,
  })
  return get(marketo, `/identity/oauth/token?${query}`, init)
}

/** The first error of an envelope that says no. */
export function errorOf(answer: Answer): Record<string, unknown> {
  assert.deepEqual([answer.status, answer.json?.success], [200, false], answer.text)
  const errors = answer.json?.errors
  assert.ok(Array.isArray(errors) && isRecord(errors[0]))
  return errors[0]
}

/** The result of an envelope that says yes. */
export function resultOf(answer: Answer): Record<string, unknown>[] {
  assert.deepEqual([answer.status, answer.json?.success], [200, true], answer.text)
  const result = answer.json?.result
  assert.ok(Array.isArray(result), answer.text)
  return result.filter(isRecord)
}

/** A write with a JSON body; a text goes out as it is. */
export function post(client: MarketoClient, path: string, body: unknown): Promise<Answer> {
  const headers = { authorization: `Bearer ${client.token}`, 'content-type': 'application/json' }
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return client.send(path, { method: 'POST', headers, body: text })
}

/** Of the records that were skipped the code, of the others what became of them. */
export function outcomes(answer: Answer, reasons = 'reasons'): string[] {
  return resultOf(answer).map((record) => {
    const told: unknown = record[reasons]
    return Array.isArray(told) ? `skipped ${Object(told[0]).code}` : String(record.status)
  })
}
