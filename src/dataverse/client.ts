import type { Dispatcher } from 'undici'
import { type CallContext, withDeadline } from '../abort.ts'
import type { Clock, Random } from '../clock.ts'
import { isVendorError, Unavailable, type VendorError } from '../errors.ts'
import { exchange, type WireReply } from '../exchange.ts'
import { causeCode, type Log } from '../log.ts'
import { retryAfterMs } from '../retry.ts'
import { type BatchPart, isMultipart, readBatch, writeBatch } from './batch.ts'
import type { Limiter } from './limiter.ts'
import type { DataverseSettings } from './settings.ts'
import type { Tokens } from './token.ts'
import { errorOf, judge, type Reply, unavailable } from './verdict.ts'

interface Batch {
  /** What the event log calls it. */
  name: string
  /** With paths below the service root. */
  parts: readonly BatchPart[]
  /** Holds as many parts as the pace allowed, and may take `bulkTimeoutMs`. */
  paced?: boolean
}

/** What became of one part of a batch. */
export type PartOutcome =
  /** `waitMs` is what a throttled part asks for. */
  | { kind: 'reply'; reply: Reply; waitMs: number }
  /**
   * It has no reply of its own. Unless it was `sent`, it was certainly not executed. `skipped`: the batch ended at an
   * error before it. `unreadable`: there was a reply to the batch that cannot be taken apart; a smaller one may be.
   */
  | { kind: 'no-reply'; error: VendorError; sent: boolean; why?: 'skipped' | 'unreadable' }

export interface Client {
  /**
   * A success, a missing row (404), a duplicate (412) or what the request understands; the verb knows what
   * these mean. Everything else is thrown, as Unauthorized, Rejected, Busy or Unavailable. Sends again only
   * after a 401.
   */
  send(request: ApiRequest, call: CallContext): Promise<Reply>
  /**
   * Reads in one $batch with continue-on-error, and in smaller ones where that is not answered part by part: one
   * reply for each part, in order, whatever its status but 429.
   */
  batch(batch: Batch, call: CallContext): Promise<readonly Reply[]>
  /** The same for writes: one outcome for each part, in order, and nothing is thrown. */
  attempt(batch: Batch, call: CallContext): Promise<PartOutcome[]>
}

