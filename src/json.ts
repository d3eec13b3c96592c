/**
 * JSON from strangers, read strictly: JSON.parse keeps the last of two equal keys and rounds big numbers
 * without a word, and what it keeps would be written into somebody's CRM.
 */

export type MalformedJsonCode =
  | 'malformed-json'
  | 'empty-body'
  | 'not-utf8'
  | 'control-character'
  | 'lone-surrogate'
  | 'duplicate-key'
  | 'forbidden-key'
  | 'number-out-of-range'
  | 'number-loses-digits'
  | 'too-deep'

/** The message ends with the place, and quotes nothing but member names. */
export class MalformedJson extends Error {
  override readonly name = 'MalformedJson'
  readonly code: MalformedJsonCode
  /** Index into the text, in UTF-16 units, after a byte order mark. */
  readonly offset: number
  /** Both count from 1. */
  readonly line: number
  readonly column: number
  constructor(code: MalformedJsonCode, problem: string, text: string, offset: number) {
    const before = text.slice(0, offset)
    const line = before.split('\n').length
    const column = offset - before.lastIndexOf('\n')
    super(`${problem} (line ${line}, column ${column}).`)
    this.code = code
    this.offset = offset
    this.line = line
    this.column = column
  }
}

export const JSON_DEPTH_MAX = 32

interface Cursor {
  readonly text: string
  readonly depthMax: number
  at: number
}

const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WHITESPACE = /[ \t\n\r]*/y
const KEYWORDS = [
  ['true', true],
  ['false', false],
  ['null', null],
] as const

/** UTF-8 bytes to text without a byte order mark. Throws MalformedJson `not-utf8`. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new MalformedJson('not-utf8', 'The body is not valid UTF-8', '', 0)
  }
}

/** One RFC 8259 value, a byte order mark tolerated. Throws MalformedJson and nothing else. */
export function parseJson(input: string | Uint8Array, options: { depthMax?: number } = {}): unknown {
  const text = (typeof input === 'string' ? input : decodeUtf8(input)).replace(/^\uFEFF/, '')
  const cursor: Cursor = { text, depthMax: options.depthMax ?? JSON_DEPTH_MAX, at: 0 }
  skipWhitespace(cursor)
  if (cursor.at === text.length) throw fail(cursor, 'empty-body', 'The body is empty')
  const value = readValue(cursor, 1)
  skipWhitespace(cursor)
  if (cursor.at < text.length) throw fail(cursor, 'malformed-json', 'Text after the end of the JSON value')
  return value
}

function fail(cursor: Cursor, code: MalformedJsonCode, problem: string, at = cursor.at): MalformedJson {
  return new MalformedJson(code, problem, cursor.text, at)
}

function skipWhitespace(cursor: Cursor): void {
  WHITESPACE.lastIndex = cursor.at
  WHITESPACE.exec(cursor.text)
  cursor.at = WHITESPACE.lastIndex
}

/** Skips white space, then takes the character if it is there. */
function take(cursor: Cursor, character: string): boolean {
  skipWhitespace(cursor)
  if (cursor.text[cursor.at] !== character) return false
  cursor.at += 1
  return true
}

function readValue(cursor: Cursor, depth: number): unknown {
  if (depth > cursor.depthMax) {
    throw fail(cursor, 'too-deep', `Nested more than ${cursor.depthMax} levels deep`)
  }
  skipWhitespace(cursor)
  const first = cursor.text[cursor.at]
  if (first === '{') return readObject(cursor, depth)
  if (first === '[') return readArray(cursor, depth)
  if (first === '"') return readString(cursor)
  for (const [word, value] of KEYWORDS) {
    if (cursor.text.startsWith(word, cursor.at)) {
      cursor.at += word.length
      return value
    }
  }
  return readNumber(cursor)
}

function readObject(cursor: Cursor, depth: number): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  cursor.at += 1
  if (take(cursor, '}')) return object
  do {
    skipWhitespace(cursor)
    const start = cursor.at
    if (cursor.text[start] !== '"') throw fail(cursor, 'malformed-json', 'A member name in quotes is missing')
    const key = readString(cursor)
    if (FORBIDDEN_KEYS.has(key)) {
      throw fail(cursor, 'forbidden-key', `A member may not be named "${key}"`, start)
    }
    if (Object.hasOwn(object, key)) {
      throw fail(cursor, 'duplicate-key', `The member "${key}" appears twice`, start)
    }
    if (!take(cursor, ':')) throw fail(cursor, 'malformed-json', `A colon is missing after "${key}"`)
    object[key] = readValue(cursor, depth + 1)
  } while (take(cursor, ','))
  if (!take(cursor, '}')) throw fail(cursor, 'malformed-json', 'A comma or a closing brace is missing')
  return object
}

function readArray(cursor: Cursor, depth: number): unknown[] {
  const array: unknown[] = []
  cursor.at += 1
  if (take(cursor, ']')) return array
  do {
    array.push(readValue(cursor, depth + 1))
  } while (take(cursor, ','))
  if (!take(cursor, ']')) throw fail(cursor, 'malformed-json', 'A comma or a closing bracket is missing')
  return array
}

function readString(cursor: Cursor): string {
  const start = cursor.at
  const end = closingQuote(cursor)
  const value = unescaped(cursor, start, end)
  if (!value.isWellFormed()) {
    throw fail(cursor, 'lone-surrogate', 'A string holds half of a surrogate pair', start)
  }
  cursor.at = end
  return value
}

/** Index just after the quote that ends the string which starts at the cursor. */
function closingQuote(cursor: Cursor): number {
  const { text } = cursor
  for (let at = cursor.at + 1; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit === 0x22) return at + 1
    if (unit === 0x5c) at += 1
    else if (unit < 0x20) {
      throw fail(cursor, 'control-character', 'A line break or control character inside a string', at)
    }
  }
  throw fail(cursor, 'malformed-json', 'A string is not closed', cursor.at)
}

function unescaped(cursor: Cursor, start: number, end: number): string {
  const raw = cursor.text.slice(start + 1, end - 1)
  if (!raw.includes('\\')) return raw
  try {
    const value: unknown = JSON.parse(cursor.text.slice(start, end))
    return String(value)
  } catch {
    throw fail(cursor, 'malformed-json', 'A string holds an unknown escape', start)
  }
}

function readNumber(cursor: Cursor): number {
  NUMBER.lastIndex = cursor.at
  const literal = NUMBER.exec(cursor.text)?.[0]
  if (literal === undefined) throw fail(cursor, 'malformed-json', 'A JSON value is missing or not quoted')
  const value = Number(literal)
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
    throw fail(cursor, 'number-out-of-range', 'A number is beyond 2^53; send it as a string')
  }
  if (significance(literal) !== significance(String(value))) {
    throw fail(
      cursor,
      'number-loses-digits',
      'A number has more digits than can be kept; send it as a string',
    )
  }
  cursor.at += literal.length
  return value
}

/** One spelling per decimal number: its digits without outer zeros, and the power of ten they start at. */
function significance(literal: string): string {
  const [, whole = '', fraction = '', exponent = '0'] = /^-?(\d+)(?:\.(\d+))?(?:e(.+))?$/i.exec(literal) ?? []
  const digits = `${whole}${fraction}`
  const leadingZeros = digits.length - digits.replace(/^0+/, '').length
  const significant = digits.replace(/^0+|0+$/g, '')
  return significant === '' ? '0' : `${significant}e${whole.length - leadingZeros + Number(exponent)}`
}
