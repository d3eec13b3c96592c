import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { Readable } from 'node:stream'
import { withDeadline } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { createAgent, exchangeHead, type Resolve, type WireRequest } from '../exchange.ts'
import { causeCode, type Log } from '../log.ts'
import { retryAfterMs } from '../retry.ts'

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

export interface CallbackRules {
  /** Host names that may be called, with all below them: `adobe.io` stands for `x.adobe.io` too. */
  hosts: readonly string[]
  /** Plain http to this machine, any port: how the sandbox is reached. */
  allowLoopback: boolean
  urlLengthMax: number
}

/** Where a callback goes, or a sentence why it does not. The sentence repeats nothing of the address. */
export type CallbackAddress =
  | { kind: 'allowed'; origin: string; path: string }
  | { kind: 'refused'; why: string }

/** Scheme, host, port and rest, in the one spelling that no two parsers read differently. */
const SHAPE =
  /^(https?):\/\/(\[::1\]|[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?)*)(?::(\d{1,5}))?(?:[/?][!"$-[\]-~]*)?$/i
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]'])
const HOST_LENGTH_MAX = 253

/** Decides by the text alone, without asking anybody. */
export function readCallbackAddress(text: string, rules: CallbackRules): CallbackAddress {
  const [, scheme = '', spelled = '', port] = (text.length <= rules.urlLengthMax && SHAPE.exec(text)) || []
  const host = spelled.toLowerCase()
  const url = URL.parse(text)
  // The parser turns 127.1, 0x7f000001 and their like into dotted decimals: then it is not what was written.
  if (!url || host === '' || url.hostname !== host) return refused('is not a plain https address')
  const allowed = { kind: 'allowed', origin: url.origin, path: url.pathname + url.search } as const
  if (scheme.toLowerCase() === 'http') {
    return rules.allowLoopback && LOOPBACK.has(host) ? allowed : refused('is not an https address')
  }
  if (isIP(host) !== 0 || host.startsWith('[')) return refused('names an IP address instead of a host')
  if (port !== undefined && port !== '443') return refused('names another port than 443')
  if (host.length > HOST_LENGTH_MAX || !rules.hosts.some((suffix) => isBelow(host, suffix.toLowerCase()))) {
    return refused('names a host that CALLBACK_HOSTS does not allow')
  }
  return allowed
}

/** Label by label: evil-adobe.io is not below adobe.io. */
function isBelow(host: string, suffix: string): boolean {
  return host === suffix || host.endsWith(`.${suffix}`)
}

function refused(what: string): CallbackAddress {
  return { kind: 'refused', why: `The callback address ${what}.` }
}

/** All addresses of a host name, as node:dns gives them. */
type Lookup = (hostname: string) => Promise<readonly LookupAddress[]>

const systemLookup: Lookup = (hostname) => lookup(hostname, { all: true })

/** A host that may be called by its name has an address that may not. */
class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
}

/**
 * One answer for the check and for the connection, so that no second look-up can give another one. One bad
 * address refuses them all: whoever mixes them is trying something.
 */
function createResolver(lookup: Lookup, isLoopback: boolean): Resolve {
  const isAllowed = isLoopback ? isLoopbackAddress : isPublicAddress
  return async (hostname) => {
    const family = isIP(hostname)
    const addresses = family === 0 ? await lookup(hostname) : [{ address: hostname, family }]
    if (addresses.length === 0)
      throw Object.assign(new Error('the host has no address'), { code: 'ENOTFOUND' })
    if (!addresses.every(({ address }) => isAllowed(address))) {
      throw new AddressRefused('the host has an address that may not be called')
    }
    return addresses
  }
}

/** Source: IANA, "IPv4 Special-Purpose Address Registry" and "IPv4 Multicast Address Space". */
const specialIpv4 = blockList('ipv4', [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24'],
  ...['192.168.0.0/16', '192.175.48.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
  // Azure's platform answers here on every virtual machine, although the range is a public one.
  '168.63.129.16/32',
])

/** All that is routed in public lies in here: no mapped, translated, local or multicast address does. */
const globalIpv6 = blockList('ipv6', ['2000::/3'])

/** Source: IANA, "IPv6 Special-Purpose Address Registry": protocol assignments (Teredo), documentation, 6to4. */
const specialIpv6 = blockList('ipv6', [
  ...['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'],
])

const loopbackIpv4 = blockList('ipv4', ['127.0.0.0/8'])

/** Whether an IP address can only be a host of the public Internet. false for a text that is no address. */
export function isPublicAddress(address: string): boolean {
  switch (familyOf(address)) {
    case 4:
      return !specialIpv4.check(address, 'ipv4')
    case 6:
      return globalIpv6.check(address, 'ipv6') && !specialIpv6.check(address, 'ipv6')
    default:
      return false
  }
}

export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || (familyOf(address) === 4 && loopbackIpv4.check(address, 'ipv4'))
}

/** An address with a zone (fe80::1%eth0) belongs to one link and counts as none. */
function familyOf(address: string): number {
  return address.includes('%') ? 0 : isIP(address)
}

function blockList(family: 'ipv4' | 'ipv6', subnets: readonly string[]): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [net = '', prefix = ''] = subnet.split('/')
    list.addSubnet(net, Number(prefix), family)
  }
  return list
}
