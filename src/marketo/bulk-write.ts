import { type CallContext, untilAborted } from '../abort.ts'
import { Busy, type FailureDetail, Unauthorized, Unavailable } from '../errors.ts'
import { asObject, type JsonObject } from '../json.ts'
import type { Client, WriteRequest } from './client.ts'
import type { MarketoFields } from './people.ts'
import { explainRecord, isPassing, tooLarge, unusableFields } from './refusal.ts'
import { RefusedCalls } from './refused-calls.ts'
import type { MarketoSettings } from './settings.ts'
import { type Answer, firstReason, readId, writeDate } from './verdict.ts'

export interface PersonUpdate {
  marketoId: number
  fields: MarketoFields
}

/** What became of one record of a bulk write. */
export type WriteResult =
  | { kind: 'created' | 'updated'; marketoId: number }
  /** Marketo has no such person (any more). */
  | { kind: 'missing' }
  /** Sending the same again cannot help. `fields`: all those of its fields that Marketo does not take. */
  | { kind: 'refused'; detail: FailureDetail; fields?: readonly string[] }
  /** Certainly not executed; try again after this time. */
  | { kind: 'unsent'; retryAfterMs: number }
  /**
   * No usable answer: it may or may not have been executed, now or later. `detail`: there was an answer, and it is
   * none that we know.
   */
  | { kind: 'unknown'; detail?: FailureDetail }

/**
 * Bulk writes of people, at most 300 or 1 MB a call; a verb's calls go out one after the other, those of other
 * callers included, since concurrent upserts of one key make two people. Throws Unauthorized only when nothing
 * was sent; once something was, the rest is `unsent`. Source: Adobe, "Leads" (Sync Leads).
 */
export interface SyncLeads {
  /** Sync Leads, updateOnly by id. One result each, in order; throws only Unauthorized. null empties a field. */
  update(updates: readonly PersonUpdate[], call: CallContext): Promise<WriteResult[]>
  /**
   * Sync Leads, createOrUpdate by `lookupField`, which every person in `people` has and no two share.
   * One result each, in order; throws only Unauthorized.
   */
  upsert(people: readonly MarketoFields[], lookupField: string, call: CallContext): Promise<WriteResult[]>
}

export function createSyncLeads({
  client,
  settings,
}: {
  client: Client
  settings: MarketoSettings
}): SyncLeads {
  const updates = { turns: createTurns(), refusedCalls: new RefusedCalls(settings) }
  const upserts = { turns: createTurns(), refusedCalls: new RefusedCalls(settings) }

  const sync = <Input>(
    { turns, refusedCalls }: typeof updates,
    write: Pick<BulkWrite<Input>, 'frame' | 'inputs' | 'encode' | 'fieldsOf' | 'idOf'>,
    call: CallContext,
  ): Promise<WriteResult[]> => {
    const bulk: BulkWrite<Input> = {
      ...write,
      request: { path: 'leads.json', name: 'write people', permission: 'Read-Write Person' },
      reasons: 'reasons',
      read({ id, status }, input) {
        const marketoId = readId(id) ?? write.idOf?.(input)
        if (marketoId === undefined || (status !== 'created' && status !== 'updated')) return undefined
        return { kind: status, marketoId }
      },
    }
    const unsent = write.inputs.map((): WriteResult => {
      return { kind: 'unsent', retryAfterMs: settings.unsentRetryMs }
    })
    const room = { client, settings, refusedCalls }
    return turns(call.signal, () => writeInBatches(room, bulk, call), unsent)
  }

  return {
    update: (people, call) =>
      sync(
        updates,
        {
          frame: { action: 'updateOnly', lookupField: 'id' },
          inputs: people,
          encode: ({ marketoId, fields }) => ({ ...fields, id: marketoId }),
          fieldsOf: ({ fields }) => Object.keys(fields),
          idOf: ({ marketoId }) => marketoId,
        },
        call,
      ),
    upsert: (people, lookupField, call) =>
      sync(
        upserts,
        {
          frame: { action: 'createOrUpdate', lookupField },
          inputs: people,
          encode: (fields) => fields,
          fieldsOf: Object.keys,
        },
        call,
      ),
  }
}

/** One custom activity on one person. */
export interface CustomActivity {
  marketoId: number
  /** Epoch ms. */
  at: number
  typeId: number
  primaryAttributeValue: string
  /** By apiName; without empty ones. */
  attributes: Readonly<Record<string, string | number | boolean>>
}

