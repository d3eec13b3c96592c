import type { IncomingMessage } from 'node:http'
import { Refusal } from '../../problem.ts'
import { CrowdBuilder } from './crowd-builder.ts'
import { ListSplitter } from './list-splitter.ts'
import { membersOf } from './members.ts'
import type { ReceivedChunk } from './read-submission.ts'

/** People of a page, as many as become requests in one transaction of a batch campaign. */
const PAGE_MAX = 200

/**
 * Reads a chunk while it arrives. Throws Refusal or MalformedJson. `wireNames` gives the Marketo REST name of an
 * outgoing field.
 */
export async function receiveChunk(
  message: Pick<IncomingMessage, 'headers'> & AsyncIterable<Uint8Array>,
  wireNames: ReadonlyMap<string, string>,
  bodyLimitBytes: number,
): Promise<ReceivedChunk> {
  if (Number(message.headers['content-length']) > bodyLimitBytes) throw tooLarge()
  const newCrowd = () => new CrowdBuilder(wireNames, PAGE_MAX)
  let crowd = newCrowd()
  const splitter = new ListSplitter({
    member: 'objectData',
    begin: () => {
      crowd = newCrowd()
    },
    item: (value) => crowd.add(value),
  })
  await readThrough(message, bodyLimitBytes, (bytes) => splitter.feed(bytes))
  crowd.close()
  const body = splitter.end()
  // A list does not count when another value of its name comes after it.
  const isList = Array.isArray(membersOf(body)?.objectData)
  return { body, crowd: isList ? crowd : newCrowd() }
}

/** Whatever is wrong, the rest is read and dropped: who is still sending does not hear an answer. */
async function readThrough(
  parts: AsyncIterable<Uint8Array>,
  bytesMax: number,
  take: (bytes: Uint8Array) => void,
): Promise<void> {
  let bytes = 0
  let failure: { error: unknown } | undefined
  try {
    for await (const part of parts) {
      bytes += part.length
      if (bytes > bytesMax) failure = { error: tooLarge() }
      failure ??= failureOf(() => take(part))
    }
  } catch (cause) {
    throw Object.assign(new Refusal(400, 'bad-request', 'The body was cut off.'), { cause })
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
  return new Refusal(413, 'body-too-large', 'The body is larger than this door accepts.')
}
