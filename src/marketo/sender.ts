import type { Dispatcher } from 'undici'
import { type CallContext, withDeadline } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { isVendorError } from '../errors.ts'
import { causeCode, type Log } from '../event-log.ts'
import { exchange, type WireRequest } from '../exchange.ts'
import { type BudgetEvent, quotaResetMs } from './budget.ts'
import type { Limiter } from './limiter.ts'
import type { MarketoSettings } from './settings.ts'
import { judge, type Verdict } from './verdict.ts'

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

export interface ReadRequest extends Request {
  query: URLSearchParams
}

export interface WriteRequest extends Request {
  json: string
}

/** Whatever went wrong, nothing of the request reached Marketo. */
export class NotSent extends Error {
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
