import { invalidPagingToken, invalidValue, missingParameter, tooManyValues } from './errors.ts'

/** Of the query of a read. Each reader throws the vendor's refusal. */

const PAGE_MAX = 300
const INSTANT = /^(\d{4}-\d\d-\d\d)(?:(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/

/** Comma-separated and repeated forms both occur; a comma inside a value cannot be said. */
export function listOf(query: URLSearchParams, name: string): string[] {
  return query
    .getAll(name)
    .flatMap((list) => list.split(',').map((item) => item.trim()))
    .filter((item) => item !== '')
}

export function numbersOf(query: URLSearchParams, name: string, valuesMax: number): number[] {
  const values = listOf(query, name)
  if (values.length > valuesMax) throw tooManyValues(valuesMax)
  const wrong = values.find((value) => !/^\d{1,10}$/.test(value))
  if (wrong !== undefined) throw invalidValue(wrong, name)
  return values.map(Number)
}

export function required(query: URLSearchParams, name: string): string {
  const value = query.get(name) ?? ''
  if (value === '') throw missingParameter(name)
  return value
}

export function pageSize(query: URLSearchParams): number {
  const asked = Number(query.get('batchSize') ?? PAGE_MAX)
  return Number.isInteger(asked) && asked > 0 ? Math.min(asked, PAGE_MAX) : PAGE_MAX
}

/** ISO 8601, in UTC unless it says another zone, or a date alone; epoch ms. */
export function instantOf(text: string, name: string): number {
  const [, day, time, zone = 'Z'] = INSTANT.exec(text) ?? []
  const at = Date.parse(
    time === undefined ? (day ?? '') : `${day}${time}${zone.replace(/(\d\d)(\d\d)$/, '$1:$2')}`,
  )
  if (Number.isNaN(at)) throw invalidValue(text, name)
  return at
}

/** One page of a list that does not change much. */
export function pageOf<T>(
  all: readonly T[],
  query: URLSearchParams,
): { result: T[]; nextPageToken?: string } {
  const from = readOffset(query.get('nextPageToken'))
  const to = from + pageSize(query)
  return { result: all.slice(from, to), ...(to < all.length && { nextPageToken: offsetToken(to) }) }
}

/** Opaque to the client, and shaped like the real ones. */
function offsetToken(offset: number): string {
  return `${Buffer.from(`offset ${offset}`).toString('hex').toUpperCase()}====`
}

function readOffset(token: string | null): number {
  if (token === null || token === '') return 0
  const offset = /^offset (\d+)$/.exec(Buffer.from(token, 'hex').toString())?.[1]
  if (offset === undefined) throw invalidPagingToken()
  return Number(offset)
}