export interface ActivityLog {
  /**
   * At most 300 or 1 MB a call; one result each, in order, `created` with the person's id. Throws Unauthorized
   * only when nothing was sent. Marketo keeps no key of them: what is `unknown` may come twice when sent again.
   * Source: Adobe, "Activities" (add custom activities).
   */
  add(activities: readonly CustomActivity[], call: CallContext): Promise<WriteResult[]>
}

export function createActivityLog(options: { client: Client; settings: MarketoSettings }): ActivityLog {
  const { client, settings } = options
  const room = { client, settings, refusedCalls: new RefusedCalls(settings) }
  return {
    add(activities, call) {
      const write: BulkWrite<CustomActivity> = {
        request: {
          path: 'activities/external.json',
          name: 'add activities',
          permission: 'Read-Write Activity',
        },
        frame: {},
        inputs: activities,
        encode: ({ marketoId, at, typeId, primaryAttributeValue, attributes }) => ({
          leadId: marketoId,
          activityDate: writeDate(at),
          activityTypeId: typeId,
          primaryAttributeValue,
          attributes: Object.entries(attributes).map(([apiName, value]) => ({ apiName, value })),
        }),
        // Here Marketo says `errors` where Sync Leads says `reasons`, and `id` is the activity's.
        reasons: 'errors',
        read: ({ status }, { marketoId }) =>
          status === 'added' ? { kind: 'created', marketoId } : undefined,
      }
      return writeInBatches(room, write, call)
    },
  }
}

interface BulkWrite<Input> {
  request: Omit<WriteRequest, 'json' | 'timeoutMs'>
  /** Members of the body beside `input`. */
  frame: Readonly<Record<string, string>>
  inputs: readonly Input[]
  /** What is sent for one input. */
  encode(input: Input): JsonObject
  /** What became of one that was not skipped; undefined = cannot be read. */
  read(item: JsonObject, input: Input): WriteResult | undefined
  /** The id by which a result names the record that it is about. Absent: results have ids of something else. */
  idOf?(input: Input): number | undefined
  /** See DividedCalls. */
  fieldsOf?(input: Input): readonly string[]
  /** The member in which Marketo says why one was skipped. */
  reasons: 'reasons' | 'errors'
}

interface Entry<Input> {
  index: number
  input: Input
  text: string
}

/**
 * One result per input, in order, from calls of at most 300 records and 1 MB, one after the other; one that Marketo
 * refuses as a whole is divided. After a call without any usable answer the rest is not sent: what Marketo did is to
 * be found out first. Throws Unauthorized, and only when nothing was sent before.
 */
async function writeInBatches<Input>(
  room: { client: Client; settings: MarketoSettings; refusedCalls: RefusedCalls },
  write: BulkWrite<Input>,
  call: CallContext,
): Promise<WriteResult[]> {
  const { client, settings, refusedCalls } = room
  const { fieldsOf } = write
  const results = new Map<number, WriteResult>()
  const batches = batchesOf(write, settings)
  const sizeable = new Set(batches.flat().map(({ index }) => index))
  let held: WriteResult = { kind: 'unsent', retryAfterMs: settings.unsentRetryMs }
  await refusedCalls.send<Entry<Input>>({
    groups: batches,
    ...(fieldsOf && { fieldsOf: ({ input }) => fieldsOf(input) }),
    async call(group) {
      const json = bodyOf(write.frame, group)
      const request = { ...write.request, json, timeoutMs: settings.writeTimeoutMs }
      try {
        const answer = await client.write(request, call)
        const read = readResults(answer, write, group, settings)
        for (const [at, { index }] of group.entries()) results.set(index, read[at] ?? UNREADABLE)
        return read.every(({ kind }) => kind === 'unknown') ? 'stop' : 'done'
      } catch (error) {
        if (error instanceof Busy) held = { kind: 'unsent', retryAfterMs: error.retryAfterMs }
        else if (error instanceof Unavailable) {
          for (const { index } of group) results.set(index, { kind: 'unknown' })
        } else if (!(error instanceof Unauthorized) || results.size === 0) throw error
        return 'stop'
      }
    },
    refused(group, error, toBlame) {
      const detail = toBlame === 'call' ? error.detail : error.alone
      const { fields } = error
      const result: WriteResult = { kind: 'refused', detail, ...(toBlame === 'fields' && { fields }) }
      for (const { index } of group) results.set(index, result)
    },
  })
  return write.inputs.map((_, index) => {
    const otherwise: WriteResult = sizeable.has(index) ? held : { kind: 'refused', detail: tooLarge }
    return results.get(index) ?? otherwise
  })
}

