import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import type { Readable } from 'node:stream'
import { Agent, buildConnector, type Dispatcher } from 'undici'
import { untilAborted } from './abort.ts'

export interface WireRequest {
  origin: string
  path: string
  method: 'GET' | 'POST'
  headers: Record<string, string>
  /** Of a stream the headers give the length. */
  body?: string | Readable
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
 * The addresses of a host, or a rejection. Asked once for each connection, IP literals included, which undici's
 * own look-up never sees; nothing else is connected to.
 */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>

/**
 * Connections for one room, closed by whoever made them.
 * HTTP/1.1 on purpose: one connection a call keeps a slow reply from holding up its neighbours, and a
 * cut connection from losing more than one answer. undici 8 would negotiate HTTP/2 by itself.
 */
export function createAgent(settings: ConnectionSettings, resolve?: Resolve): Agent {
  const connect = { allowH2: false, timeout: settings.connectTimeoutMs }
  return new Agent({
    allowH2: false,
    connections: settings.concurrencyMax,
    maxOrigins: 4,
    connect: resolve === undefined ? connect : resolvedConnector(connect, resolve),
    headersTimeout: settings.headersTimeoutMs,
    bodyTimeout: settings.bodyGapTimeoutMs,
    maxResponseSize: settings.replyBytesMax,
  })
}

/** TLS is about the host's name as ever, and Node tries the addresses in turn. */
function resolvedConnector(
  settings: buildConnector.BuildOptions,
  resolve: Resolve,
): buildConnector.connector {
  const connectTo = (addresses: readonly LookupAddress[]) => {
    const lookup: LookupFunction = (_hostname, _options, found) => found(null, [...addresses])
    return buildConnector({ ...settings, autoSelectFamily: true, lookup })
  }
  return (options, callback) => {
    resolve(options.hostname).then(
      (addresses) => connectTo(addresses)(options, callback),
      (error) => callback(error, null),
    )
  }
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

/** The same where the status says it all: the body is dropped, and cut where the agent's bounds end. */
export async function exchangeHead(
  dispatcher: Dispatcher,
  request: WireRequest,
  signal: AbortSignal,
): Promise<Pick<WireReply, 'status' | 'header'>> {
  const { body = null, ...head } = request
  const reply = await untilAborted(dispatcher.request({ ...head, body, signal }), signal)
  // However the body ends, the answer has been given.
  await reply.body.dump().catch(() => undefined)
  return { status: reply.statusCode, header: (name) => first(reply.headers[name]) }
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
