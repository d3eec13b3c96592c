import type { FieldValue } from '../../person/person.ts'
import { nfkc } from '../../person/text.ts'

/** What a side may make of a value that it is given: a form of its own, and no edit of anybody. */

/** Marketo can store a text cut off before the first of these. Source: test/sandbox, "the text before an emoji". */
const BEYOND_BMP = /[\u{10000}-\u{10FFFF}]/u
/** Shorter beginnings of a text are edits. */
const CUT_LENGTH_MIN = 255
/** A side rounds to as many decimal places. */
const DECIMALS_MAX = 6

/** A text that Marketo may have cut. */
export function isCuttable(value: FieldValue | undefined): boolean {
  return typeof value === 'string' && BEYOND_BMP.test(value)
}

/** The text up to its first character outside the Basic Multilingual Plane; blanks at the end do not count. */
export function isCutBeforeEmoji(own: FieldValue, sent: FieldValue): boolean {
  if (typeof sent !== 'string' || (own !== null && typeof own !== 'string')) return false
  const place = sent.search(BEYOND_BMP)
  return place >= 0 && sent.slice(0, place).trim() === (own ?? '').trim()
}

/**
 * Whether a side may have made `own` of `sent`: cut, trimmed, folded into one line, escaped, rounded, or written
 * with other case and punctuation. Evidence of its own only where nothing better is to be had.
 */
export function isLikelyForm(own: FieldValue, sent: FieldValue): boolean {
  if (own === sent) return false
  if (typeof sent === 'number') return typeof own === 'number' && isRounded(own, sent)
  if (typeof sent !== 'string' || (own !== null && typeof own !== 'string')) return false
  if (isCutBeforeEmoji(own, sent)) return true
  if (own === null) return false
  if (own.length >= CUT_LENGTH_MIN && sent.startsWith(own)) return true
  const core = coreOf(own)
  return core !== '' && core === coreOf(sent)
}

function isRounded(own: number, sent: number): boolean {
  if (Math.fround(sent) === own) return true
  for (let places = 0; places <= DECIMALS_MAX; places += 1) {
    if (Number(sent.toFixed(places)) === own || truncated(sent, places) === own) return true
  }
  return false
}

function truncated(value: number, places: number): number {
  return Math.trunc(value * 10 ** places) / 10 ** places
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** Letters and digits, without what sides change on their own. */
function coreOf(text: string): string {
  const plain = text.replace(
    /&(?:#(\d{1,7})|#x([\da-f]{1,6})|(amp|lt|gt|quot|apos));/gi,
    (whole, decimal, hex, name) => {
      if (name) return ENTITIES[String(name).toLowerCase()] ?? whole
      const code = decimal ? Number(decimal) : Number.parseInt(hex, 16)
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole
    },
  )
  return nfkc(plain)
    .replace(/[^\p{L}\p{N}\u{10000}-\u{10FFFF}]/gu, '')
    .toLowerCase()
}
