import assert from 'node:assert/strict'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/index.ts'

export interface Answer {
  status: number
  headers: Headers
  text: string
  /** The parsed body; undefined when it is no JSON object. */
  json: Record<string, unknown> | undefined
  /** `error.code` of a refusal. */
  code: string | undefined
}

export interface Client extends AsyncDisposable {
  sandbox: Sandbox
  token: string
  /** `path` below /api/data/v9.2/. */
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
}

/** A running sandbox and a plain HTTP client with a token for it. */
export async function connect(options: SandboxOptions = {}): Promise<Client> {
  const sandbox = await startSandbox(options)
  const token = await requestToken(sandbox)
  return {
    sandbox,
    token,
    send: (method, path, body, headers) => send(sandbox, token, method, path, body, headers),
    [Symbol.asyncDispose]: () => sandbox.close(),
  }
}

export async function requestToken(sandbox: Sandbox, changes: Record<string, string> = {}): Promise<string> {
  const answer = await postToken(sandbox, changes)
  assert.equal(answer.status, 200, answer.text)
  return String(answer.json?.access_token)
}

export async function postToken(
  sandbox: Sandbox,
  changes: Record<string, string> = {},
  tenant = sandbox.entra.tenantId,
): Promise<Answer> {
  const form = {
    grant_type: 'client_credentials',
    client_id: sandbox.entra.application.clientId,
    client_secret: sandbox.entra.application.clientSecret,
    scope: `${sandbox.dataverse.url}/.default`,
    ...changes,
  }
  const url = `${sandbox.entra.url}/${tenant}/oauth2/v2.0/token`
  return toAnswer(await fetch(url, { method: 'POST', body: new URLSearchParams(form) }))
}

export async function send(
  sandbox: Sandbox,
  token: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const payload = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }
  const response = await fetch(`${sandbox.dataverse.url}/api/data/v9.2/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...payload,
  })
  return toAnswer(response)
}

export async function toAnswer(response: Response): Promise<Answer> {
  const text = await response.text()
  const json = parse(text)
  const error = isRecord(json?.error) ? json.error : undefined
  return {
    status: response.status,
    headers: response.headers,
    text,
    json,
    code: typeof error?.code === 'string' ? error.code : undefined,
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The rows of a collection reply. */
export function rowsOf(answer: Answer): Record<string, unknown>[] {
  assert.equal(answer.status, 200, answer.text)
  const value = answer.json?.value
  assert.ok(Array.isArray(value))
  return value.filter(isRecord)
}
