import type { Dispatcher } from 'undici'
import { type CallContext, withDeadline } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Busy, isVendorError, Unavailable } from '../errors.ts'
import { exchange, type WireRequest } from '../exchange.ts'
import { causeCode, type Log } from '../log.ts'
import { type BudgetEvent, type Limiter, quotaResetMs } from './limiter.ts'
import type { MarketoSettings } from './settings.ts'
import type { Tokens } from './token.ts'
import { type Answer, errorOf, judge, type Verdict } from './verdict.ts'

/** Sends again only when the token is not taken, and then once: retries belong to the caller. */
export interface Client {
  /** Throws Unauthorized, Rejected, Busy or Unavailable. */
  read(request: ReadRequest, call: CallContext): Promise<Answer>
  /** The same; Busy means that nothing was executed, Unavailable that it may have been or may yet be. */
  write(request: WriteRequest, call: CallContext): Promise<Answer>
}

/** Decide (judge), wait (limiter) and send (exchange) put together. */
export function createClient(options: { sender: Sender; tokens: Tokens; settings: MarketoSettings }): Client {
  const { sender, tokens, settings } = options

  const converse = async (request: ReadRequest | WriteRequest, call: CallContext): Promise<Answer> => {
    const token = await tokens.get(call).catch(notSent)
    let { verdict, waitMs } = await sender.sendOnce(request, token, call)
    if (verdict.kind === 'error' && verdict.codeClass === 'token') {
      const other = await tokens.replace(token, call).catch(notSent)
      ;({ verdict, waitMs } = await sender.sendOnce(request, other, call))
    }
    if (verdict.kind === 'answer') return verdict.answer
    throw errorOf(verdict, waitMs, request.permission)
  }

  return {
    async read(request, call) {
      try {
        return await converse(request, call)
      } catch (cause) {
        if (isVendorError(cause)) throw cause
        if (cause instanceof NotSent && cause.cause instanceof Unavailable) throw cause.cause
        throw new Unavailable(`no answer from Marketo to ${request.name}`, { cause })
      }
    },
    async write(request, call) {
      try {
        return await converse(request, call)
      } catch (cause) {
        if (isVendorError(cause)) throw cause
        if (cause instanceof NotSent) {
          throw new Busy(
            `The request to Marketo could not be sent: ${request.name}`,
            settings.unsentRetryMs,
            { cause },
          )
        }
        throw new Unavailable(`no answer from Marketo to ${request.name}`, { cause })
      }
    },
  }
}

/** Without a token nothing is sent; a token that is refused has had no effect. */
function notSent(cause: unknown): never {
  throw cause instanceof Unavailable ? new NotSent('no token', { cause }) : cause
}

interface Request {
  /** Below /rest/v1/: `leads.json`. */
  path: string
  /** What the event log calls this request: a verb and a noun, never a value. */
  name: string
  /** What the API user's role must have, as Marketo's admin pages spell it. */
  permission: string
  /** From the request to the last byte of the reply; waiting for a slot has its own bounds. */
  timeoutMs: number
}

interface ReadRequest extends Request {
  query: URLSearchParams
}

export interface WriteRequest extends Request {
  json: string
}

/** Whatever went wrong, nothing of the request reached Marketo. */
class NotSent extends Error {
  override readonly name = 'NotSent'
}

interface Sent {
  verdict: Verdict
  /** What a Busy made of this verdict asks for. */
  waitMs: number
}

export interface Sender {
  /**
   * Waits for a slot and sends once. Rejects with Busy when there is none, with NotSent, or with whatever went
   * wrong under way, in no particular words.
   */
  sendOnce(request: ReadRequest | WriteRequest, token: string, call: CallContext): Promise<Sent>
  readonly stats: { calls: number; throttled: number }
}

