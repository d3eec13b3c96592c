import type { Reply } from '../outcome.ts'
import { countChanges, readChanges } from './changes.ts'
import {
  isTrackingCookie,
  type Position,
  readDeltaToken,
  readTrackingCookie,
  writeDeltaToken,
  writeTrackingCookie,
} from './delta-token.ts'
import { notWithTracking } from './errors.ts'
import type { Organisation } from './organisation.ts'
import { parseAnnotations, parseSelect, renderRow, versionNote } from './render.ts'
import { applied, checkOptions, jsonReply, pageSizeOf, preferences, type Request } from './request.ts'
import { sightOf } from './security.ts'
import type { Table } from './table.ts'

const COUNT_MAX = 5000
const REFUSED = ['$filter', '$orderby', '$expand', '$top']
const KNOWN = ['$select', '$count', '$skiptoken', '$deltatoken']

/** Is this a read of changes? By its preference to begin with, by its token from then on. */
export function isTracked(query: ReadonlyMap<string, string>, prefer: string | undefined): boolean {
  return (
    query.has('$deltatoken') ||
    isTrackingCookie(query.get('$skiptoken') ?? '') ||
    /\bodata\.track-changes\b/i.test(prefer ?? '')
  )
}

/** GET of an entity set with change tracking. */
export function trackTable(organisation: Organisation, table: Table, request: Request): Reply {
  checkQuery(request.query)
  const { query, headers } = request
  const { rows, deletedIds, next } = readChanges(organisation, table, positionOf(query), pageSizeOf(headers))
  const selection = parseSelect(table, query.get('$select'), sightOf(organisation, request.userId))
  const annotations = parseAnnotations(preferences(headers).get('odata.include-annotations'))
  const root = `${organisation.origin}/api/data/v9.2/`
  const context = `${root}$metadata#${table.entitySet}`
  const columns = selection.asked.length > 0 ? `(${selection.asked.join(',')})` : ''
  const isFirst = isFirstRead(query)
  const tombstone = { '@odata.context': `${context}/$deletedEntity`, reason: 'deleted' }
  const select = query.has('$select') ? `$select=${encodeURIComponent(query.get('$select') ?? '')}&` : ''
  const link = `${root}${table.entitySet}?${select}`
  return jsonReply(
    200,
    {
      '@odata.context': `${context}${columns}${isFirst ? '' : '/$delta'}`,
      ...versionNote(organisation, annotations),
      ...(query.get('$count') === 'true'
        ? { '@odata.count': Math.min(organisation.rows.count(table.name), COUNT_MAX) }
        : {}),
      value: [
        ...rows.map((row) => renderRow(table, row, selection, annotations)),
        ...deletedIds.map((id) => ({ ...tombstone, id })),
      ],
      ...(next.kind === 'delta'
        ? { '@odata.deltaLink': `${link}$deltatoken=${encodeToken(writeDeltaToken(next.since))}` }
        : { '@odata.nextLink': `${link}$skiptoken=${encodeURIComponent(writeTrackingCookie(next))}` }),
    },
    applied(headers, ['odata.track-changes', 'odata.maxpagesize', 'odata.include-annotations']),
  )
}

/** GET of `<set>/$count` with a delta token: plain text. */
export function countTracked(organisation: Organisation, table: Table, request: Request): Reply {
  checkQuery(request.query)
  const from = positionOf(request.query)
  const count = from ? countChanges(organisation, table, from) : organisation.rows.count(table.name)
  return {
    status: 200,
    headers: { 'Content-Type': 'text/plain', 'OData-Version': '4.0' },
    body: String(count),
  }
}

function positionOf(query: ReadonlyMap<string, string>): Position | undefined {
  const [skip, delta] = [query.get('$skiptoken'), query.get('$deltatoken')]
  if (skip !== undefined) return readTrackingCookie(skip)
  return delta === undefined ? undefined : readDeltaToken(delta)
}

function isFirstRead(query: ReadonlyMap<string, string>): boolean {
  return (positionOf(query)?.kind ?? 'first') === 'first'
}

function checkQuery(query: ReadonlyMap<string, string>): void {
  for (const name of REFUSED) if (query.has(name)) throw notWithTracking(name)
  checkOptions(query, KNOWN)
}

/** As the vendor encodes it: `919042%2108%2f22%2f2023…`, every sign and in lower case. */
function encodeToken(token: string): string {
  return encodeURIComponent(token)
    .replaceAll('!', '%21')
    .replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())
}
