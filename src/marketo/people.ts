import type { CallContext } from '../abort.ts'
import { Rejected } from '../errors.ts'
import type { JsonObject } from '../shape.ts'
import type { Client } from './client.ts'
import type { MarketoSettings } from './settings.ts'
import type { PersonUpdate } from './sync-leads.ts'
import { type Answer, rowsOf, unavailable } from './verdict.ts'

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
   * A value that is empty or holds a comma cannot be asked for and finds nobody. Rejected with
   * `marketo-too-many-matches` when one value alone has more than 1,000 people.
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
  /** Whom Marketo gives for one filter; `isEnough` says when no further page is needed. */
  const find = async (
    filterType: string,
    values: readonly (string | number)[],
    fields: readonly string[],
    call: CallContext,
    isEnough: (found: ReadonlyMap<number, MarketoFields>) => boolean,
  ) => {
    const people = new Map<number, MarketoFields>()
    const query = new URLSearchParams({
      filterType,
      filterValues: values.join(),
      fields: [...new Set(['id', ...fields])].join(),
      batchSize: String(settings.batchSizeMax),
    })
    const name = filterType === 'id' ? 'read people' : 'search people'
    const request = { path: 'leads.json', query, name, permission: 'Read-Only Person' }
    for (let pages = 1; ; pages += 1) {
      const answer = await client.read({ ...request, timeoutMs: settings.callTimeoutMs }, call)
      for (const row of rowsOf(answer)) {
        const { id } = row
        if (typeof id !== 'number') throw unavailable('a person without an id', answer.requestId)
        people.set(id, fieldsOf(row, fields, answer))
      }
      const { nextPageToken } = answer
      // A full page may carry a token for a page with nobody left on it.
      if (nextPageToken === undefined || isEnough(people)) return people
      if (pages >= settings.pagesMax) throw unavailable('too many pages', answer.requestId)
      query.set('nextPageToken', nextPageToken)
    }
  }

  /** Marketo refuses to list more than 1,000 people: then each half is asked for, down to one value. */
  const search = async (
    field: string,
    values: readonly string[],
    fields: readonly string[],
    call: CallContext,
  ): Promise<Map<number, MarketoFields>> => {
    try {
      return await find(field, values, fields, call, () => false)
    } catch (error) {
      if (!isTooMany(error)) throw error
      if (values.length === 1) throw new Rejected(error.message, { ...error.detail, field })
      const middle = Math.ceil(values.length / 2)
      const left = await search(field, values.slice(0, middle), fields, call)
      const right = await search(field, values.slice(middle), fields, call)
      return new Map([...left, ...right])
    }
  }

  return {
    async read(marketoIds, fields, call) {
      const people = new Map<number, MarketoFields>()
      for (const ids of batches([...new Set(marketoIds)], settings.batchSizeMax)) {
        const isEnough = (found: ReadonlyMap<number, MarketoFields>) => ids.every((id) => found.has(id))
        const found = await find('id', ids, fields, call, isEnough).catch((error: unknown) => {
          if (ids.length === 1 && isUnknownPerson(error)) return new Map<number, MarketoFields>()
          throw error
        })
        for (const id of ids) {
          const values = found.get(id)
          if (values !== undefined) people.set(id, values)
        }
      }
      return people
    },

    async search(field, values, fields, call) {
      const people = new Map<number, MarketoFields>()
      const askable = [...new Set(values)].filter((value) => value !== '' && !value.includes(','))
      for (const batch of batches(askable, settings.batchSizeMax)) {
        for (const [id, one] of await search(field, batch, fields, call)) people.set(id, one)
      }
      return [...people].map(([marketoId, ofOne]) => ({ marketoId, fields: ofOne }))
    },
  }
}

function batches<T>(all: readonly T[], sizeMax: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / sizeMax) }, (_, index) =>
    all.slice(index * sizeMax, (index + 1) * sizeMax),
  )
}

/** "Too many results match the filter". */
function isTooMany(error: unknown): error is Rejected {
  return error instanceof Rejected && error.detail.code === 'marketo-too-many-matches'
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