export function createSender(options: {
  /** Of the instance, such as https://123-ABC-456.mktorest.com. */
  origin: string
  dispatcher: Dispatcher
  limiter: Limiter
  settings: MarketoSettings
  clock: Clock
  log: Log
}): Sender {
  const { origin, dispatcher, limiter, settings, clock, log } = options
  const stats = { calls: 0, throttled: 0 }

  const admitted = async ({ signal, lane }: CallContext) => {
    try {
      await withDeadline(clock, settings.slotWaitMaxMs, signal, (bounded) =>
        limiter.admit(lane === undefined ? { signal: bounded } : { signal: bounded, lane }),
      )
    } catch (cause) {
      throw isVendorError(cause) ? cause : new NotSent('no slot for a call to Marketo', { cause })
    }
  }

  const learn = (verdict: Verdict, startedAtMs: number): number => {
    const event = eventOf(verdict, startedAtMs)
    if (event === undefined) return quotaResetMs(clock.now(), settings) - clock.now()
    limiter.learn(event)
    if (event.kind === 'served') return settings.unsentRetryMs
    stats.throttled += 1
    return Math.max(limiter.waitMs(), settings.concurrencyRetryMs)
  }

  return {
    async sendOnce(request, token, call) {
      await admitted(call)
      const startedAtMs = clock.now()
      const about = () => ({ request: request.name, ms: clock.now() - startedAtMs })
      stats.calls += 1
      try {
        call.beforeCall?.()
        const wire = toWire(origin, request, token, settings)
        const { status, body } = await withDeadline(clock, request.timeoutMs, call.signal, (signal) =>
          exchange(dispatcher, wire, signal),
        )
        const verdict = judge({ status, body })
        const waitMs = learn(verdict, startedAtMs)
        log[verdict.kind === 'answer' ? 'debug' : 'warn']({
          event: 'marketo-call',
          ...about(),
          status,
          ...idsOf(verdict),
        })
        return { verdict, waitMs }
      } catch (cause) {
        log.warn({ event: 'marketo-no-answer', ...about(), cause: causeCode(cause) })
        throw unconnected.has(causeCode(cause)) ? new NotSent('no connection to Marketo', { cause }) : cause
      } finally {
        limiter.release()
      }
    },
    stats,
  }
}

/** Of errors before there is a connection: Node's, and undici's own. */
const unconnected = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'])

/** undefined = a quota that is not about calls. */
function eventOf(verdict: Verdict, startedAtMs: number): BudgetEvent | undefined {
  switch (verdict.kind === 'error' ? verdict.codeClass : 'other') {
    case 'window':
      return { kind: 'window-full' }
    case 'concurrency':
      return { kind: 'too-many-at-once', startedAtMs }
    case 'daily-calls':
      return { kind: 'day-used-up' }
    case 'daily-jobs':
      return undefined
    default:
      return { kind: 'served' }
  }
}

function idsOf(verdict: Verdict) {
  switch (verdict.kind) {
    case 'answer':
      return { vendorRequestId: verdict.answer.requestId }
    case 'error':
      return { vendorRequestId: verdict.requestId, code: verdict.code }
    case 'unreadable':
      return { vendorRequestId: verdict.requestId }
    case 'too-large':
      return {}
    default:
      return verdict satisfies never
  }
}

/**
 * A query that is too long for an address goes as a form, and stays a read.
 * Source: Adobe, "Lead database" (POST with _method=GET); "Authentication" (the token in the header only).
 */
function toWire(
  origin: string,
  request: ReadRequest | WriteRequest,
  token: string,
  { urlBytesMax }: MarketoSettings,
): WireRequest {
  const headers = { accept: 'application/json', authorization: `Bearer ${token}` }
  const address = `/rest/v1/${request.path}`
  if ('json' in request) {
    const typed = { ...headers, 'content-type': 'application/json' }
    return { origin, method: 'POST', path: address, headers: typed, body: request.json }
  }
  const body = request.query.toString()
  if (origin.length + address.length + 1 + body.length <= urlBytesMax) {
    return { origin, method: 'GET', path: body === '' ? address : `${address}?${body}`, headers }
  }
  const form = { ...headers, 'content-type': 'application/x-www-form-urlencoded' }
  return { origin, method: 'POST', path: `${address}?_method=GET`, headers: form, body }
}
