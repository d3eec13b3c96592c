import type { IncomingMessage } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import type { JsonLimits } from '../json.ts'
import { Refusal } from '../problem.ts'
import { CrowdBuilder } from './crowd-builder.ts'
import { ListReader } from './list-reader.ts'
import { membersOf } from './members.ts'
import type { ReceivedChunk } from './read-submission.ts'

/** People of a page, as many as become requests in one transaction of a batch campaign. */
const PAGE_MAX = 200

export interface ChunkLimits {
  /** Of the whole body. */
  bytesMax: number
  /** Of one person, and of everything beside the people. */
  personBytesMax: number
  peopleMax: number
  json: JsonLimits
}

/**
 * Reads a chunk while it arrives, and counts its people. Throws Refusal. `wireNames` gives the Marketo REST name of
 * an outgoing field.
 */
export async function receiveChunk(
  message: Pick<IncomingMessage, 'headers'> & AsyncIterable<Uint8Array>,
  wireNames: ReadonlyMap<string, string>,
  limits: ChunkLimits,
): Promise<ReceivedChunk> {
  const { bytesMax } = limits
  if (Number(message.headers['content-length']) > bytesMax) throw tooLarge()
  let reading: Reading | undefined = new Reading(wireNames, limits)
  await readThrough(
    message,
    bytesMax,
    (bytes) => reading?.feed(bytes),
    () => {
      reading = undefined
    },
  )
  return reading.end()
}

/** A chunk of which a part has arrived. */
class Reading {
  readonly #newCrowd: () => CrowdBuilder
  readonly #reader: ListReader
  #crowd: CrowdBuilder

  constructor(wireNames: ReadonlyMap<string, string>, { json, personBytesMax, peopleMax }: ChunkLimits) {
    this.#newCrowd = () => new CrowdBuilder(wireNames, PAGE_MAX)
    this.#crowd = this.#newCrowd()
    this.#reader = new ListReader({
      member: 'objectData',
      begin: () => {
        this.#crowd = this.#newCrowd()
      },
      item: (value) => this.#crowd.add(value),
      limits: { json, itemBytesMax: personBytesMax, itemsMax: peopleMax },
    })
  }

  feed(bytes: Uint8Array): void {
    this.#reader.feed(bytes)
  }

  end(): ReceivedChunk {
    const body = this.#reader.end()
    this.#crowd.close()
    // A list does not count when another value of its name comes after it.
    const isList = Array.isArray(membersOf(body)?.objectData)
    return { body, crowd: isList ? this.#crowd : this.#newCrowd() }
  }
}

/**
 * Whatever is wrong, the rest is read and dropped: who is still sending does not hear an answer. What was taken by
 * then is let go at once.
 */
async function readThrough(
  parts: AsyncIterable<Uint8Array>,
  bytesMax: number,
  take: (bytes: Uint8Array) => void,
  letGo: () => void,
): Promise<void> {
  let bytes = 0
  let failure: { error: unknown } | undefined
  try {
    for await (const part of parts) {
      bytes += part.length
      if (failure) continue
      failure = bytes > bytesMax ? { error: tooLarge() } : failureOf(() => take(part))
      if (failure) letGo()
      // One read of the socket brings up to 2 MB, all of it in the same turn of the event loop unless it is ended here.
      await setImmediate()
    }
  } catch (cause) {
    throw Object.assign(new Refusal(400, 'bad-request', 'The body ended before it was complete.'), { cause })
  }
  if (failure) throw failure.error
}

function failureOf(run: () => void): { error: unknown } | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return { error }
  }
}

function tooLarge(): Refusal {
  return new Refusal(413, 'body-too-large', 'The body is larger than this endpoint accepts.')
}
