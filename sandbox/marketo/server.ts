import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { Bends } from '../bends.ts'
import { readText } from '../listen.ts'
import { deliver, type Outcome, type Reply } from '../outcome.ts'
import { type Bend, type BendHow, misbehave, type Operation, operationOf } from './bends.ts'
import type { Call } from './call.ts'
import { apiCause } from './cause.ts'
import { fail, newRequestId, type Success, succeed } from './envelope.ts'
import { MarketoError, marketoError } from './errors.ts'
import type { Identity } from './identity.ts'
import type { Quota } from './limits.ts'
import { bodyOf, parametersOf, type Request, toRequest } from './request.ts'
import { routeFor } from './routes.ts'
import type { Subscription } from './subscription.ts'
import type { Usage } from './usage.ts'
import { refuseWhole, type WholeRefusal } from './whole-refusals.ts'

const URI_BYTES_MAX = 8 * 1024
const BODY_BYTES_MAX = 1024 * 1024

export interface ServerParts {
  identity: Identity
  quota: Quota
  marketo: Subscription
  usage: Usage
}

interface Answer {
  outcome: Outcome
  errorCode?: string
}

/** Identity and the REST API over HTTP: who asks, may they now, the work, does this reply misbehave. */
export class MarketoServer {
  readonly calls: Call[] = []
  /** See WholeRefusal. */
  readonly refusals: WholeRefusal[] = []
  readonly #parts: ServerParts
  readonly #bends = new Bends<Operation, BendHow>(operationOf)
  /** Writes whose callers were cut off before they were carried out. */
  readonly #late = new Set<NodeJS.Timeout>()
  readonly #tokenBends = new Bends<Operation, BendHow>(operationOf)

  constructor(parts: ServerParts) {
    this.#parts = parts
  }

  bend(bend: Bend): void {
    if (bend.operation === 'token') this.#tokenBends.add(bend)
    else this.#bends.add(bend)
  }

  unbend(): void {
    this.#bends.clear()
    this.#tokenBends.clear()
  }

  /** Forgets calls, bends and writes that are still to come; the quota is whole again. */
  reset(): void {
    for (const timer of this.#late) clearTimeout(timer)
    this.#late.clear()
    this.calls.length = 0
    this.refusals.length = 0
    this.unbend()
    this.#parts.quota.reset()
    this.#parts.usage.reset()
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
      method: request.verb,
      path: request.path.replace(/client_secret=[^&]*/, 'client_secret=***'),
      ...(operation && { operation }),
      status: outcome.status,
      ...(errorCode !== undefined && { errorCode }),
    })
    outcome.send(response)
  }

  async #identify(request: Request): Promise<Answer> {
    const { resource, verb, query } = request
    if (resource !== '/identity/oauth/token') return { outcome: deliver(plain(404)) }
    if (verb !== 'GET' && verb !== 'POST') return { outcome: deliver(plain(405)) }
    const how = this.#tokenBends.take(request)
    const run = async () => this.#parts.identity.grant(query)
    return { outcome: how ? await misbehave(how, { run, runLater: run }, 'token') : deliver(await run()) }
  }

  /** The slot among the concurrent ones is held until the connection is done with the reply. */
  async #admit(request: Request, response: ServerResponse): Promise<Answer> {
    if (Buffer.byteLength(request.path) > URI_BYTES_MAX) return { outcome: deliver(plain(414)) }
    if (Buffer.byteLength(request.body) > BODY_BYTES_MAX) return { outcome: deliver(plain(413)) }
    const { identity, quota } = this.#parts
    const unknown = identity.check(request.authorization)
    if (unknown) return refused(unknown)
    const routed = routeFor(request.method, request.resource)
    // Refusals of a method do not count. Adobe, "Error codes".
    if (routed === 'method' || !/^(GET|POST)$/.test(request.method)) {
      return refused(new MarketoError('605', `Request method '${request.verb}' not supported`))
    }
    const leave = quota.enter()
    if (leave instanceof MarketoError) return refused(leave)
    response.on('close', leave)
    const answer = await this.#answer(request)
    this.#parts.usage.count(answer.errorCode)
    return answer
  }

  async #answer(request: Request): Promise<Answer> {
    let errorCode: string | undefined
    const run = async () => {
      const worked = await this.#work(request)
      errorCode = worked.errorCode
      return worked.reply
    }
    const how = this.#bends.take(request)
    const runLater = (afterMs: number) => this.#later(afterMs, request)
    const outcome = how ? await misbehave(how, { run, runLater }, operationOf(request)) : deliver(await run())
    if (how) errorCode = how.kind === 'error' ? how.code : undefined
    return { outcome, ...(errorCode !== undefined && { errorCode }) }
  }

  #later(afterMs: number, request: Request): void {
    const timer = setTimeout(() => {
      this.#late.delete(timer)
      void this.#work(request)
    }, afterMs)
    this.#late.add(timer)
  }

  async #work(request: Request): Promise<{ reply: Reply; errorCode?: string }> {
    const requestId = newRequestId()
    try {
      refuseWhole(this.refusals, request)
      const begun = this.#begin(request, requestId)
      if (typeof begun !== 'function') return { reply: succeed(begun, requestId) }
      const { syncGapMs } = this.#parts.marketo.knobs
      if (syncGapMs > 0) await new Promise((resolve) => setTimeout(resolve, syncGapMs))
      return { reply: succeed(begun(), requestId) }
    } catch (error) {
      const told = error instanceof MarketoError ? error : marketoError('611')
      const reply = told.code === '413' ? plain(413) : fail(told, requestId)
      return { reply, errorCode: told.code }
    }
  }

  #begin(request: Request, requestId: string): Success | (() => Success) {
    const { marketo, usage } = this.#parts
    const routed = routeFor(request.method, request.resource)
    if (typeof routed === 'string') throw marketoError('610')
    return routed.route.run({
      marketo,
      usage,
      query: parametersOf(request),
      subject: routed.subject,
      body: () => bodyOf(request),
      cause: (method) => apiCause(requestId, method),
    })
  }
}

function refused(error: MarketoError): Answer {
  return { outcome: deliver(fail(error)), errorCode: error.code }
}

function plain(status: number): Reply {
  return { status, headers: { 'Content-Type': 'text/plain' }, body: STATUS_CODES[status] ?? '' }
}
