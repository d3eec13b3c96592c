import { DataverseError, uriError } from './errors.ts'

/** How a row is named in a URL. */
export type RowKey = { kind: 'id'; id: string } | { kind: 'columns'; columns: ReadonlyMap<string, string> }

export interface Segment {
  name: string
  key?: RowKey
  /** Raw text between the parentheses. */
  args?: string
}

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
// "Define alternate keys for a table": such values cannot be used to address a row, not even encoded.
const FORBIDDEN_IN_KEYS = /[/<>*%&:\\?+]/

export function isGuid(text: string): boolean {
  return GUID.test(text)
}

/** Splits a path below the service root. Slashes inside quotes belong to the value, as do encoded ones. */
export function parsePath(path: string): Segment[] {
  return splitOutsideQuotes(path, '/').map((part) => parseSegment(decode(part)))
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw uriError('The request URI is not valid: malformed percent encoding.')
  }
}

function parseSegment(text: string): Segment {
  const match = /^([^()]+)\((.*)\)$/s.exec(text)
  const [, name, args] = match ?? []
  if (name === undefined || args === undefined) return { name: text }
  return { name, args }
}

/** `leads(<guid>)`, `leads(leadid=<guid>)`, `leads(new_key='a',b=5)`. */
export function parseKey(args: string, primaryId: string): RowKey {
  if (isGuid(args)) return { kind: 'id', id: args.toLowerCase() }
  const columns = new Map<string, string>()
  for (const part of splitOutsideQuotes(args, ',')) {
    const at = part.indexOf('=')
    if (at < 1) throw uriError(`Bad Request - Error in query syntax: the key '${args}' is not valid.`)
    columns.set(part.slice(0, at).trim(), keyValue(part.slice(at + 1).trim()))
  }
  const id = columns.get(primaryId)
  if (columns.size === 1 && id !== undefined && isGuid(id)) return { kind: 'id', id: id.toLowerCase() }
  return { kind: 'columns', columns }
}

function keyValue(literal: string): string {
  if (!literal.startsWith("'")) return literal
  if (literal.length < 2 || !literal.endsWith("'")) {
    throw uriError(`There is an unterminated literal at position ${literal.length} in '${literal}'.`)
  }
  const value = literal.slice(1, -1).replaceAll("''", "'")
  if (FORBIDDEN_IN_KEYS.test(value)) {
    throw new DataverseError(
      404,
      '0x80060888',
      'A potentially dangerous Request.Path value was detected from the client.',
    )
  }
  return value
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = []
  let quoted = false
  let start = 0
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "'" || text.startsWith('%27', at)) quoted = !quoted
    else if (text[at] === separator && !quoted) {
      parts.push(text.slice(start, at))
      start = at + 1
    }
  }
  parts.push(text.slice(start))
  return parts
}
