import type {
  CallbackResult,
  Chunk,
  ChunkCounts,
  ChunkPage,
  ChunkPerson,
  ChunkState,
  ChunkStore,
  NewChunk,
} from '../chunk-port.ts'
import { toChunk, toChunkPage, toChunkPerson } from '../chunk-rows.ts'
import { integer, text } from '../rows.ts'
import { type ChunkStatements, prepareStatements } from './chunk-statements.ts'
import type { Database } from './database.ts'

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

  claimChunks(batch: boolean, limit: number, leaseUntil: number, now: number): Promise<Chunk[]> {
    return this.#db.writeUnsynced(() =>
      this.#sql.claim.all({ batch: batch ? 1 : 0, limit, leaseUntil, now }).map(toChunk),
    )
  }

  async readPage(chunkId: string, position: number): Promise<ChunkPage | undefined> {
    const row = this.#sql.readPage.get({ number: this.#numberOf(chunkId), position })
    const page = row && toChunkPage(row)
    return page && position < page.position + page.items ? page : undefined
  }

  recordPeople(chunkId: string, people: readonly ChunkPerson[]): Promise<void> {
    return this.#db.writeUnsynced(() => {
      const number = this.#numberOf(chunkId)
      for (const { position, marketoId, requestId, outcome } of people) {
        this.#sql.insertPerson.run({
          number,
          position,
          marketoId,
          requestId: requestId ?? null,
          outcome: outcome ? JSON.stringify(outcome) : null,
        })
      }
      const last = people.at(-1)
      this.#sql.expand.run({ number, expanded: last ? last.position + 1 : 0 })
      this.#sql.erasePages.run({ number })
    })
  }

  async readPeople(chunkId: string, position: number, limit: number): Promise<ChunkPerson[]> {
    return this.#sql.readPeople.all({ number: this.#numberOf(chunkId), position, limit }).map(toChunkPerson)
  }

  async countOpen(chunkId: string): Promise<number> {
    return Number(this.#sql.countOpen.get(this.#numberOf(chunkId))?.people)
  }

  fixCallback(chunkId: string, callback: readonly string[], counts: ChunkCounts, now: number): Promise<void> {
    return this.#db.write(() => {
      const number = this.#numberOf(chunkId)
      const started = this.#sql.startAnswering.run({ number, counts: JSON.stringify(counts), now })
      if (started.changes === 0) return
      for (const [position, body] of callback.entries()) this.#sql.insertPart.run({ number, position, body })
      this.#sql.dropPeople.run(number)
    })
  }

  async readCallback(chunkId: string): Promise<string[]> {
    return this.#sql.readCallback.all(this.#numberOf(chunkId)).map((row) => text(row, 'body'))
  }

  settleCallback(chunkId: string, result: CallbackResult, now: number): Promise<void> {
    return this.#db.write(() => {
      const number = this.#numberOf(chunkId)
      switch (result.kind) {
        case 'done':
          if (this.#sql.answered.run({ number, now }).changes === 1) this.#sql.eraseCallback.run(number)
          return
        case 'failed':
          this.#sql.giveUp.run({ number, reason: result.reason, now })
          return
        case 'again':
          this.#sql.answerAgain.run({ number, reason: result.reason, runAt: result.runAt })
          return
        default:
          result satisfies never
      }
    })
  }

  rescheduleChunk(chunkId: string, runAt: number): Promise<void> {
    return this.#db.writeUnsynced(
      () => void this.#sql.reschedule.run({ number: this.#numberOf(chunkId), runAt }),
    )
  }

  returnChunk({ chunkId, state }: Chunk): Promise<void> {
    const tries = state === 'answering' ? 1 : 0
    return this.#db.writeUnsynced(() => void this.#sql.giveBack.run({ chunkId, tries }))
  }

  async readChunk(chunkId: string): Promise<Chunk | undefined> {
    const row = this.#sql.find.get(chunkId)
    return row && toChunk(row)
  }

  async listChunks(filter: { state?: ChunkState; limit: number; before?: number }): Promise<Chunk[]> {
    const { state, limit, before = Number.MAX_SAFE_INTEGER } = filter
    const rows = state
      ? this.#sql.listByState.all({ state, limit, before })
      : this.#sql.list.all({ limit, before })
    return rows.map(toChunk)
  }

  async countChunks(): Promise<Readonly<Record<ChunkState, number>>> {
    const counts = { stored: 0, working: 0, answering: 0, done: 0, failed: 0 }
    for (const row of this.#sql.count.all()) {
      counts[text(row, 'state') as ChunkState] = integer(row, 'chunks')
    }
    return counts
  }

  resendCallback(chunkId: string, now: number): Promise<boolean> {
    return this.#db.write(() => this.#sql.resend.run({ chunkId, now }).changes === 1)
  }

  pruneChunks(before: number, limit: number): Promise<number> {
    return this.#db.writeUnsynced(() => Number(this.#sql.prune.run({ before, limit }).changes))
  }

  #numberOf(chunkId: string): number {
    const row = this.#sql.find.get(chunkId)
    if (row === undefined) throw new Error(`The store has no chunk ${chunkId}`)
    return integer(row, 'number')
  }
}