/**
 * By position, which Marketo promises to keep, or by id where the results say otherwise. What fits no record says
 * nothing about any.
 */
function readResults<Input>(
  { items, requestId }: Answer,
  write: BulkWrite<Input>,
  batch: readonly Entry<Input>[],
  settings: MarketoSettings,
): WriteResult[] {
  const rows = items.map((item) => asObject(item) ?? {})
  const idsOf = (row: JsonObject, { input }: Entry<Input>) => [readId(row.id), write.idOf?.(input)] as const
  const isInOrder =
    rows.length === batch.length &&
    batch.every((entry, at) => {
      const [said, meant] = idsOf(rows[at] ?? {}, entry)
      return said === undefined || meant === undefined || said === meant
    })
  const unreadable = withRequest(UNREADABLE, requestId)
  return batch.map((entry, at) => {
    const row = isInOrder ? rows[at] : rows.find((one) => isAbout(idsOf(one, entry)))
    if (row === undefined) return unreadable
    if (row.status === 'skipped') return skipped(row[write.reasons], requestId, settings)
    return write.read(row, entry.input) ?? unreadable
  })
}

function isAbout([said, meant]: readonly [number | undefined, number | undefined]): boolean {
  return said !== undefined && said === meant
}

/** Marketo has answered, and not in a way that anybody has described. */
const UNREADABLE = {
  kind: 'unknown',
  detail: {
    code: 'marketo-answer-unknown',
    advice:
      'Marketo gave an undocumented answer to this write: ask Marketo support about the request, by its id.',
  },
} as const

function withRequest(result: typeof UNREADABLE, vendorRequestId: string | undefined): WriteResult {
  if (vendorRequestId === undefined) return result
  return { ...result, detail: { ...result.detail, vendorRequestId } }
}

function skipped(
  reasons: unknown,
  requestId: string | undefined,
  { unsentRetryMs }: MarketoSettings,
): WriteResult {
  const reason = firstReason(reasons)
  const { code } = reason ?? {}
  if (code === '1004' || code === '1013') return { kind: 'missing' }
  if (reason !== undefined && isPassing(reason)) return { kind: 'unsent', retryAfterMs: unsentRetryMs }
  const detail = {
    ...explainRecord(reason ?? { code: '', message: '' }),
    ...(code === undefined ? {} : { vendorCode: code }),
    ...(requestId === undefined ? {} : { vendorRequestId: requestId }),
  }
  const fields = reason === undefined ? [] : unusableFields(reason)
  return { kind: 'refused', detail, ...(fields.length > 0 && { fields }) }
}

/** In order; without records that are too large for any call. */
function batchesOf<Input>(
  { frame, inputs, encode }: BulkWrite<Input>,
  { batchSizeMax, bodyBytesMax }: MarketoSettings,
): Entry<Input>[][] {
  const frameBytes = Buffer.byteLength(bodyOf(frame, []))
  const batches: Entry<Input>[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const [index, input] of inputs.entries()) {
    const text = JSON.stringify(encode(input))
    const entryBytes = Buffer.byteLength(text) + 1
    if (frameBytes + entryBytes > bodyBytesMax) continue
    let batch = batches.at(-1)
    if (batch === undefined || batch.length >= batchSizeMax || bytes + entryBytes > bodyBytesMax) {
      batch = []
      batches.push(batch)
      bytes = frameBytes
    }
    batch.push({ index, input, text })
    bytes += entryBytes
  }
  return batches
}

function bodyOf(frame: Readonly<Record<string, string>>, entries: readonly { text: string }[]): string {
  const members = Object.entries(frame).map(([name, value]) => `"${name}":${JSON.stringify(value)}`)
  return `{${[...members, `"input":[${entries.map(({ text }) => text).join()}]`].join()}}`
}

/**
 * Runs one piece of work after the other, first come first served. Who aborts while waiting gets `instead`, and
 * its place is given up.
 */
function createTurns() {
  let last: Promise<void> = Promise.resolve()

  return async <T>(signal: AbortSignal, work: () => Promise<T>, instead: T): Promise<T> => {
    const before = last
    const { promise: done, resolve: finish } = Promise.withResolvers<void>()
    last = before.then(() => done)
    try {
      const waited = await untilAborted(before, signal).then(
        () => true,
        () => false,
      )
      return waited ? await work() : instead
    } finally {
      finish()
    }
  }
}
