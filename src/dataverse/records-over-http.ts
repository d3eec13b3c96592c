import type { CallContext } from '../abort.ts'
import { Rejected } from '../errors.ts'
import { asObjects, parseObject } from '../shape.ts'
import type { Client } from './client.ts'
import { anyOf, guidLiteral, stringLiteral } from './odata.ts'
import type { Columns, CreateResult, FoundRecord, RecordRef, Records, Table } from './records.ts'
import { foundRecord } from './row.ts'
import type { DataverseSettings } from './settings.ts'
import { entitySets, primaryKeys, rowPath, selectOf } from './table.ts'
import { errorOf, judge, type Reply, rejected, unavailable, vendorError } from './verdict.ts'

/** Leads and contacts over the Web API. */
export function createRecords(options: { client: Client; settings: DataverseSettings }): Records {
  const { client, settings } = options
  // originatingleadid comes with Dynamics 365 Sales: a contact may have no such column.
  let contactHasOrigin = true

  /** Asks once more without originatingleadid when columns are refused, and remembers if that helped. */
  const withKnownColumns = async <T>(tables: readonly Table[], ask: () => Promise<T>): Promise<T> => {
    const asked = contactHasOrigin && tables.includes('contact')
    try {
      return await ask()
    } catch (error) {
      if (!asked || !(error instanceof Rejected) || error.detail.vendorCode !== '0x80060888') throw error
      contactHasOrigin = false
      return await ask().catch((again: unknown) => {
        contactHasOrigin = true
        throw again
      })
    }
  }

  const find: Records['find'] = async (query, call) => {
    const lookups = lookupsOf(query, settings.lookupRowsMax)
    if (lookups.length === 0) return []
    const pages = await withKnownColumns(
      lookups.map(({ table }) => table),
      async () => {
        const parts = lookups.map(({ table, filter, rowsMax }) => ({
          method: 'GET' as const,
          path: `${entitySets[table]}?${select(table, contactHasOrigin)}&$filter=${filter}&$top=${rowsMax}`,
        }))
        const replies = await client.batch({ name: 'find people', parts }, call)
        return replies.map((reply, index) => rowsOf(reply, lookups[index]?.table ?? 'lead'))
      },
    )
    // A full page may have left out a row that was asked for by its id.
    const full = pages.some((rows, index) => rows.length >= (lookups[index]?.rowsMax ?? 0))
    if (full && query.email !== undefined && query.refs.length > 0) {
      pages.push(await find({ refs: query.refs }, call))
    }
    return [...new Map(pages.flat().map((row) => [`${row.table} ${row.id}`, row])).values()]
  }

  return {
    find,
    read: (ref, call) =>
      withKnownColumns([ref.table], async () => {
        const path = `${rowPath(ref)}?${select(ref.table, contactHasOrigin)}`
        const reply = await client.send({ method: 'GET', path, name: `read ${ref.table}` }, call)
        // `judge` lets no other 404 pass than the one that names a missing row.
        if (reply.status === 404) return undefined
        const row = foundRecord(parseObject(reply.body), ref.table)
        if (row === undefined) throw unavailable(reply, 'the row is not readable')
        return row
      }),
    create: (ref, columns, call) => createRecord(client, settings, ref, columns, call),
  }
}

function select(table: Table, contactHasOrigin: boolean): string {
  const shared = ['statecode', 'merged', '_masterid_value']
  if (table === 'lead') return selectOf(table, [...shared, '_parentcontactid_value'])
  return selectOf(table, contactHasOrigin ? [...shared, '_originatingleadid_value'] : shared)
}

interface Lookup {
  table: Table
  filter: string
  rowsMax: number
}

function lookupsOf(query: { email?: string; refs: readonly RecordRef[] }, rowsMax: number): Lookup[] {
  const tables: readonly Table[] = ['lead', 'contact']
  return tables.flatMap((table) => {
    const ids = query.refs.filter((ref) => ref.table === table).map((ref) => guidLiteral(ref.id))
    const byEmail =
      query.email === undefined ? [] : [{ column: 'emailaddress1', literal: stringLiteral(query.email) }]
    const terms = [...byEmail, ...ids.map((literal) => ({ column: primaryKeys[table], literal }))]
    return terms.length === 0 ? [] : [{ table, filter: anyOf(terms), rowsMax: rowsMax + ids.length }]
  })
}

function rowsOf(reply: Reply, table: Table): FoundRecord[] {
  // Parts are told apart by their own status; a throttled one has already been thrown.
  const error = errorOf(judge(reply), reply, 0)
  if (error !== undefined) throw error
  const rows = asObjects(parseObject(reply.body)?.value)?.map((row) => foundRecord(row, table))
  if (rows === undefined || rows.includes(undefined))
    throw unavailable(reply, 'a page of rows is not readable')
  return rows.filter((row) => row !== undefined)
}

/**
 * One POST that carries our id. 0x80040333 can be the echo of our own earlier create, committed after its
 * answer was lost: whoever gets `duplicate` reads the row by id before believing it.
 * The organisation's published duplicate rules apply unless the setting says otherwise, as they do to the
 * native sync. Source: Microsoft Learn, "Create a table row using the Web API", "Manage duplicate detection".
 */
async function createRecord(
  client: Client,
  settings: DataverseSettings,
  ref: RecordRef,
  columns: Columns,
  call: CallContext,
): Promise<CreateResult> {
  const reply = await client.send(
    {
      method: 'POST',
      path: entitySets[ref.table],
      headers: settings.duplicateDetection ? { 'mscrm.suppressduplicatedetection': 'false' } : {},
      body: JSON.stringify({ ...columns, [primaryKeys[ref.table]]: guidLiteral(ref.id) }),
      name: `create ${ref.table}`,
    },
    call,
  )
  const ids = reply.requestId === undefined ? {} : { vendorRequestId: reply.requestId }
  if (reply.status === 204) return { kind: 'created', ...ids }
  if (reply.status === 201 && parseObject(reply.body) !== undefined) return { kind: 'created', ...ids }
  if (reply.status < 300) throw unavailable(reply, `a create answered HTTP ${reply.status} unreadably`)
  const error = vendorError(reply)
  switch (error?.code) {
    case '0x80040237':
      return { kind: 'id-taken', ...ids }
    case '0x80040333':
    case '0x80060892':
      return { kind: 'duplicate', vendorCode: error.code, ...ids }
    default:
      if (reply.status === 412) throw unavailable(reply, 'a create answered an unknown HTTP 412')
      throw rejected(error?.code, error?.message ?? '', reply)
  }
}
