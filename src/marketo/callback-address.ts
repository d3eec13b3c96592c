import { isIP } from 'node:net'

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
