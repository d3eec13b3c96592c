import type { CallContext } from '../abort.ts'
import { Busy, type FailureDetail, Rejected, Unauthorized, Unavailable } from '../errors.ts'
import { asObject, type JsonObject } from '../shape.ts'
import type { Client } from './client.ts'
import { explainRecord, isPassing } from './refusal.ts'
import type { WriteRequest } from './sender.ts'
import type { MarketoSettings } from './settings.ts'
import type { WriteResult } from './sync-leads.ts'
import { type Answer, firstReason, unavailable } from './verdict.ts'

export interface BulkWrite<Input> {
  request: Omit<WriteRequest, 'json' | 'timeoutMs'>
  /** Members of the body beside `input`. */
  frame: Readonly<Record<string, string>>
  inputs: readonly Input[]
  /** What is sent for one input. */
  encode(input: Input): JsonObject
  /** What became of one that was not skipped; undefined = cannot be read. Throws when it is about another one. */
  read(item: JsonObject, input: Input, requestId: string | undefined): WriteResult | undefined
  /** The member in which Marketo says why one was skipped. */
  reasons: 'reasons' | 'errors'
}

interface Entry<Input> {
  index: number
  input: Input
  text: string
}

type Unsent = Extract<WriteResult, { kind: 'unsent' }>

/** What became of one call. `held`: what becomes of the calls after it, which are not made. */
interface Outcome {
  results: readonly WriteResult[]
  held?: Unsent
}

/**
 * One result per input, in order, from calls of at most 300 records and 1 MB, one after the other.
 * After a call without a usable answer the rest is not sent: what Marketo did is to be found out first.
 * Throws Unauthorized, and only when nothing was sent before.
 */
export async function writeInBatches<Input>(
  client: Client,
  settings: MarketoSettings,
  write: BulkWrite<Input>,
  call: CallContext,
): Promise<WriteResult[]> {
  const results = write.inputs.map((): WriteResult => ({ kind: 'refused', detail: tooLarge }))
  const attempt = async (batch: readonly Entry<Input>[], turn: number, held?: Unsent): Promise<Outcome> => {
    if (held !== undefined) return halted(batch, held.retryAfterMs)
    try {
      return await send(client, settings, write, batch, call)
    } catch (error) {
      if (turn > 0 && error instanceof Unauthorized) return halted(batch, settings.unsentRetryMs)
      throw error
    }
  }
  let held: Unsent | undefined
  for (const [turn, batch] of batchesOf(write, settings).entries()) {
    const outcome = await attempt(batch, turn, held)
    held ??= outcome.held
    for (const [at, { index }] of batch.entries()) results[index] = outcome.results[at] ?? { kind: 'unknown' }
  }
  return results
}

async function send<Input>(
  client: Client,
  settings: MarketoSettings,
  write: BulkWrite<Input>,
  batch: readonly Entry<Input>[],
  call: CallContext,
): Promise<Outcome> {
  const json = bodyOf(write.frame, batch)
  const request = { ...write.request, json, timeoutMs: settings.writeTimeoutMs }
  try {
    return { results: readResults(await client.write(request, call), write, batch, settings) }
  } catch (error) {
    if (error instanceof Busy) return halted(batch, error.retryAfterMs)
    if (error instanceof Rejected) {
      const { detail } = error
      return { results: batch.map(() => ({ kind: 'refused', detail })) }
    }
    if (error instanceof Unavailable) {
      const { held } = halted(batch, settings.unsentRetryMs)
      return { results: batch.map(() => ({ kind: 'unknown' })), held }
    }
    throw error
  }
}

function halted(batch: readonly unknown[], retryAfterMs: number): Required<Outcome> {
  const held: Unsent = { kind: 'unsent', retryAfterMs }
  return { results: batch.map(() => held), held }
}

/** By position, which Marketo promises to keep; a list of another length is about something else. */
function readResults<Input>(
  answer: Answer,
  write: BulkWrite<Input>,
  batch: readonly Entry<Input>[],
  settings: MarketoSettings,
): WriteResult[] {
  const { items, requestId } = answer
  if (items.length !== batch.length) throw unavailable('results of another number', requestId)
  return batch.map(({ input }, at) => {
    const item = asObject(items[at]) ?? {}
    const result = write.read(item, input, requestId)
    if (item.status === 'skipped') return skipped(item[write.reasons], requestId, settings)
    return result ?? { kind: 'unknown' }
  })
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
  return { kind: 'refused', detail }
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

const tooLarge: FailureDetail = {
  code: 'marketo-too-large',
  advice: 'Shorten the longest texts of this person, or select fewer Marketo fields: Marketo takes 1 MB.',
}
