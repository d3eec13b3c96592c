import { Agent, type Dispatcher } from 'undici'
import { untilAborted } from './abort.ts'

export interface WireRequest {
  origin: string
  path: string
  method: 'GET' | 'POST'
  headers: Record<string, string>
  body?: string
}

export interface WireReply {
  status: number
  /** Lower-case names; of a repeated header the first value. */
  header(name: string): string | undefined
  body: string
}

export interface ConnectionSettings {
  /** Connections to one origin. */
  concurrencyMax: number
  connectTimeoutMs: number
  headersTimeoutMs: number
  /** Longest silence inside a reply's body; a steady drip is bounded by the signal only. */
  bodyGapTimeoutMs: number
  replyBytesMax: number
}

/**
 * Connections for one room, closed by whoever made them.
 * HTTP/1.1 on purpose: one connection a call keeps a slow reply from holding up its neighbours, and a
 * cut connection from losing more than one answer. undici 8 would negotiate HTTP/2 by itself.
 */
export function createAgent(settings: ConnectionSettings): Agent {
  return new Agent({
    allowH2: false,
    connections: settings.concurrencyMax,
    maxOrigins: 4,
    connect: { timeout: settings.connectTimeoutMs },
    headersTimeout: settings.headersTimeoutMs,
    bodyTimeout: settings.bodyGapTimeoutMs,
    maxResponseSize: settings.replyBytesMax,
  })
}

/**
 * One request and its whole reply, or a rejection as soon as `signal` aborts.
 * undici hears the signal only once a request has its connection: then it drops the request unsent, or
 * destroys the reply. Until then the wait is raced against the signal here.
 */
export async function exchange(
  dispatcher: Dispatcher,
  request: WireRequest,
  signal: AbortSignal,
): Promise<WireReply> {
  const { body = null, ...head } = request
  const reply = await untilAborted(dispatcher.request({ ...head, body, signal }), signal)
  const text = await untilAborted(reply.body.text(), signal)
  return { status: reply.statusCode, header: (name) => first(reply.headers[name]), body: text }
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
