import type { Reply } from '../outcome.ts'
import { unknownProperty, uriError } from './errors.ts'
import { type Filter, parseFilter } from './filter.ts'
import { compareValues, matching } from './match.ts'
import type { Organisation } from './organisation.ts'
import { parseAnnotations, parseSelect, renderRow } from './render.ts'
import { jsonReply, preferences, type Request } from './request.ts'
import type { Row } from './rows.ts'
import { type Column, columnOfProperty, type Table, type Value } from './table.ts'

const PAGE_SIZE_MAX = 5000
const KNOWN_OPTIONS = ['$select', '$filter', '$orderby', '$top', '$count', '$skiptoken']

interface Order {
  column: Column
  descending: boolean
}

/** GET of an entity set. */
export function queryTable(organisation: Organisation, table: Table, request: Request): Reply {
  checkOptions(request.query)
  const { query } = request
  const selection = parseSelect(table, query.get('$select'))
  const filter = filterOf(table, query)
  const order = parseOrder(table, query.get('$orderby'))
  const prefer = preferences(request.headers)
  const pageSize = Math.min(wholeNumber(prefer.get('odata.maxpagesize')) ?? PAGE_SIZE_MAX, PAGE_SIZE_MAX)
  const top = prefer.has('odata.maxpagesize') ? undefined : wholeNumber(query.get('$top'))

  const found = [...matching(organisation.rows, table, filter)]
  const sorted = found.length > 1 ? found.sort((a, b) => compareRows(a, b, order, table)) : found
  const cookie = parseCookie(query.get('$skiptoken'))
  const rest = cookie ? sorted.filter((row) => isAfter(row, cookie.last, order, table)) : sorted
  const limit = Math.min(top ?? Number.POSITIVE_INFINITY, pageSize)
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  const more = last !== undefined && rest.length > page.length && top === undefined

  const annotations = parseAnnotations(prefer.get('odata.include-annotations'))
  const honoured = [...prefer].filter(
    ([name]) => name === 'odata.maxpagesize' || name === 'odata.include-annotations',
  )
  const context = `${organisation.origin}/api/data/v9.2/$metadata#${table.entitySet}`
  const columns = selection.asked.length > 0 ? `(${selection.asked.join(',')})` : ''
  const headers: Record<string, string> =
    honoured.length > 0
      ? {
          'Preference-Applied': honoured
            .map(([n, v]) => (n === 'odata.maxpagesize' ? `${n}=${v}` : `${n}="${v}"`))
            .join(','),
        }
      : {}
  return jsonReply(
    200,
    {
      '@odata.context': `${context}${columns}`,
      ...(query.get('$count') === 'true' ? { '@odata.count': Math.min(found.length, PAGE_SIZE_MAX) } : {}),
      value: page.map((row) => renderRow(table, row, selection, annotations)),
      ...(more ? { '@odata.nextLink': nextLink(organisation, request, order, last, cookie?.page ?? 1) } : {}),
    },
    headers,
  )
}

/** GET of `<set>/$count`: plain text. */
export function countTable(organisation: Organisation, table: Table, request: Request): Reply {
  checkOptions(request.query)
  const found = [...matching(organisation.rows, table, filterOf(table, request.query))]
  const body = String(Math.min(found.length, PAGE_SIZE_MAX))
  return { status: 200, headers: { 'Content-Type': 'text/plain', 'OData-Version': '4.0' }, body }
}

function filterOf(table: Table, query: ReadonlyMap<string, string>): Filter | undefined {
  const text = query.get('$filter')
  return text === undefined ? undefined : parseFilter(text, table, query)
}

function checkOptions(query: ReadonlyMap<string, string>): void {
  if (query.has('$skip')) throw uriError('Skip Clause is not supported in CRM')
  for (const name of query.keys()) {
    if (name.startsWith('$') && !KNOWN_OPTIONS.includes(name)) {
      throw uriError(`The query option '${name}' is not supported by this sandbox.`)
    }
  }
}

function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d+$/.test(text) || Number(text) < 1) throw uriError(`Invalid value '${text}' for a number of rows.`)
  return Number(text)
}

function parseOrder(table: Table, text: string | undefined): Order[] {
  if (text === undefined || text.trim() === '') return []
  return text.split(',').map((part) => {
    const [name = '', direction = 'asc', ...rest] = part.trim().split(/\s+/)
    const column = columnOfProperty(table, name)
    if (!column) throw unknownProperty(name, table.name)
    if (rest.length > 0 || (direction !== 'asc' && direction !== 'desc')) {
      throw uriError(`Syntax error in the $orderby expression '${text}'.`)
    }
    return { column, descending: direction === 'desc' }
  })
}

function compareRows(a: Row, b: Row, order: readonly Order[], table: Table): number {
  return compareKeys(sortKeys(a, order), sortKeys(b, order), order, table)
}

function sortKeys(row: Row, order: readonly Order[]): Value[] {
  return [...order.map(({ column }) => row.values.get(column.name) ?? null), row.id]
}

function compareKeys(
  a: readonly Value[],
  b: readonly Value[],
  order: readonly Order[],
  table: Table,
): number {
  for (const [at, { column, descending }] of order.entries()) {
    const difference = compareValues(a[at] ?? null, b[at] ?? null, column)
    if (difference !== 0) return descending ? -difference : difference
  }
  const id = table.columns.get(table.primaryId)
  return id ? compareValues(a.at(-1) ?? null, b.at(-1) ?? null, id) : 0
}

function isAfter(row: Row, last: readonly Value[], order: readonly Order[], table: Table): boolean {
  return compareKeys(sortKeys(row, order), last, order, table) > 0
}

interface Cookie {
  page: number
  last: Value[]
}

/** The place of the last row in the order, so that rows which come or go meanwhile shift nothing. */
function nextLink(
  organisation: Organisation,
  request: Request,
  order: readonly Order[],
  last: Row,
  page: number,
) {
  const place = Buffer.from(JSON.stringify(sortKeys(last, order))).toString('base64url')
  const cookie = `<cookie pagenumber="${page + 1}" pagingcookie="${place}" istracking="False" />`
  const options = [...request.query].filter(([name]) => name !== '$skiptoken')
  const kept = options.map(([name, value]) => `${name}=${encodeURIComponent(value)}&`).join('')
  const url = `${organisation.origin}/api/data/v9.2/${request.path}?${kept}`
  return `${url}$skiptoken=${encodeURIComponent(encodeURIComponent(cookie))}`
}

function parseCookie(token: string | undefined): Cookie | undefined {
  if (token === undefined) return undefined
  try {
    const cookie = decodeURIComponent(token)
    const [, page, place] = /pagenumber="(\d+)" pagingcookie="([\w-]+)"/.exec(cookie) ?? []
    return { page: Number(page), last: JSON.parse(Buffer.from(place ?? '', 'base64url').toString()) }
  } catch {
    throw uriError('Malformed XML in the Paging Cookie')
  }
}
