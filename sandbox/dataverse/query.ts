import type { Reply } from '../outcome.ts'
import { uriError } from './errors.ts'
import { type Filter, parseFilter } from './filter.ts'
import { matching } from './match.ts'
import { orderedPage, parseOrder } from './order.ts'
import type { Organisation } from './organisation.ts'
import { pageByPlace } from './place.ts'
import { parseAnnotations, parseSelect, renderRow, versionNote } from './render.ts'
import {
  applied,
  checkOptions,
  jsonReply,
  pageSizeOf,
  preferences,
  type Request,
  wholeNumber,
} from './request.ts'
import { permitted, sightOf } from './security.ts'
import type { Table, Value } from './table.ts'

const COUNT_MAX = 5000
const KNOWN_OPTIONS = ['$select', '$filter', '$orderby', '$top', '$count', '$skiptoken']

/** GET of an entity set. */
export function queryTable(organisation: Organisation, table: Table, request: Request): Reply {
  checkQuery(request.query)
  const { query, headers } = request
  const selection = parseSelect(table, query.get('$select'), sightOf(organisation, request.userId))
  const filter = permitted(organisation, table, filterOf(table, query), request.userId)
  const order = parseOrder(table, query.get('$orderby'))
  const prefer = preferences(headers)
  const top = prefer.has('odata.maxpagesize') ? undefined : wholeNumber(query.get('$top'))
  const cookie = parseCookie(query.get('$skiptoken'))
  const limit = Math.min(top ?? Number.POSITIVE_INFINITY, pageSizeOf(headers))
  const page =
    order.length > 0
      ? orderedPage(organisation, table, filter, order, cookie?.last, limit)
      : pageByPlace(organisation, table, filter, cookie?.last, limit)

  const annotations = parseAnnotations(prefer.get('odata.include-annotations'))
  const context = `${organisation.origin}/api/data/v9.2/$metadata#${table.entitySet}`
  const columns = selection.asked.length > 0 ? `(${selection.asked.join(',')})` : ''
  const counted =
    query.get('$count') === 'true' ? { '@odata.count': countUp(organisation, table, filter) } : {}
  const more = page.last !== undefined && top === undefined
  return jsonReply(
    200,
    {
      '@odata.context': `${context}${columns}`,
      ...versionNote(organisation, annotations),
      ...counted,
      value: page.rows.map((row) => renderRow(table, row, selection, annotations)),
      ...(more ? { '@odata.nextLink': nextLink(organisation, request, page.last, cookie?.page ?? 1) } : {}),
    },
    applied(headers, ['odata.maxpagesize', 'odata.include-annotations']),
  )
}

/** GET of `<set>/$count`: plain text. */
export function countTable(organisation: Organisation, table: Table, request: Request): Reply {
  checkQuery(request.query)
  const filter = permitted(organisation, table, filterOf(table, request.query), request.userId)
  const body = String(countUp(organisation, table, filter))
  return { status: 200, headers: { 'Content-Type': 'text/plain', 'OData-Version': '4.0' }, body }
}

function filterOf(table: Table, query: ReadonlyMap<string, string>): Filter | undefined {
  const text = query.get('$filter')
  return text === undefined ? undefined : parseFilter(text, table, query)
}

function checkQuery(query: ReadonlyMap<string, string>): void {
  if (query.has('$skip')) throw uriError('Skip Clause is not supported in CRM')
  checkOptions(query, KNOWN_OPTIONS)
}

/** Counts end at the vendor's maximum. */
function countUp(organisation: Organisation, table: Table, filter: Filter | undefined): number {
  let count = 0
  for (const _ of matching(organisation.rows, table, filter)) {
    count += 1
    if (count === COUNT_MAX) break
  }
  return count
}

interface Cookie {
  page: number
  last: Value[]
}

function nextLink(organisation: Organisation, request: Request, last: unknown, page: number): string {
  const place = Buffer.from(JSON.stringify(last)).toString('base64url')
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
    const last: unknown = JSON.parse(Buffer.from(place ?? '', 'base64url').toString())
    if (Array.isArray(last)) return { page: Number(page), last }
  } catch {
    // falls through: whatever is wrong with it, it is no cookie of ours
  }
  throw uriError('Malformed XML in the Paging Cookie')
}
