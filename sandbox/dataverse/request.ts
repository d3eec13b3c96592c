import type { Reply } from '../outcome.ts'
import { payloadError, uriError } from './errors.ts'

/** One operation, whether it came alone or as a part of a $batch. */
export interface Request {
  method: string
  /** Below the service root, still percent-encoded, without the query. */
  path: string
  query: ReadonlyMap<string, string>
  /** Names in lower case. */
  headers: ReadonlyMap<string, string>
  body: string
  /** Dataverse's id of the user that asks. */
  userId: string
  /** Change sets: `$1` to the URL of the row that part 1 made. */
  references: ReadonlyMap<string, string>
}

const JSON_TYPE = 'application/json; odata.metadata=minimal'

export function jsonReply(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  return {
    status,
    headers: { 'Content-Type': JSON_TYPE, 'OData-Version': '4.0', ...headers },
    body: JSON.stringify(body),
  }
}

/** Real clients send the `$` of `$batch` encoded, too. */
export function isBatch(path: string): boolean {
  return /^(\$|%24)batch$/i.test(path)
}

/**
 * Refuses every query option that is not played here: a real organisation would give other rows than all of them.
 * Parameter aliases (`@p1`) and `tag`, which only plug-ins see, are no query options.
 */
export function checkOptions(query: ReadonlyMap<string, string>, known: readonly string[]): void {
  for (const name of query.keys()) {
    if (known.includes(name) || name.startsWith('@') || name === 'tag') continue
    throw uriError(`The query option '${name}' is not supported by this sandbox.`)
  }
}

/** Query options as real clients write them: `+` is a space and `%24` is `$`. */
export function parseQuery(text: string): Map<string, string> {
  const options = new Map<string, string>()
  for (const part of text.split('&')) {
    if (part === '') continue
    const at = part.indexOf('=')
    const [name, value] = at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)]
    options.set(unescapeQuery(name), unescapeQuery(value))
  }
  return options
}

function unescapeQuery(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}

export function parseBody(body: string, entitySet: string): Record<string, unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    throw payloadError(entitySet, 'The payload is not valid JSON.')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw payloadError(entitySet, 'A JSON object was expected as the payload of an entity.')
  }
  return Object.fromEntries(Object.entries(parsed))
}

/** The preferences of a request, names in lower case, quotes removed. */
export function preferences(headers: ReadonlyMap<string, string>): Map<string, string> {
  const found = new Map<string, string>()
  for (const match of (headers.get('prefer') ?? '').matchAll(/([\w.-]+)(?:\s*=\s*("[^"]*"|[^,;]*))?/g)) {
    const [, name, value = ''] = match
    if (name) found.set(name.toLowerCase(), value.trim().replace(/^"|"$/g, ''))
  }
  return found
}

const PAGE_SIZE_MAX = 5000

export function pageSizeOf(headers: ReadonlyMap<string, string>): number {
  return Math.min(wholeNumber(preferences(headers).get('odata.maxpagesize')) ?? PAGE_SIZE_MAX, PAGE_SIZE_MAX)
}

export function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d+$/.test(text) || Number(text) < 1) throw uriError(`Invalid value '${text}' for a number of rows.`)
  return Number(text)
}

/** The header that echoes those of the preferences that were honoured. */
export function applied(
  headers: ReadonlyMap<string, string>,
  honoured: readonly string[],
): Record<string, string> {
  const echoed = [...preferences(headers)]
    .filter(([name]) => honoured.includes(name))
    .map(([name, value]) => (value === '' ? name : `${name}=${isPlain(value) ? value : `"${value}"`}`))
  return echoed.length === 0 ? {} : { 'Preference-Applied': echoed.join(',') }
}

function isPlain(value: string): boolean {
  return /^[\w-]+$/.test(value)
}
