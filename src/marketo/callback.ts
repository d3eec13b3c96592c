import { Readable } from 'node:stream'
import { withDeadline } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { causeCode, type Log } from '../event-log.ts'
import { createAgent, exchangeHead, type WireRequest } from '../exchange.ts'
import { retryAfterMs } from '../retry-after.ts'
import { type CallbackAddress, readCallbackAddress } from './callback-address.ts'
import { AddressRefused, createResolver, type Lookup, systemLookup } from './callback-resolver.ts'

export interface Callback {
  url: string
  /** For x-api-key. */
  key: string
  /** For x-callback-token: the other side takes it once. */
  token: string
  /** JSON, in parts. */
  body: readonly string[]
}

/** `reason` is a code: `http-<status>` or one of CallbackTrouble. */
export type CallbackResult =
  /** A 2xx, whatever its body. */
  | { kind: 'accepted'; status: number }
  /** Network error, 429, 5xx: try again; `retryAfterMs` when the other side says so. */
  | { kind: 'again'; reason: string; retryAfterMs?: number }
  /** Any other status, or what may not or cannot be sent. */
  | { kind: 'final'; reason: string }

type CallbackTrouble =
  /** Its text, or what its host name resolves to, is not allowed. Nothing was sent. */
  | 'address-refused'
  /** Key or token is nothing that fits in a header. Nothing was sent. */
  | 'not-sendable'
  | 'name-not-resolved'
  | 'no-answer'

export interface CallbackSender {
  /** A sentence when an address may not be called by its text alone. Nobody is asked for it. */
  refuse(url: string): string | undefined
  /** Sends once and never throws; who aborts gets `again`. */
  send(callback: Callback, signal: AbortSignal): Promise<CallbackResult>
}

export interface CallbackSettings {
  /** From the look-up of the host to the last byte of the reply. */
  callbackTimeoutMs: number
  connectTimeoutMs: number
  /** Longest silence inside a reply's body. */
  bodyGapTimeoutMs: number
  /** Of a reply, which nobody reads; a longer one is cut off. */
  replyBytesMax: number
  urlLengthMax: number
}

export const defaultCallbackSettings: CallbackSettings = {
  callbackTimeoutMs: 60_000,
  connectTimeoutMs: 5_000,
  bodyGapTimeoutMs: 5_000,
  replyBytesMax: 65_536,
  urlLengthMax: 2_048,
}

export interface CallbackSenderOptions {
  /** Host names that may be called, with all below them. */
  hosts: readonly string[]
  /** Plain http to this machine is allowed: only where Marketo itself is the sandbox. */
  allowLoopback: boolean
  settings?: Partial<CallbackSettings>
  clock: Clock
  log: Log
  lookup?: Lookup
}

/**
 * Answers Marketo at the address that a call came with, which anybody with an API key can choose.
 * Each callback has a connection of its own, so that each address is checked when it is connected to.
 * Redirects are not followed. Source: Adobe, CFA-Swagger.yaml (selfServiceFlowComplete).
 */
export function createCallbackSender(options: CallbackSenderOptions): CallbackSender {
  const { clock, log, lookup = systemLookup } = options
  const settings = { ...defaultCallbackSettings, ...options.settings }
  const read = (url: string) => readCallbackAddress(url, { ...options, ...settings })

  const post = async (to: Allowed, callback: Callback, signal: AbortSignal): Promise<CallbackResult> => {
    const { callbackTimeoutMs } = settings
    const connection = { ...settings, concurrencyMax: 1, headersTimeoutMs: callbackTimeoutMs }
    const agent = createAgent(connection, createResolver(lookup, to.origin.startsWith('http:')))
    try {
      return await withDeadline(clock, callbackTimeoutMs, signal, async (bounded) => {
        const { status, header } = await exchangeHead(agent, toWire(to, callback), bounded)
        return resultOf(status, retryAfterMs(header('retry-after'), header('date'), clock.wall()))
      })
    } finally {
      await agent.destroy()
    }
  }

  return {
    refuse(url) {
      const address = read(url)
      return address.kind === 'refused' ? address.why : undefined
    },
    async send(callback, signal) {
      const startedAtMs = clock.now()
      const address = read(callback.url)
      let result: CallbackResult = { kind: 'final', reason: 'address-refused' }
      let cause: string | undefined
      try {
        if (address.kind === 'allowed') result = await post(address, callback, signal)
      } catch (error) {
        result = troubleOf(error)
        cause = causeCode(error)
      }
      const { kind, ...what } = result
      const level = kind === 'accepted' ? 'debug' : 'warn'
      log[level]({
        event: `callback-${kind}`,
        ms: clock.now() - startedAtMs,
        ...what,
        ...(cause && { cause }),
      })
      return result
    },
  }
}

type Allowed = Extract<CallbackAddress, { kind: 'allowed' }>

function toWire({ origin, path }: Allowed, { key, token, body }: Callback): WireRequest {
  const headers = { 'x-api-key': key, 'x-callback-token': token, 'content-type': 'application/json' }
  const request = { origin, path, method: 'POST', headers } as const
  const [only = '', ...others] = body
  if (others.length === 0) return { ...request, body: only }
  const bytes = body.reduce((sum, part) => sum + Buffer.byteLength(part), 0)
  return {
    ...request,
    headers: { ...headers, 'content-length': String(bytes) },
    body: Readable.from(body),
  }
}

function resultOf(status: number, waitMs: number | undefined): CallbackResult {
  if (status >= 200 && status < 300) return { kind: 'accepted', status }
  const reason = `http-${status}`
  if (status !== 429 && status < 500) return { kind: 'final', reason }
  return { kind: 'again', reason, ...(waitMs !== undefined && { retryAfterMs: waitMs }) }
}

/** Codes of getaddrinfo, as Node names them. */
const DNS_CODE = /^(?:EAI_|ENOTFOUND$)/

function troubleOf(error: unknown): { kind: 'again' | 'final'; reason: CallbackTrouble } {
  if (error instanceof AddressRefused) return { kind: 'final', reason: 'address-refused' }
  const code = causeCode(error)
  if (code === 'UND_ERR_INVALID_ARG') return { kind: 'final', reason: 'not-sendable' }
  return { kind: 'again', reason: DNS_CODE.test(code) ? 'name-not-resolved' : 'no-answer' }
}
