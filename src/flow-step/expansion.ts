import type { Clock, Random } from '../clock.ts'
import { writePayload } from '../flow-action/payload.ts'
import { canonicalKeyOf, identifiersOf } from '../person/identity.ts'
import { isNullText, toPerson } from '../person/read-person.ts'
import type { FieldSelection } from '../person/selection.ts'
import type { Chunk, ChunkPerson, ChunkStore } from '../store/chunk-port.ts'
import type { Campaign, NewRequest, Outcome, Store } from '../store/port.ts'
import { type ChunkItem, readChunkPage } from './chunk-body.ts'
import type { SubmittedPerson } from './port.ts'

export interface ExpansionOptions {
  store: Store
  chunks: ChunkStore
  selection: FieldSelection
  /** The text `null` stands for an empty value. */
  nullTextIsEmpty: boolean
  clock: Clock
  random: Random
  /** There are new requests for the worker. */
  wakeWorker: () => void
  /** People who become requests in one transaction, which holds the event loop. */
  pageMax: { trigger: number; batch: number }
}

/** Makes every person of a chunk a request of their own. Repeating any part of it changes nothing. */
export class Expansion {
  readonly #options: ExpansionOptions
  /** One batch chunk after the other: a page of one holds the event loop. */
  #batchTurn: Promise<void> = Promise.resolve()

  constructor(options: ExpansionOptions) {
    this.#options = options
  }

  /** Stops between two pages when the signal aborts. Throws when the store fails. */
  expand(chunk: Chunk, signal: AbortSignal): Promise<void> {
    if (!chunk.batch) return this.#expand(chunk, signal)
    const turn = this.#batchTurn.then(() => this.#expand(chunk, signal))
    this.#batchTurn = turn.catch(() => {})
    return turn
  }

  async #expand(chunk: Chunk, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const { chunks, pageMax, wakeWorker } = this.#options
    const { chunkId, batch, people } = chunk
    if (people === 0) return chunks.recordPeople(chunkId, [])
    let expanded = chunk.expanded
    while (expanded < people) {
      const page = await chunks.readPage(chunkId, expanded)
      if (!page) throw new Error(`The store has no person ${expanded} of chunk ${chunkId}`)
      for (const part of readChunkPage(page, expanded, batch ? pageMax.batch : pageMax.trigger)) {
        if (signal.aborted) return
        const { campaign, position, items } = part
        const accepted = items.map((item, index) => this.#accept(chunk, campaign, item, position + index))
        await chunks.recordPeople(chunkId, await Promise.all(accepted))
        wakeWorker()
      }
      expanded = page.position + page.items
    }
  }

  async #accept(chunk: Chunk, campaign: Campaign, item: ChunkItem, position: number): Promise<ChunkPerson> {
    if ('refused' in item) {
      const { id: marketoId, code, advice } = item.refused
      return { position, marketoId, outcome: { outcome: 'failed', code, advice } }
    }
    const marketoId = item.person.id
    const request = this.#toRequest(chunk, campaign, item.person, position)
    if ('outcome' in request) return { position, marketoId, outcome: request }
    const acceptance = await this.#options.store.acceptRequest(request)
    if (acceptance.kind === 'mismatch') throw new Error('Two people have the same position in a chunk')
    const { requestId } = acceptance.kind === 'accepted' ? acceptance.work : acceptance
    return { position, marketoId, requestId }
  }

  /** An outcome when nobody can be made of what Marketo sent. */
  #toRequest(
    { chunkId, caller, batch }: Chunk,
    campaign: Campaign,
    submitted: SubmittedPerson,
    position: number,
  ): NewRequest | Outcome {
    const { selection, nullTextIsEmpty, random, clock } = this.#options
    const { id, syncAs: recordType = 'lead', assignTo, trigger } = submitted
    const fields = nullTextIsEmpty ? withoutNullTexts(submitted.fields) : submitted.fields
    const { person, problems } = toPerson({ ...fields, marketoId: id }, selection)
    const [problem] = problems
    if (problem) {
      const { code, field, advice } = problem
      return { outcome: 'failed', code, field, advice }
    }
    const canonicalKey = canonicalKeyOf(person)
    if (canonicalKey === undefined) throw new Error('A person of a chunk has no id')
    const now = clock.now()
    return {
      requestId: random.uuid(),
      source: 'flow-step',
      // No API key has such a name, so no other endpoint's Idempotency-Key can be this one.
      caller: `flow-step/${caller}`,
      idempotency: { key: `${chunkId}:${position}`, bodyHash: '' },
      identifiers: identifiersOf(person),
      canonicalKey,
      marketoId: id,
      recordType,
      payload: writePayload({
        person,
        recordType,
        ...(assignTo !== undefined && { assignTo }),
        // A member that is there says what Marketo has, also when it is empty: nothing is left to ask.
        ...('email' in fields && { completed: true }),
      }),
      campaign: { ...campaign, ...(trigger !== undefined && { trigger }) },
      batch,
      unattended: true,
      leaseUntil: now,
      now,
    }
  }
}

function withoutNullTexts(fields: SubmittedPerson['fields']): SubmittedPerson['fields'] {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, isNullText(value) ? null : value]),
  )
}
