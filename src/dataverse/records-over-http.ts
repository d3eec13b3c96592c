import type { CallContext } from '../abort.ts'
import { Rejected, Unauthorized } from '../errors.ts'
import type { Client } from './client.ts'
import { createPart, lookupsOf, type RecordPart, readPart } from './record-parts.ts'
import { createResult, rowIn, rowsIn } from './record-replies.ts'
import type { Records, Table } from './records.ts'
import type { DataverseSettings } from './settings.ts'
import type { Reply } from './verdict.ts'

/** How requests for records reach Dataverse. `name` is what the event log calls them. */
export interface RecordWire {
  /** An answer in the sense of `judge`; everything else is thrown. */
  one(name: string, part: RecordPart, call: CallContext): Promise<Reply>
  /** One reply for each part, in order, whatever its status but 429; all in one HTTP request. */
  several(name: string, parts: readonly RecordPart[], call: CallContext): Promise<readonly Reply[]>
}

/** Leads and contacts over the Web API, each call a request of its own. */
export function createRecords(options: { client: Client; settings: DataverseSettings }): Records {
  const { client, settings } = options
  return recordsOver(
    {
      one: (name, part, call) => client.send({ ...part, name }, call),
      several: (name, parts, call) => client.batch({ name, parts }, call),
    },
    settings,
  )
}

export function recordsOver(wire: RecordWire, settings: DataverseSettings): Records {
  // originatingleadid comes with Dynamics 365 Sales: a contact may have no such column.
  let contactHasOrigin = true

  /**
   * Asks once more without originatingleadid when columns are refused, and remembers if that helped. The other
   * columns are stock: what is refused without it is the organisation's, and nobody's fault.
   */
  const withKnownColumns = async <T>(
    tables: readonly Table[],
    ask: (hasOrigin: boolean) => Promise<T>,
  ): Promise<T> => {
    const asked = contactHasOrigin
    try {
      return await ask(asked)
    } catch (error) {
      if (!isAboutColumns(error)) throw error
      if (!asked || !tables.includes('contact')) throw new Unauthorized(error.message, error.detail)
      const answer = await ask(false).catch((again: unknown) => {
        throw isAboutColumns(again) ? new Unauthorized(again.message, again.detail) : again
      })
      contactHasOrigin = false
      return answer
    }
  }

  const find: Records['find'] = async (query, call) => {
    const lookups = lookupsOf(query, settings.lookupRowsMax, contactHasOrigin)
    if (lookups.length === 0) return []
    const tables = lookups.map(({ table }) => table)
    const pages = await withKnownColumns(tables, async (hasOrigin) => {
      const asked = lookupsOf(query, settings.lookupRowsMax, hasOrigin)
      const parts = asked.map(({ part }) => part)
      const replies = await wire.several('find people', parts, call)
      return replies.map((reply, index) => rowsIn(reply, asked[index]?.table ?? 'lead'))
    })
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
      withKnownColumns([ref.table], async (hasOrigin) =>
        rowIn(await wire.one(`read ${ref.table}`, readPart(ref, hasOrigin), call), ref.table),
      ),
    async create(ref, columns, call) {
      const part = createPart(ref, columns, settings.duplicateDetection)
      return createResult(await wire.one(`create ${ref.table}`, part, call))
    },
  }
}

/** Newer organisations say 0x80060888, older ones 0x0, some 404 with a code that says nothing. */
function isAboutColumns(error: unknown): error is Rejected {
  if (!(error instanceof Rejected)) return false
  return error.detail.code === 'mapping-invalid' || error.detail.code === 'refused-without-reason'
}
