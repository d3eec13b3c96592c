import { Rejected } from '../errors.ts'
import { parseObject } from '../shape.ts'
import type { BatchPart } from './batch.ts'
import type { SeenRow } from './changes.ts'
import type { Client } from './client.ts'
import type { Limiter } from './limiter.ts'
import { guidLiteral } from './odata.ts'
import type { RecordRef } from './records.ts'
import type { Rows } from './rows.ts'
import { seenRow } from './seen-row.ts'
import type { DataverseSettings } from './settings.ts'
import { rowPath, selectsOf } from './table.ts'
import { updateRows } from './update-rows.ts'
import { errorOf, judge, type Reply, unavailable } from './verdict.ts'

/** Rows in bulk over the Web API. */
export function createRows(room: { client: Client; limiter: Limiter; settings: DataverseSettings }): Rows {
  const { client, limiter } = room
  return {
    update: (updates, selects, call) => updateRows(room, updates, selects, call),
    async readRows(refs, selects, call) {
      const wanted = [...new Map(refs.map((ref) => [`${ref.table}:${guidLiteral(ref.id)}`, ref])).values()]
      const found = new Map<string, SeenRow>()
      const select = selectsOf(selects)
      while (wanted.length > 0) {
        const batch = wanted.splice(0, limiter.pace.batchSize)
        const parts = batch.map(
          (ref): BatchPart => ({
            method: 'GET',
            path: `${rowPath(ref)}?${select[ref.table]}`,
            headers: { 'if-none-match': 'null' },
          }),
        )
        const replies = await client.batch({ name: 'read rows', parts, paced: true }, call)
        for (const [index, ref] of batch.entries()) {
          const row = rowIn(replies[index], ref)
          if (row !== undefined) found.set(`${ref.table}:${row.id}`, row)
        }
      }
      return found
    },
  }
}

const NO_ROW = {
  code: 'row-unreadable',
  advice:
    'Open the record in Dynamics; if it looks right there, report it to Microsoft with the id in the log.',
}

function rowIn(reply: Reply | undefined, ref: RecordRef): SeenRow | undefined {
  if (reply === undefined) throw new RangeError('fewer replies than parts')
  const error = errorOf(judge(reply), reply, 0)
  if (error !== undefined) throw error
  // `judge` lets no other 404 pass than the one that names a missing row.
  if (reply.status === 404) return undefined
  const body = reply.status === 200 ? parseObject(reply.body) : undefined
  if (body === undefined) throw unavailable(reply, 'a row is not readable')
  const row = seenRow(body, ref.table)
  if (row === undefined) throw new Rejected('Dataverse answers with something that is no row', NO_ROW)
  if (row.id !== guidLiteral(ref.id)) throw unavailable(reply, 'another row than was asked for')
  return row
}
