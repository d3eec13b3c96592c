import type { Reply } from '../outcome.ts'
import { DataverseError, idTaken, payloadError, uriError, versionMismatch } from './errors.ts'
import { findRow, keyColumns, lookForRow } from './find.ts'
import type { Organisation } from './organisation.ts'
import { parseKey, type RowKey } from './path.ts'
import { readPayload } from './payload.ts'
import { runPlugIns } from './plug-in.ts'
import { etagOf, parseAnnotations, parseSelect, renderRow, seen } from './render.ts'
import { checkOptions, jsonReply, parseBody, preferences, type Request } from './request.ts'
import { checkSecured, sightOf } from './security.ts'
import type { Row } from './shelf.ts'
import type { Table } from './table.ts'
import { createRow, updateRow } from './write.ts'

/** POST to an entity set. */
export function create(organisation: Organisation, table: Table, request: Request): Reply {
  const body = parseBody(request.body, table.entitySet)
  const payload = readPayload(organisation, table, body, 'create', request.references)
  checkSecured(organisation, table, payload.values.keys(), 'create', request.userId)
  const row = createRow(organisation, table, payload, request.userId)
  const url = rowUrl(organisation, table, row.id)
  return written(organisation, table, request, row, url, 201)
}

/** PATCH: update, upsert, or one of them only, as If-Match and If-None-Match say. */
export function patch(organisation: Organisation, table: Table, request: Request, args: string): Reply {
  const key = parseKey(args, table.primaryId)
  const ifMatch = request.headers.get('if-match')
  const found = lookForRow(organisation, table, key)
  const body = parseBody(request.body, table.entitySet)
  const url = `${organisation.origin}/api/data/v9.2/${table.entitySet}(${args})`
  if (found) {
    // Clients send the word `null` here against caches; it is no condition.
    if (request.headers.get('if-none-match') === '*') throw idTaken()
    checkMatch(found, ifMatch)
    const payload = readPayload(
      organisation,
      table,
      withoutKey(body, table, key),
      'update',
      request.references,
    )
    checkSecured(organisation, table, payload.values.keys(), 'update', request.userId)
    const row = updateRow(organisation, table, found, payload, request.userId)
    return written(organisation, table, request, row, url, 200)
  }
  if (ifMatch !== undefined) findRow(organisation, table, key)
  const payload = readPayload(organisation, table, withKey(body, table, key), 'create', request.references)
  checkSecured(organisation, table, payload.values.keys(), 'create', request.userId)
  const row = createRow(organisation, table, payload, request.userId)
  return written(organisation, table, request, row, url, 201)
}

export function retrieve(organisation: Organisation, table: Table, request: Request, args: string): Reply {
  const row = findRow(organisation, table, parseKey(args, table.primaryId))
  runPlugIns(organisation, table, row.values, 'read')
  const selection = parseSelect(table, request.query.get('$select'), sightOf(organisation, request.userId))
  checkOptions(request.query, ['$select'])
  const wanted = preferences(request.headers).get('odata.include-annotations')
  if (wanted === undefined && request.headers.get('if-none-match') === etagOf(row)) {
    return { status: 304, headers: {}, body: '' }
  }
  return jsonReply(
    200,
    {
      '@odata.context': entityContext(organisation, table, selection.asked),
      ...renderRow(table, row, selection, parseAnnotations(wanted)),
    },
    {
      ETag: etagOf(row),
      ...(wanted === undefined ? {} : { 'Preference-Applied': `odata.include-annotations="${wanted}"` }),
    },
  )
}

export function remove(organisation: Organisation, table: Table, request: Request, args: string): Reply {
  const row = findRow(organisation, table, parseKey(args, table.primaryId))
  checkMatch(row, request.headers.get('if-match'))
  organisation.rows.remove(table.name, row, request.userId)
  return { status: 204, headers: { 'OData-Version': '4.0' }, body: '' }
}

/** GET, PUT and DELETE of one column of a row; DELETE of `<navigation>/$ref` empties a look-up. */
export function property(
  organisation: Organisation,
  table: Table,
  request: Request,
  args: string,
  name: string,
): Reply {
  const row = findRow(organisation, table, parseKey(args, table.primaryId))
  if (request.method === 'GET') {
    const column = table.columns.get(name)
    if (!column) throw uriError(`Resource not found for the segment '${name}'.`)
    const sight = sightOf(organisation, request.userId)(table, column)
    const value = seen(row.values.get(name) ?? null, sight)
    if (value === null) return { status: 204, headers: { 'OData-Version': '4.0' }, body: '' }
    const context = `${organisation.origin}/api/data/v9.2/$metadata#${table.entitySet}(${row.id})/${name}`
    return jsonReply(200, { '@odata.context': context, value })
  }
  const isReference = name.endsWith('/$ref')
  const field = isReference ? `${name.slice(0, -'/$ref'.length)}@odata.bind` : name
  const value = request.method === 'PUT' ? parseBody(request.body, table.entitySet).value : null
  const payload = readPayload(organisation, table, { [field]: value }, 'update', request.references)
  checkSecured(organisation, table, payload.values.keys(), 'update', request.userId)
  updateRow(organisation, table, row, payload, request.userId)
  return { status: 204, headers: { 'OData-Version': '4.0' }, body: '' }
}

function rowUrl(organisation: Organisation, table: Table, id: string): string {
  return `${organisation.origin}/api/data/v9.2/${table.entitySet}(${id})`
}

function entityContext(organisation: Organisation, table: Table, asked: readonly string[]): string {
  const columns = asked.length > 0 ? `(${asked.join(',')})` : ''
  return `${organisation.origin}/api/data/v9.2/$metadata#${table.entitySet}${columns}/$entity`
}

function written(
  organisation: Organisation,
  table: Table,
  request: Request,
  row: Row,
  url: string,
  status: 200 | 201,
): Reply {
  const prefer = preferences(request.headers)
  if (prefer.get('return') !== 'representation') {
    return {
      status: 204,
      headers: { Location: url, 'OData-EntityId': url, 'OData-Version': '4.0' },
      body: '',
    }
  }
  const selection = parseSelect(table, request.query.get('$select'), sightOf(organisation, request.userId))
  const annotations = parseAnnotations(prefer.get('odata.include-annotations'))
  const body = {
    '@odata.context': entityContext(organisation, table, selection.asked),
    ...renderRow(table, row, selection, annotations),
  }
  return jsonReply(status, body, { 'Preference-Applied': 'return=representation', ETag: etagOf(row) })
}

function checkMatch(row: Row, ifMatch: string | undefined): void {
  if (ifMatch !== undefined && ifMatch !== '*' && ifMatch !== etagOf(row)) throw versionMismatch()
}

/** Upsert that finds the row drops the key columns of the body. */
function withoutKey(body: Record<string, unknown>, table: Table, key: RowKey): Record<string, unknown> {
  const names = key.kind === 'id' ? [table.primaryId] : [...key.columns.keys()]
  return Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)))
}

/** Upsert that creates takes key values from the URL, unless the body has its own. */
function withKey(body: Record<string, unknown>, table: Table, key: RowKey): Record<string, unknown> {
  if (key.kind === 'id') return { [table.primaryId]: key.id, ...body }
  for (const name of key.columns.keys()) {
    if (name.startsWith('_'))
      throw payloadError(table.entitySet, 'A look-up of a key cannot be created by upsert.')
  }
  return { ...Object.fromEntries(keyColumns(table, key.columns)), ...body }
}

export function methodNotAllowed(method: string): DataverseError {
  return new DataverseError(
    405,
    '0x80060888',
    `The requested resource does not support http method '${method}'.`,
  )
}
