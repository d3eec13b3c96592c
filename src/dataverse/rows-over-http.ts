import type { CallContext } from '../abort.ts'
import { type FailureDetail, isVendorError, Rejected, Unauthorized, type VendorError } from '../errors.ts'
import { parseObject } from '../shape.ts'
import type { BatchPart } from './batch.ts'
import type { SeenRow } from './changes.ts'
import type { Client } from './client.ts'
import type { Limiter } from './limiter.ts'
import { guidLiteral } from './odata.ts'
import type { RecordRef } from './records.ts'
import type { Rows, Selects } from './rows.ts'
import { seenRow } from './seen-row.ts'
import type { DataverseSettings } from './settings.ts'
import { entitySets, rowPath, selectsOf } from './table.ts'
import { updateRows } from './update-rows.ts'
import { errorOf, isAboutEveryRow, judge, type Reply, rejected, unavailable, vendorError } from './verdict.ts'

interface Room {
  client: Client
  limiter: Limiter
  settings: DataverseSettings
}

/** A row that Dynamics answered with neither the row nor the news that it is gone. */
interface Unread {
  ref: RecordRef
  error: VendorError
  reply: Reply
}

/** Rows in bulk over the Web API. */
export function createRows(room: Room): Rows {
  return {
    update: (updates, selects, call) => updateRows(room, updates, selects, call),
    async readRows(refs, selects, call, refused) {
      const wanted = [...new Map(refs.map((ref) => [keyOf(ref), ref])).values()]
      const first = await readOnce(room, wanted, selects, call)
      const [unread] = first.unread
      if (unread === undefined) return first.found
      if (refused === undefined) throw unread.error
      const again = first.unread.map(({ ref }) => ref)
      const second = await readOnce(room, again, selects, call)
      const found = new Map([...first.found, ...second.found])
      await proveTables(room, { wanted, unread: second.unread }, selects, call)
      for (const one of second.unread) refused.set(keyOf(one.ref), detailOf(one))
      return found
    },
  }
}

function keyOf({ table, id }: RecordRef): string {
  return `${table}:${guidLiteral(id)}`
}

/** Throws what concerns no single row. */
async function readOnce(
  { client, limiter }: Room,
  wanted: readonly RecordRef[],
  selects: Selects,
  call: CallContext,
): Promise<{ found: Map<string, SeenRow>; unread: Unread[] }> {
  const found = new Map<string, SeenRow>()
  const unread: Unread[] = []
  const select = selectsOf(selects)
  const left = [...wanted]
  while (left.length > 0) {
    const batch = left.splice(0, limiter.pace.batchSize)
    const parts = batch.map((ref) => partOf(`${rowPath(ref)}?${select[ref.table]}`))
    const replies = await client.batch({ name: 'read rows', parts, paced: true }, call)
    for (const [index, ref] of batch.entries()) {
      const reply = replies[index]
      if (reply === undefined) throw new RangeError('fewer replies than parts')
      try {
        const row = rowIn(reply, ref)
        if (row !== undefined) found.set(keyOf(ref), row)
      } catch (error) {
        if (!isVendorError(error) || isAboutEveryRow(judge(reply))) throw error
        unread.push({ ref, error, reply })
      }
    }
  }
  return { found, unread }
}

function partOf(path: string): BatchPart {
  return { method: 'GET', path, headers: { 'if-none-match': 'null' } }
}

/**
 * Of a table of which no row could be read, the columns or our rights may be at fault: any one row of it shows
 * whether they are. Throws if so.
 */
async function proveTables(
  { client }: Room,
  { wanted, unread }: { wanted: readonly RecordRef[]; unread: readonly Unread[] },
  selects: Selects,
  call: CallContext,
): Promise<void> {
  const select = selectsOf(selects)
  const failed = Map.groupBy(unread, ({ ref }) => ref.table)
  for (const [table, rows] of failed) {
    if (rows.length < wanted.filter((ref) => ref.table === table).length) continue
    const parts = [partOf(`${entitySets[table]}?${select[table]}&$top=1`)]
    const [reply] = await client.batch({ name: 'read any row', parts }, call)
    if (reply === undefined) throw new RangeError('fewer replies than parts')
    const error = errorOf(judge(reply), reply, 0)
    if (error !== undefined) throw error
    if (reply.status !== 200) throw unavailable(reply, 'a table is not readable')
  }
}

function detailOf({ error, reply }: Unread): FailureDetail {
  if (error instanceof Rejected || error instanceof Unauthorized) return error.detail
  const { code, message = '' } = vendorError(reply) ?? {}
  const { field, ...detail } = rejected(code, message, reply).detail
  return { ...detail, ...NO_ROW }
}

const NO_ROW = {
  code: 'row-unreadable',
  advice:
    'Open the record in Dynamics; if it looks right there, report it to Microsoft with the request id. The service reads it again automatically, at growing intervals.',
}

function rowIn(reply: Reply, ref: RecordRef): SeenRow | undefined {
  const error = errorOf(judge(reply), reply, 0)
  if (error !== undefined) throw error
  // `judge` lets no other 404 pass than the one that names a missing row.
  if (reply.status === 404) return undefined
  const body = reply.status === 200 ? parseObject(reply.body) : undefined
  if (body === undefined) throw unavailable(reply, 'a row is not readable')
  const row = seenRow(body, ref.table)
  if (row === undefined) throw new Rejected('Dataverse returned something that is not a row', NO_ROW)
  if (row.id !== guidLiteral(ref.id))
    throw unavailable(reply, 'Dataverse returned another row than the requested one')
  return row
}
