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
  | 'number-too-long'
  | 'key-too-long'
  | 'too-many-members'
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
    const { line, lineStart } = lineAt(text, offset)
    const column = offset - lineStart + 1
    super(`${problem} (line ${line}, column ${column}).`)
    this.code = code
    this.offset = offset
    this.line = line
    this.column = column
  }
}

/** The line that the offset is in, counted from 1, and where it starts; without a list of all lines before it. */
function lineAt(text: string, offset: number): { line: number; lineStart: number } {
  let line = 1
  let lineStart = 0
  for (;;) {
    const lineBreak = text.indexOf('\n', lineStart)
    if (lineBreak < 0 || lineBreak >= offset) return { line, lineStart }
    line += 1
    lineStart = lineBreak + 1
  }
}

/** What a JSON text may be made of, however long it is. */
export interface JsonLimits {
  /** Objects and lists inside each other. */
  depthMax: number
  /** Of one object. */
  membersMax: number
  /** Of a member's name, in UTF-16 units. */
  keyLengthMax: number
  /** Of a number as it is written, in characters. */
  numberLengthMax: number
}

export const JSON_LIMITS: JsonLimits = {
  depthMax: 32,
  membersMax: 1_000,
  keyLengthMax: 255,
  numberLengthMax: 64,
}

interface Cursor {
  readonly text: string
  readonly limits: JsonLimits
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

/**
 * One RFC 8259 value, a byte order mark tolerated. Throws MalformedJson and nothing else. Takes time in proportion to
 * the text, whatever it is made of.
 */
export function parseJson(input: string | Uint8Array, limits: JsonLimits = JSON_LIMITS): unknown {
  const text = (typeof input === 'string' ? input : decodeUtf8(input)).replace(/^\uFEFF/, '')
  const cursor: Cursor = { text, limits, at: 0 }
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
  const { depthMax } = cursor.limits
  if (depth > depthMax) throw fail(cursor, 'too-deep', `Nested more than ${depthMax} levels deep`)
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
  const { keyLengthMax, membersMax } = cursor.limits
  let members = 0
  cursor.at += 1
  if (take(cursor, '}')) return object
  do {
    skipWhitespace(cursor)
    const start = cursor.at
    if (cursor.text[start] !== '"') throw fail(cursor, 'malformed-json', 'A member name in quotes is missing')
    const key = readString(cursor)
    members += 1
    if (members > membersMax) {
      throw fail(cursor, 'too-many-members', `An object has more than ${membersMax} members`, start)
    }
    if (key.length > keyLengthMax) {
      throw fail(cursor, 'key-too-long', `A member name has more than ${keyLengthMax} characters`, start)
    }
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
  const { numberLengthMax } = cursor.limits
  if (literal.length > numberLengthMax) {
    throw fail(cursor, 'number-too-long', `A number has more than ${numberLengthMax} characters`)
  }
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
  let from = 0
  while (digits[from] === '0') from += 1
  let to = digits.length
  while (to > from && digits[to - 1] === '0') to -= 1
  return from === to ? '0' : `${digits.slice(from, to)}e${whole.length - from + Number(exponent)}`
}

/** Reading JSON of a vendor: each function gives undefined where the shape is another. */

export type JsonObject = Readonly<Record<string, unknown>>

export function parseObject(text: string): JsonObject | undefined {
  try {
    return asObject(JSON.parse(text))
  } catch {
    return undefined
  }
}

export function asObject(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined
}

export function asObjects(value: unknown): JsonObject[] | undefined {
  return Array.isArray(value) && value.every(isObject) ? value : undefined
}

export function asString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
