import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { Bends } from '../bends.ts'
import { readText } from '../listen.ts'
import { deliver, type Outcome, type Reply } from '../outcome.ts'
import { type Bend, type BendHow, misbehave, type Operation, operationOf } from './bends.ts'
import type { Call } from './call.ts'
import { fail, type Success, succeed } from './envelope.ts'
import { MarketoError, marketoError } from './errors.ts'
import { findLead, findLeads } from './find.ts'
import type { Identity } from './identity.ts'
import type { Quota } from './limits.ts'
import type { People } from './people.ts'
import type { Schema } from './schema.ts'

const URI_BYTES_MAX = 8 * 1024
const BODY_BYTES_MAX = 1024 * 1024

export interface ServerParts {
  identity: Identity
  quota: Quota
  schema: Schema
  people: People
}

/** An HTTP request, and with `_method=GET` the read that it carries in its body. */
interface Request {
  method: string
  /** As it came, with the query. */
  path: string
  resource: string
  query: URLSearchParams
  authorization: string | undefined
  contentType: string
  body: string
}

interface Answer {
  outcome: Outcome
  errorCode?: string
}

/** Identity and the lead database's reads over HTTP: who asks, may they now, the work, does this reply misbehave. */
export class MarketoServer {
  readonly calls: Call[] = []
  readonly #parts: ServerParts
  readonly #bends = new Bends<Operation, BendHow>(operationOf)
  readonly #tokenBends = new Bends<Operation, BendHow>(operationOf)

  constructor(parts: ServerParts) {
    this.#parts = parts
  }

  bend(bend: Bend): void {
    if (bend.operation === 'token') this.#tokenBends.add(bend)
    else this.#bends.add(bend)
  }

  /** Forgets calls and bends; the quota is whole again. */
  reset(): void {
    this.calls.length = 0
    this.#bends.clear()
    this.#tokenBends.clear()
    this.#parts.quota.reset()
  }

  async handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const at = Date.now()
    const body = await readText(message)
    if (body === undefined) {
      message.destroy()
      return
    }
    const request = toRequest(message, body)
    const operation = operationOf(request)
    const { outcome, errorCode } =
      operation === 'token' ? await this.#identify(request) : await this.#admit(request, response)
    this.calls.push({
      at,
      method: request.method,
      path: request.path.replace(/client_secret=[^&]*/, 'client_secret=***'),
      ...(operation && { operation }),
      status: outcome.status,
      ...(errorCode !== undefined && { errorCode }),
    })
    outcome.send(response)
  }

  async #identify(request: Request): Promise<Answer> {
    const { resource, method, query } = request
    if (resource !== '/identity/oauth/token') return { outcome: deliver(plain(404)) }
    if (method !== 'GET' && method !== 'POST') return { outcome: deliver(plain(405)) }
    const how = this.#tokenBends.take(request)
    const reply = this.#parts.identity.grant(query)
    return { outcome: how ? await misbehave(how, reply, 'token') : deliver(reply) }
  }

  /** The slot among the concurrent ones is held until the connection is done with the reply. */
  async #admit(request: Request, response: ServerResponse): Promise<Answer> {
    if (Buffer.byteLength(request.path) > URI_BYTES_MAX) return { outcome: deliver(plain(414)) }
    if (Buffer.byteLength(request.body) > BODY_BYTES_MAX) return { outcome: deliver(plain(413)) }
    const { identity, quota } = this.#parts
    const unknown = identity.check(request.authorization)
    if (unknown) return refused(unknown)
    if (!isRead(request)) {
      return refused(new MarketoError('605', `Request method '${request.method}' not supported`))
    }
    const leave = quota.enter()
    if (leave instanceof MarketoError) return refused(leave)
    response.on('close', leave)
    const how = this.#bends.take(request)
    const { reply, errorCode } = this.#work(request)
    if (!how) return { outcome: deliver(reply), ...(errorCode !== undefined && { errorCode }) }
    const outcome = await misbehave(how, reply, operationOf(request))
    return { outcome, ...(how.kind === 'error' && { errorCode: how.code }) }
  }

  #work(request: Request): { reply: Reply; errorCode?: string } {
    try {
      return { reply: succeed(this.#read(request.resource, parametersOf(request))) }
    } catch (error) {
      const told = error instanceof MarketoError ? error : marketoError('611')
      return { reply: fail(told), errorCode: told.code }
    }
  }

  #read(resource: string, query: URLSearchParams): Success {
    const { schema, people } = this.#parts
    const id = /^\/rest\/v1\/lead\/([^/]+)\.json$/.exec(resource)?.[1]
    if (id !== undefined) return findLead(schema, people, id, query)
    switch (resource) {
      case '/rest/v1/leads.json':
        return findLeads(schema, people, query)
      case '/rest/v1/leads/describe.json':
        return { result: schema.describe() }
      case '/rest/v1/leads/describe2.json':
        return { result: schema.describe2() }
      default:
        throw marketoError('610')
    }
  }
}

function refused(error: MarketoError): Answer {
  return { outcome: deliver(fail(error)), errorCode: error.code }
}

function plain(status: number): Reply {
  return { status, headers: { 'Content-Type': 'text/plain' }, body: STATUS_CODES[status] ?? '' }
}

function toRequest(message: IncomingMessage, body: string): Request {
  const path = message.url ?? '/'
  const [resource = '', ...search] = path.split('?')
  return {
    method: message.method ?? 'GET',
    path,
    resource,
    query: new URLSearchParams(search.join('?')),
    authorization: message.headers.authorization,
    contentType: message.headers['content-type'] ?? '',
    body,
  }
}

/** Long reads come as a POST that says `_method=GET`, in the query or in its form. Adobe, "Lead Database". */
function isRead({ method, query, body }: Request): boolean {
  if (method !== 'POST') return method === 'GET'
  const means = query.get('_method') ?? new URLSearchParams(body).get('_method')
  return means?.toUpperCase() === 'GET'
}

function parametersOf({ method, query, contentType, body }: Request): URLSearchParams {
  if (method === 'GET') return query
  if (!/^application\/x-www-form-urlencoded\b/i.test(contentType)) throw marketoError('612')
  return new URLSearchParams([...query, ...new URLSearchParams(body)])
}