/** Decide (judge), wait (limiter) and send (exchange) put together. Retries belong to the caller. */
export function createClient(options: {
  sender: Sender
  tokens: Tokens
  settings: DataverseSettings
  clock: Clock
  random: Random
}): Client {
  const { sender, tokens, settings, clock, random } = options

  const converse = async (request: ApiRequest, call: CallContext, delivery: Delivery): Promise<Reply> => {
    const passage = {
      ...call,
      onStart: () => {
        delivery.sent = true
      },
    }
    const refused = delivery.refusedToken
    delivery.token = await (refused === undefined ? tokens.get(call) : tokens.refresh(refused, call))
    let sent = await sender.sendOnce(request, delivery.token, passage)
    if (judge(sent.reply).kind === 'token-refused') {
      delivery.sent = false
      delivery.token = await tokens.refresh(delivery.token, call)
      sent = await sender.sendOnce(request, delivery.token, passage)
    }
    const { reply } = sent
    const error = request.understands?.(reply) ? undefined : errorOf(judge(reply), reply, sent.waitMs)
    if (error !== undefined) throw error
    return reply
  }

  const deliver = async (request: ApiRequest, call: CallContext, delivery: Delivery): Promise<Reply> => {
    const timeoutMs = request.timeoutMs ?? settings.callTimeoutMs
    try {
      return await withDeadline(clock, timeoutMs, call.signal, (signal) =>
        converse(request, { ...call, signal }, delivery),
      )
    } catch (cause) {
      if (isVendorError(cause)) throw cause
      throw new Unavailable(`no answer from Dataverse to ${request.name}`, { cause })
    }
  }

  const post = async (batch: Batch, call: CallContext, delivery: Delivery): Promise<PartOutcome[]> => {
    const startedAtMs = clock.now()
    const boundary = `batch_${random.uuid()}`
    const timeoutMs = batch.paced ? settings.bulkTimeoutMs : settings.callTimeoutMs
    const request = { ...batchRequest(batch, boundary), timeoutMs, understands: isMultipart }
    let reply: Reply | undefined
    try {
      reply = await deliver(request, call, delivery)
      const { replies, stopped } = readBatch(reply, batch.parts.length)
      const answered = replies.map((part): PartOutcome => {
        const throttled = judge(part).kind === 'throttled'
        return { kind: 'reply', reply: part, waitMs: throttled ? sender.learn(part, startedAtMs) : 0 }
      })
      const error = unavailable(reply, 'a batch ended at its first error')
      const rest: PartOutcome = stopped
        ? { kind: 'no-reply', error, sent: false, why: 'skipped' }
        : { kind: 'no-reply', error, sent: true }
      return [...answered, ...batch.parts.slice(replies.length).map(() => rest)]
    } catch (error) {
      if (!isVendorError(error)) throw error
      const isUnreadable = reply !== undefined && isMultipart(reply)
      const lost: PartOutcome = {
        kind: 'no-reply',
        error,
        sent: delivery.sent,
        ...(isUnreadable && { why: 'unreadable' }),
      }
      return batch.parts.map(() => lost)
    }
  }

  const once: Client['attempt'] = async (batch, call) => {
    const delivery: Delivery = { sent: false }
    const outcomes = await post(batch, call, delivery)
    // The token may have ended while the batch was at work; a part that it stopped was not executed.
    const stopped = outcomes.flatMap((outcome, index) => (isStopped(outcome) ? [index] : []))
    if (stopped.length === 0 || delivery.token === undefined) return outcomes
    const parts = batch.parts.filter((_, index) => isStopped(outcomes[index]))
    const again = await post({ ...batch, parts }, call, { sent: false, refusedToken: delivery.token })
    for (const [at, outcome] of again.entries()) outcomes[stopped[at] ?? 0] = outcome
    return outcomes
  }

  /** What a batch that ended at an error has not come to is sent in the next one: each brings some answers. */
  const attempt: Client['attempt'] = async (batch, call) => {
    const outcomes = await once(batch, call)
    for (let left = settings.batchSplitsMax; left > 0; left -= 1) {
      const from = outcomes.findIndex(isSkipped)
      if (from < 0) break
      const parts = batch.parts.slice(from)
      outcomes.splice(from, parts.length, ...(await once({ ...batch, parts }, call)))
    }
    return outcomes
  }

  return {
    send: (request, call) => deliver(request, call, { sent: false }),
    attempt,
    async batch(batch, call) {
      const replies: Reply[] = []
      let size = batch.parts.length
      while (replies.length < batch.parts.length) {
        const parts = batch.parts.slice(replies.length, replies.length + size)
        const outcomes = await attempt({ ...batch, parts }, call)
        const before = replies.length
        for (const outcome of outcomes) {
          if (outcome.kind === 'no-reply') break
          const verdict = judge(outcome.reply)
          if (verdict.kind === 'throttled') throw errorOf(verdict, outcome.reply, outcome.waitMs)
          replies.push(outcome.reply)
        }
        if (replies.length - before === parts.length) continue
        const [first] = outcomes
        const isHopeless = !isUnreadable(first) || parts.length === 1
        if (first?.kind === 'no-reply' && isHopeless) throw first.error
        size = Math.ceil(parts.length / 2)
      }
      return replies
    },
  }
}

function isSkipped(outcome: PartOutcome): boolean {
  return outcome.kind === 'no-reply' && outcome.why === 'skipped'
}

/** Smaller batches may be answered readably. */
export function isUnreadable(outcome: PartOutcome | undefined): boolean {
  return outcome?.kind === 'no-reply' && outcome.why === 'unreadable'
}

/** How far one request came. */
interface Delivery {
  sent: boolean
  token?: string
  /** To be replaced before the request is sent. */
  refusedToken?: string
}

function isStopped(outcome: PartOutcome | undefined): boolean {
  return outcome?.kind === 'reply' && judge(outcome.reply).kind === 'token-refused'
}

function batchRequest({ name, parts, paced = false }: Batch, boundary: string): ApiRequest {
  const headers = { accept: 'application/json', 'odata-maxversion': '4.0', 'odata-version': '4.0' }
  const written = parts.map((part) => ({
    ...part,
    path: SERVICE_ROOT + part.path,
    headers: { ...headers, ...part.headers },
  }))
  return {
    method: 'POST',
    path: '$batch',
    headers: {
      'content-type': `multipart/mixed; boundary="${boundary}"`,
      prefer: 'odata.continue-on-error',
    },
    body: writeBatch(boundary, written),
    name,
    operations: parts.length,
    paced,
  }
}

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
