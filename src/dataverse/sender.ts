import type { Dispatcher } from 'undici'
import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { causeCode, type Log } from '../event-log.ts'
import { exchange, type WireReply } from '../exchange.ts'
import { retryAfterMs } from '../retry-after.ts'
import type { Limiter } from './limiter.ts'
import type { DataverseSettings } from './settings.ts'
import { judge, type Reply } from './verdict.ts'

export interface ApiRequest {
  method: 'GET' | 'POST'
  /** Below the service root, percent-encoded: `leads(…)?$select=…`. */
  path: string
  headers?: Readonly<Record<string, string>>
  body?: string
  /** What the event log calls this request: a verb and a table, never a value. */
  name: string
  /** Instead of `callTimeoutMs`. */
  timeoutMs?: number
  /** A refusal that the verb itself gives a meaning to, so that it is handed over and not thrown. */
  understands?: (reply: Reply) => boolean
  /** Parts of a batch. */
  operations?: number
  /** Its number of operations is what the pace allowed, and its slowness is a reason to allow less. */
  paced?: boolean
}

interface Passage extends CallContext {
  /** Called when the slot is there and the first byte may leave. */
  onStart(): void
}

export interface Sender {
  /** Waits for a slot and sends once. Rejects with whatever went wrong, in no particular words. */
  sendOnce(request: ApiRequest, token: string, passage: Passage): Promise<Sent>
  /** Tells the limiter what a reply means for the pace; gives the milliseconds for a Busy. */
  learn(reply: Reply, startedAtMs: number): number
  readonly stats: SenderStats
}

export interface SenderStats {
  /** HTTP requests, a $batch counting as one. */
  calls: number
  /** What the daily entitlement counts: each part of a batch for itself. */
  operations: number
  /** 429 replies, as a whole or in a part of a batch. */
  throttled: number
}

interface Sent {
  reply: Reply
  /** What a Busy made of this reply asks for. */
  waitMs: number
}

export const SERVICE_ROOT = '/api/data/v9.2/'

/** Required of every request. Source: Microsoft Learn, "Compose HTTP requests and handle errors". */
const standardHeaders = {
  accept: 'application/json',
  'odata-maxversion': '4.0',
  'odata-version': '4.0',
  'if-none-match': 'null',
}

export function createSender(options: {
  /** Of the organisation, such as https://contoso.crm4.dynamics.com. */
  origin: string
  dispatcher: Dispatcher
  limiter: Limiter
  settings: DataverseSettings
  clock: Clock
  log: Log
}): Sender {
  const { origin, dispatcher, limiter, settings, clock, log } = options
  const stats: SenderStats = { calls: 0, operations: 0, throttled: 0 }
  let hinted = false

  const takeHint = (wire: WireReply) => {
    const hint = Number.parseInt(wire.header('x-ms-dop-hint') ?? '', 10)
    if (hinted || !(hint > 0)) return
    hinted = true
    limiter.learn({ kind: 'hint', concurrency: hint })
  }

  const learn = (reply: Reply, startedAtMs: number): number => {
    const verdict = judge(reply)
    const told = retryAfterMs(reply.retryAfter, reply.date, clock.wall())
    const waitMs = Math.max(settings.retryAfterMinMs, told ?? settings.retryAfterDefaultMs)
    if (verdict.kind === 'throttled') {
      stats.throttled += 1
      limiter.learn({ kind: 'throttled', cause: verdict.cause, startedAtMs, retryAfterMs: waitMs })
    } else if (told !== undefined && reply.status === 503) {
      limiter.learn({ kind: 'pause', retryAfterMs: waitMs })
    } else if (reply.status < 500) {
      limiter.learn({ kind: 'served', saturated: limiter.saturated() })
    }
    return waitMs
  }

  return {
    async sendOnce(request, token, { signal, lane, onStart, beforeCall }) {
      const { operations = 1, paced = false } = request
      await limiter.admit(signal, lane)
      const startedAtMs = clock.now()
      const about = () => ({ request: request.name, ms: clock.now() - startedAtMs })
      stats.calls += 1
      stats.operations += operations
      onStart()
      try {
        beforeCall?.()
        const wire = await exchange(dispatcher, toWire(origin, request, token), signal)
        takeHint(wire)
        const reply = toReply(wire)
        const waitMs = learn(reply, startedAtMs)
        const { status, requestId: vendorRequestId } = reply
        const level = status === 429 || status >= 500 ? 'warn' : 'debug'
        log[level]({ event: 'dataverse-call', ...about(), status, vendorRequestId })
        return { reply, waitMs }
      } catch (cause) {
        log.warn({ event: 'dataverse-no-answer', ...about(), cause: causeCode(cause) })
        throw cause
      } finally {
        const slow = clock.now() - startedAtMs >= settings.batchSlowMs
        if (paced && slow) limiter.learn({ kind: 'slow', operations })
        limiter.release()
      }
    },
    learn,
    stats,
  }
}

function toWire(origin: string, request: ApiRequest, token: string) {
  const { method, body } = request
  return {
    origin,
    method,
    path: SERVICE_ROOT + request.path,
    headers: {
      ...standardHeaders,
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...request.headers,
    },
    ...(body === undefined ? {} : { body }),
  }
}

function toReply(wire: WireReply): Reply {
  // The service request id is sometimes two ids joined by a comma.
  const fallback = wire.header('x-ms-service-request-id')?.split(',').at(-1)?.trim()
  return {
    status: wire.status,
    contentType: wire.header('content-type'),
    requestId: wire.header('req_id') ?? fallback,
    retryAfter: wire.header('retry-after'),
    date: wire.header('date'),
    body: wire.body,
  }
}
