import type {
  CallbackResult,
  Chunk,
  ChunkCounts,
  ChunkPage,
  ChunkPerson,
  ChunkState,
  ChunkStore,
  NewChunk,
  WantedChunks,
} from '../chunk-port.ts'
import {
  expandedBy,
  personParameters,
  toChunk,
  toChunkCounts,
  toChunkPage,
  toChunkPerson,
} from '../chunk-rows.ts'
import type { WaitingRequests } from '../port.ts'
import { integer, text, toWaitingRequests } from '../rows.ts'
import { type ChunkStatements, prepareStatements } from './chunk-statements.ts'
import type { Database } from './database.ts'
import { readErasable } from './erasable.ts'

/** The flow step's part of the embedded driver. Shares the database, and so its transactions, with the others. */
export class SqliteChunkStore implements ChunkStore {
  readonly #db: Database
  readonly #sql: ChunkStatements

  constructor(database: Database) {
    this.#db = database
    this.#sql = prepareStatements(database)
  }

  /** One process has the file, so what a former one held is free. Call before work starts. */
  releaseAll(): Promise<void> {
    return this.#db.write(() => void this.#sql.releaseAll.run())
  }

  acceptChunk({ pages, batch, ...chunk }: NewChunk): Promise<'accepted' | 'seen'> {
    return this.#db.write(() => {
      const row = this.#sql.insertChunk.get({ ...chunk, batch: batch ? 1 : 0 })
      if (row === undefined) return 'seen'
      const number = integer(row, 'number')
      for (const page of pages) this.#sql.insertPage.run({ number, ...page })
      return 'accepted'
    })
  }

  claimChunks({ batch, limit, except }: WantedChunks, leaseMs: number, now: number): Promise<Chunk[]> {
    const wanted = { batch: batch ? 1 : 0, limit, except: JSON.stringify(except) }
    return this.#db.writeUnsynced(() => this.#sql.claim.all({ ...wanted, leaseMs, now }).map(toChunk))
  }

  holdChunks(chunkIds: readonly string[], leaseMs: number, now: number): Promise<void> {
    return this.#db.writeUnsynced(
      () => void this.#sql.hold.run({ chunkIds: JSON.stringify(chunkIds), leaseMs, now }),
    )
  }

  async readPage(chunkId: string, position: number): Promise<ChunkPage | undefined> {
    const row = this.#sql.readPage.get({ chunkId, position })
    if (row === undefined) return undefined
    const page = toChunkPage(row)
    return { ...page, body: readErasable(page.body) }
  }

  recordPeople(chunkId: string, people: readonly ChunkPerson[]): Promise<void> {
    return this.#db.writeUnsynced(() => {
      for (const person of people) this.#sql.insertPerson.run({ chunkId, ...personParameters(person) })
      this.#sql.expand.run({ chunkId, expanded: expandedBy(people) })
      this.#sql.erasePages.run({ chunkId })
    })
  }

  async readPeople(chunkId: string, position: number, limit: number): Promise<ChunkPerson[]> {
    return this.#sql.readPeople.all({ chunkId, position, limit }).map(toChunkPerson)
  }

  async readWaiting(chunkId: string): Promise<WaitingRequests[]> {
    return this.#sql.readWaiting.all({ chunkId }).map(toWaitingRequests)
  }

  fixCallback(chunkId: string, callback: readonly string[], counts: ChunkCounts, now: number): Promise<void> {
    return this.#db.write(() => {
      const row = this.#sql.startAnswering.get({ chunkId, counts: JSON.stringify(counts), now })
      if (row === undefined) return
      const number = integer(row, 'number')
      for (const [position, body] of callback.entries()) this.#sql.insertPart.run({ number, position, body })
      this.#sql.dropPeople.run({ number })
    })
  }

  async readCallback(chunkId: string): Promise<string[]> {
    return this.#sql.readCallback.all({ chunkId }).map((row) => readErasable(text(row, 'body')))
  }

  settleCallback(chunkId: string, result: CallbackResult, now: number): Promise<void> {
    return this.#db.write(() => {
      switch (result.kind) {
        case 'done':
          this.#sql.answered.run({ chunkId, now })
          this.#sql.eraseCallback.run({ chunkId })
          return
        case 'failed':
          this.#sql.giveUp.run({ chunkId, reason: result.reason, now })
          return
        case 'again':
          this.#sql.answerAgain.run({ chunkId, reason: result.reason, runAt: result.runAt })
          return
        default:
          result satisfies never
      }
    })
  }

  rescheduleChunk(chunkId: string, runAt: number): Promise<void> {
    return this.#db.writeUnsynced(() => void this.#sql.reschedule.run({ chunkId, runAt }))
  }

  async listChunks(filter: { state?: ChunkState; limit: number; before?: number }): Promise<Chunk[]> {
    const { state, limit, before = Number.MAX_SAFE_INTEGER } = filter
    const rows = state
      ? this.#sql.listByState.all({ state, limit, before })
      : this.#sql.list.all({ limit, before })
    return rows.map(toChunk)
  }

  async countChunks(): Promise<Readonly<Record<ChunkState, number>>> {
    return toChunkCounts(this.#sql.count.all())
  }

  resendCallback(chunkId: string, now: number): Promise<boolean> {
    return this.#db.write(() => this.#sql.resend.get({ chunkId, now }) !== undefined)
  }

  pruneChunks(before: number, limit: number): Promise<number> {
    return this.#db.writeUnsynced(() => this.#sql.prune.all({ before, limit }).length)
  }
}
