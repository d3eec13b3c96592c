import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { type FailureDetail, Rejected, Unavailable } from '../errors.ts'
import { type Caller, createGathering, whileAnybodyWaits } from '../gathering.ts'
import type { JsonObject } from '../json.ts'
import type { PersonUpdate } from './bulk-write.ts'
import type { Client } from './client.ts'
import type { CallRefused } from './refusal.ts'
import { RefusedCalls } from './refused-calls.ts'
import type { MarketoSettings } from './settings.ts'
import { type Answer, rowsOf, unavailable } from './verdict.ts'

/** A person's fields by REST name. */
export type MarketoFields = Record<string, string | number | boolean | null>

/** Who makes Marketo refuse a read, and why; `unasked`: nobody knows yet, ask again. */
export type RefusedReads<Value> = Map<Value, FailureDetail | 'unasked'>

/** Every verb throws Unauthorized, Rejected, Busy or Unavailable (see errors.ts) and nothing else. */
export interface People {
  /**
   * Each of `fields` for each id that Marketo has, an empty one as null: 300 people a call.
   * Not in the map: who is deleted, never was, or lost a merge (the survivor has another id). Whoever makes Marketo
   * refuse a call is put into `refused`; without it, that is thrown for all.
   */
  read(
    marketoIds: readonly number[],
    fields: readonly string[],
    call: CallContext,
    refused?: RefusedReads<number>,
  ): Promise<Map<number, MarketoFields>>
  /**
   * Everybody whose `field` (a searchable REST name) has one of `values`, with `fields`; 300 values a call.
   * A value that is empty or holds a comma cannot be asked for and finds nobody. `refused` as above, by value; its
   * code is `marketo-too-many-matches` where one value alone has more than 1,000 people.
   */
  search(
    field: string,
    values: readonly string[],
    fields: readonly string[],
    call: CallContext,
    refused?: RefusedReads<string>,
  ): Promise<readonly PersonUpdate[]>
}

/** Source: Adobe, "Leads" (get leads by filter type) and "Paging tokens". */
export function createPeople({ client, settings }: { client: Client; settings: MarketoSettings }): People {
  const refusedReads = new RefusedCalls(settings)

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

  /** `find` for each group of values; who makes Marketo refuse a call goes to `refused`. */
  const findAll = async <Value extends string | number>(
    field: string,
    values: readonly Value[],
    fields: readonly string[],
    call: CallContext,
    refused: RefusedReads<Value> | undefined,
  ): Promise<Map<number, MarketoFields>> => {
    const found = new Map<number, MarketoFields>()
    const asked = new Set<Value>()
    await refusedReads.send<Value>({
      groups: batches([...new Set(values)], settings.batchSizeMax),
      async call(group) {
        // Ids are found once each, so that no page after the last of them is asked for.
        const isEnough = (some: ReadonlyMap<number, MarketoFields>) =>
          field === 'id' && group.every((id) => some.has(Number(id)))
        const some = await find(field, group, fields, call, isEnough).catch((error: unknown) => {
          if (field === 'id' && group.length === 1 && isUnknownPerson(error)) {
            return new Map<number, MarketoFields>()
          }
          throw error
        })
        for (const [id, one] of some) found.set(id, one)
        for (const value of group) asked.add(value)
        return 'done'
      },
      refused(group, error, toBlame) {
        const why = named(error, toBlame === 'record' ? error.alone : error.detail, field)
        if (refused === undefined || toBlame === 'call') throw why
        for (const value of group) {
          refused.set(value, why.detail)
          asked.add(value)
        }
      },
    })
    for (const value of values) {
      if (asked.has(value)) continue
      if (refused === undefined) throw unavailable('too many refusals to divide the calls further', undefined)
      refused.set(value, 'unasked')
    }
    return found
  }

  return {
    async read(marketoIds, fields, call, refused) {
      const found = await findAll('id', marketoIds, fields, call, refused)
      return new Map(
        marketoIds.flatMap((id) => {
          const values = found.get(id)
          return values === undefined ? [] : [[id, values]]
        }),
      )
    },

    async search(field, values, fields, call, refused) {
      const askable = values.filter((value) => value !== '' && !value.includes(','))
      const found = await findAll(field, askable, fields, call, refused)
      return [...found].map(([marketoId, ofOne]) => ({ marketoId, fields: ofOne }))
    },
  }
}

function batches<T>(all: readonly T[], sizeMax: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / sizeMax) }, (_, index) =>
    all.slice(index * sizeMax, (index + 1) * sizeMax),
  )
}

/** Of whom more than 1,000 have one value, and of what is searched by, the field is named. */
function named(error: CallRefused, detail: FailureDetail, field: string): Rejected {
  if (error.fields.length > 0) return error
  return new Rejected(error.message, { ...detail, ...(field !== 'id' && { field }) })
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
      throw unavailable('a field that is not a plain value', requestId)
    }),
  )
}

interface Asked {
  marketoId: number
  fields: readonly string[]
  /** The same as one text. */
  fieldNames: string
}
type PersonCaller = Caller<Asked, MarketoFields | undefined>

export interface GatheredPeopleOptions {
  people: Pick<People, 'read'>
  settings: MarketoSettings
  clock: Clock
}

/** One person as `People.read` gives them; undefined where it would leave them out. */
export type ReadPerson = (
  marketoId: number,
  fields: readonly string[],
  call: CallContext,
) => Promise<MarketoFields | undefined>

/** People who are asked for one by one share a call, 300 at a time: a call costs the same for one and for all. */
export function gatherPeople({ people, settings, clock }: GatheredPeopleOptions): ReadPerson {
  const readAll = async (callers: readonly PersonCaller[], lane: CallContext['lane']): Promise<void> => {
    const present = callers.filter(({ signal }) => !signal.aborted)
    const [first] = present
    if (first === undefined) return
    const { fields } = first.asked
    const ids = present.map(({ asked }) => asked.marketoId)
    const refused: RefusedReads<number> = new Map()
    const found = await whileAnybodyWaits(present, (signal) =>
      people.read(ids, fields, { signal, ...(lane && { lane }) }, refused),
    )
    for (const { asked, serve, fail } of present) {
      const why = refused.get(asked.marketoId)
      if (why === undefined) serve(found.get(asked.marketoId))
      else if (why === 'unasked')
        fail(new Unavailable('Marketo refused the calls for this person because of other people in them'))
      else fail(new Rejected('Marketo refuses every call for this person', why))
    }
  }

  const gather = createGathering<Asked, MarketoFields | undefined>({
    clock,
    waitMs: (lane) => (lane === 'background' ? settings.backgroundGatherMs : settings.gatherMs),
    fits: (callers) => callers[0]?.asked.fieldNames === callers.at(-1)?.asked.fieldNames,
    isFull: (callers) => callers.length >= settings.batchSizeMax,
    send: readAll,
  })
  return (marketoId, fields, call) => gather({ marketoId, fields, fieldNames: fields.join() }, call)
}
