import type { CallContext } from '../abort.ts'
import { Rejected } from '../errors.ts'
import type { JsonObject } from '../shape.ts'
import type { Client } from './client.ts'
import type { MarketoSettings } from './settings.ts'
import type { PersonUpdate } from './sync-leads.ts'
import { type Answer, unavailable } from './verdict.ts'

/** A person's fields by REST name. */
export type MarketoFields = Record<string, string | number | boolean | null>

/** Every verb throws Unauthorized, Rejected, Busy or Unavailable (see errors.ts) and nothing else. */
export interface People {
  /**
   * Each of `fields` for each id that Marketo has, an empty one as null: 300 people a call.
   * Not in the map: who is deleted, never was, or lost a merge (the survivor has another id).
   */
  read(
    marketoIds: readonly number[],
    fields: readonly string[],
    call: CallContext,
  ): Promise<Map<number, MarketoFields>>
  /**
   * Everybody whose `field` (a searchable REST name) has one of `values`, with `fields`; 300 values a call.
   * A value that holds a comma cannot be asked for and finds nobody.
   */
  search(
    field: string,
    values: readonly string[],
    fields: readonly string[],
    call: CallContext,
  ): Promise<readonly PersonUpdate[]>
}

/** Source: Adobe, "Leads" (get leads by filter type) and "Paging tokens". */
export function createPeople({ client, settings }: { client: Client; settings: MarketoSettings }): People {
  const readBatch = async (ids: ReadonlySet<number>, fields: readonly string[], call: CallContext) => {
    const people = new Map<number, MarketoFields>()
    const query = new URLSearchParams({
      filterType: 'id',
      filterValues: [...ids].join(),
      fields: [...new Set(['id', ...fields])].join(),
      batchSize: String(settings.batchSizeMax),
    })
    for (let pages = 1; ; pages += 1) {
      const answer = await client.read({ path: 'leads.json', query, name: 'read people' }, call)
      for (const row of answer.rows) {
        const { id } = row
        if (typeof id !== 'number') throw unavailable('a person without an id', answer.requestId)
        if (ids.has(id)) people.set(id, fieldsOf(row, fields, answer))
      }
      const { nextPageToken } = answer
      // A full page may carry a token for a page with nobody left on it.
      if (nextPageToken === undefined || people.size === ids.size) return people
      if (pages >= settings.pagesMax) throw unavailable('too many pages', answer.requestId)
      query.set('nextPageToken', nextPageToken)
    }
  }

  return {
    async read(marketoIds, fields, call) {
      const ids = [...new Set(marketoIds)]
      const people = new Map<number, MarketoFields>()
      for (let at = 0; at < ids.length; at += settings.batchSizeMax) {
        const batch = new Set(ids.slice(at, at + settings.batchSizeMax))
        const found = await readBatch(batch, fields, call).catch((error: unknown) => {
          if (batch.size === 1 && isUnknownPerson(error)) return new Map<number, MarketoFields>()
          throw error
        })
        for (const [id, values] of found) people.set(id, values)
      }
      return people
    },
  }
}

/** "Lead not found", where an empty result is documented for this endpoint: about one id it says the same. */
function isUnknownPerson(error: unknown): boolean {
  return error instanceof Rejected && error.detail.vendorCode === '1004'
}

/** A requested field that a row leaves out is empty. Source: Adobe, "Leads". */
function fieldsOf(row: JsonObject, fields: readonly string[], { requestId }: Answer): MarketoFields {
  return Object.fromEntries(
    fields.map((field) => {
      const value = row[field] ?? null
      if (
        value === null ||
        typeof value === 'string' ||
        typeof value === 'number' ||
        typeof value === 'boolean'
      )
        return [field, value]
      throw unavailable('a field that is no plain value', requestId)
    }),
  )
}
