import type { Value } from '../value.ts'
import type { FieldType } from './definition.ts'

/** What a value of a callback does: it is written, it clears, or nothing comes of it. */
export type Effect = { kind: 'write'; value: Value } | { kind: 'clear' } | { kind: 'nothing' }

const TEXT_BYTES_MAX = 2000
const STRING_BYTES_MAX = 255
const INT32_MAX = 0x7fffffff

const NOTHING: Effect = { kind: 'nothing' }
const write = (value: Value): Effect => ({ kind: 'write', value })

/** `present` is what a relative score starts from. Adobe, service provider interface, "Data types" and known issues. */
export function effectOf(dataType: FieldType, value: unknown, present: Value | undefined): Effect {
  if (value === undefined) return NOTHING
  switch (dataType) {
    case 'string':
    case 'url':
    case 'email':
      return textEffect(value, STRING_BYTES_MAX)
    case 'text':
      return textEffect(value, TEXT_BYTES_MAX)
    case 'boolean':
      return booleanEffect(value)
    case 'integer':
      return wholeEffect(numberOf(value))
    case 'float': {
      const number = numberOf(value)
      return number === undefined ? NOTHING : write(number)
    }
    case 'score':
      return scoreEffect(value, present)
    case 'date':
      return typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value) ? write(value) : NOTHING
    case 'datetime':
      return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? write(value) : NOTHING
    default:
      return dataType satisfies never
  }
}

/** JSON null does not clear a text; the text "null" does. */
function textEffect(value: unknown, bytesMax: number): Effect {
  if (value === 'null') return { kind: 'clear' }
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return NOTHING
  return write(cut(String(value), bytesMax))
}

function booleanEffect(value: unknown): Effect {
  if (value === null) return write(false)
  if (value === 'true' || value === 'false') return write(value === 'true')
  return typeof value === 'boolean' ? write(value) : NOTHING
}

function wholeEffect(number: number | undefined): Effect {
  const fits = number !== undefined && Number.isInteger(number) && Math.abs(number) <= INT32_MAX
  return fits ? write(number) : NOTHING
}

function scoreEffect(value: unknown, present: Value | undefined): Effect {
  const isRelative = typeof value === 'string' && /^[+-]\d+$/.test(value)
  const base = isRelative && typeof present === 'number' ? present : 0
  const number = numberOf(value)
  return wholeEffect(number === undefined ? undefined : base + number)
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return typeof value === 'string' && /^[+-]?\d+(\.\d+)?$/.test(value) ? Number(value) : undefined
}

/** Bytes, never half a character. */
function cut(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= bytesMax) return text
  let end = bytesMax
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return bytes.subarray(0, end).toString('utf8')
}
