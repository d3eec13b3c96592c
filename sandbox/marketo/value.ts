import { invalidValue, MarketoError } from './errors.ts'
import type { Field } from './schema.ts'

export type Value = string | number | boolean

/** What becomes of a text that is longer than its field; Adobe does not say. */
export type Overlong = 'skip' | 'truncate'

/** What becomes of a text with characters outside the Basic Multilingual Plane. */
export type BeyondBmp = 'keep' | 'cut'

const TEXT_BYTES_MAX = 30_000

/** undefined = empty: null and the empty string both clear a field. Throws the vendor's refusal. */
export function checkValue(
  field: Field,
  value: unknown,
  overlong: Overlong = 'skip',
  beyondBmp: BeyondBmp = 'keep',
): Value | undefined {
  if (value === null || value === undefined || value === '') return undefined
  switch (field.dataType) {
    case 'integer':
    case 'percent':
    case 'score':
    case 'reference':
      if (Number.isInteger(value) && Math.abs(Number(value)) <= 0x7fffffff) return Number(value)
      throw invalidValue(value, field.name)
    case 'float':
    case 'currency':
      if (typeof value === 'number' && Number.isFinite(value)) return value
      throw invalidValue(value, field.name)
    case 'boolean':
      if (typeof value === 'boolean') return value
      throw invalidValue(value, field.name)
    case 'date':
      if (typeof value === 'string' && isDay(value)) return value
      throw invalidValue(value, field.name)
    case 'datetime':
      if (typeof value === 'string' && !Number.isNaN(Date.parse(value))) return stamp(Date.parse(value))
      throw invalidValue(value, field.name)
    default:
      return beyondBmp === 'keep'
        ? checkText(field, value, overlong)
        : beforeEmoji(checkText(field, value, overlong) ?? '') || undefined
  }
}

/** Blanks at both ends are dropped, as recorded; a text of nothing else is empty. */
function checkText(field: Field, given: unknown, overlong: Overlong): string | undefined {
  if (typeof given !== 'string') throw invalidValue(given, field.name)
  const value = given.trim()
  if (value === '') return undefined
  // Adobe, "Leads": an address holds ASCII characters only.
  if (field.dataType === 'email' && /[^\x20-\x7e]/.test(value)) {
    throw new MarketoError('1003', 'Invalid email address')
  }
  if (fits(field, value)) return value
  if (overlong === 'truncate') return cut(field, value)
  throw invalidValue(value, field.name)
}

function beforeEmoji(text: string): string {
  return text.replace(/[\u{10000}-\u{10FFFF}].*$/su, '').trim()
}

/** Most text is measured in characters, long text in bytes. */
function fits({ length }: Field, text: string): boolean {
  return length === undefined ? Buffer.byteLength(text) <= TEXT_BYTES_MAX : text.length <= length
}

function cut({ length }: Field, text: string): string {
  if (length !== undefined) return text.slice(0, length)
  // A character that is cut in two decodes to the replacement character.
  return Buffer.from(text).subarray(0, TEXT_BYTES_MAX).toString('utf8').replace(/�$/, '')
}

function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.startsWith(text) === true
}

/** Whole seconds, UTC. */
export function stamp(at: number = Date.now()): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')
}
