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
import { CHUNK_SQL } from '../chunk-statements.ts'
import type { WaitingRequests } from '../port.ts'
import { type Row, text, toWaitingRequests } from '../rows.ts'
import type { Postgres } from './postgres.ts'
import { statement, toJson } from './statement.ts'

/** A chunk that is known has its pages, or had them. */
const ACCEPT = `
  with added as (${CHUNK_SQL.insertChunk}), paged as (
    insert into chunk_page (number, position, items, body)
    select number, page.position, items, body
      from added, json_to_recordset(:pages::json) as page (position bigint, items bigint, body text)
  )
  select number from added`
/** Statements after it in a transaction see what whoever held the chunk before has left. */
const HOLD = 'select number from chunk where chunk_id = :chunkId for update'
/** Epoch ms by the clock that all replicas share. */
const CLOCK = '(extract(epoch from clock_timestamp()) * 1000)::bigint'
const CLAIM = `
  with due as materialized (
    select number from chunk
     where ended_at is null and batch = :batch and run_at <= :now
       and leased_until not between ${CLOCK} + 1 and ${CLOCK} + :leaseMs
       and chunk_id <> all(:except::text[])
     order by run_at limit :limit for update skip locked
  ), claimed as (
    update chunk set leased_until = ${CLOCK} + :leaseMs,
                     attempts = attempts + case state when 'answering' then 1 else 0 end
      from due where chunk.number = due.number
    returning chunk.*
  )
  select * from claimed order by run_at`
const HOLD_ON = `
  update chunk set leased_until = ${CLOCK} + :leaseMs
   where chunk_id = any(:chunkIds::text[]) and leased_until > 0 and ended_at is null`
const INSERT_PEOPLE = `
  insert into chunk_person (number, position, marketo_id, request_id, outcome)
  select number, person.position, "marketoId", "requestId", outcome
    from chunk, json_to_recordset(:people::json)
           as person (position bigint, "marketoId" bigint, "requestId" text, outcome text)
   where chunk_id = :chunkId and state = 'stored'
  on conflict do nothing`
const FIX_CALLBACK = `
  with started as (${CHUNK_SQL.startAnswering}), dropped as (
    delete from chunk_person where number in (select number from started)
  )
  insert into callback_part (number, position, body)
  select number, part.position - 1, body
    from started, unnest(:callback::text[]) with ordinality as part (body, position)`

/** The flow step's part of the driver for several processes. Each verb is one round trip. */
export class PostgresChunkStore implements ChunkStore {
  readonly #postgres: Postgres

  constructor(postgres: Postgres) {
    this.#postgres = postgres
  }

  async acceptChunk({ pages, batch, ...chunk }: NewChunk): Promise<'accepted' | 'seen'> {
    const added = await this.#row(ACCEPT, {
      ...chunk,
      batch: batch ? 1 : 0,
      pages: toJson([...pages]),
    })
    return added === undefined ? 'seen' : 'accepted'
  }

  async claimChunks({ batch, limit, except }: WantedChunks, leaseMs: number, now: number): Promise<Chunk[]> {
    const wanted = { batch: batch ? 1 : 0, limit, except }
    return (await this.#postgres.query(CLAIM, { ...wanted, leaseMs, now })).map(toChunk)
  }

  async holdChunks(chunkIds: readonly string[], leaseMs: number): Promise<void> {
    await this.#postgres.query(HOLD_ON, { chunkIds, leaseMs })
  }

  async readPage(chunkId: string, position: number): Promise<ChunkPage | undefined> {
    const row = await this.#row(CHUNK_SQL.readPage, { chunkId, position })
    return row && toChunkPage(row)
  }

  async recordPeople(chunkId: string, people: readonly ChunkPerson[]): Promise<void> {
    await this.#postgres.transaction([
      statement(HOLD, { chunkId }),
      statement(INSERT_PEOPLE, { chunkId, people: toJson(people.map(personParameters)) }),
      statement(CHUNK_SQL.expand, { chunkId, expanded: expandedBy(people) }),
      statement(CHUNK_SQL.erasePages, { chunkId }),
    ])
  }

  async readPeople(chunkId: string, position: number, limit: number): Promise<ChunkPerson[]> {
    const rows = await this.#postgres.query(CHUNK_SQL.readPeople, { chunkId, position, limit })
    return rows.map(toChunkPerson)
  }

  async readWaiting(chunkId: string): Promise<WaitingRequests[]> {
    const rows = await this.#postgres.query(CHUNK_SQL.readWaiting, { chunkId })
    return rows.map(toWaitingRequests)
  }

  async fixCallback(
    chunkId: string,
    callback: readonly string[],
    counts: ChunkCounts,
    now: number,
  ): Promise<void> {
    await this.#postgres.query(FIX_CALLBACK, { chunkId, callback, counts: JSON.stringify(counts), now })
  }

  async readCallback(chunkId: string): Promise<string[]> {
    const rows = await this.#postgres.query(CHUNK_SQL.readCallback, { chunkId })
    return rows.map((row) => text(row, 'body'))
  }

  async settleCallback(chunkId: string, result: CallbackResult, now: number): Promise<void> {
    switch (result.kind) {
      case 'done':
        await this.#postgres.transaction([
          statement(CHUNK_SQL.answered, { chunkId, now }),
          statement(CHUNK_SQL.eraseCallback, { chunkId }),
        ])
        return
      case 'failed':
        await this.#postgres.query(CHUNK_SQL.giveUp, { chunkId, reason: result.reason, now })
        return
      case 'again': {
        const { reason, runAt } = result
        await this.#postgres.query(CHUNK_SQL.answerAgain, { chunkId, reason, runAt })
        return
      }
      default:
        result satisfies never
    }
  }

  async rescheduleChunk(chunkId: string, runAt: number): Promise<void> {
    await this.#postgres.query(CHUNK_SQL.reschedule, { chunkId, runAt })
  }

  async listChunks(filter: { state?: ChunkState; limit: number; before?: number }): Promise<Chunk[]> {
    const { state, limit, before = Number.MAX_SAFE_INTEGER } = filter
    const sql = state ? CHUNK_SQL.listByState : CHUNK_SQL.list
    return (await this.#postgres.query(sql, { state, limit, before })).map(toChunk)
  }

  async countChunks(): Promise<Readonly<Record<ChunkState, number>>> {
    return toChunkCounts(await this.#postgres.query(CHUNK_SQL.count))
  }

  async resendCallback(chunkId: string, now: number): Promise<boolean> {
    return (await this.#row(CHUNK_SQL.resend, { chunkId, now })) !== undefined
  }

  async pruneChunks(before: number, limit: number): Promise<number> {
    return (await this.#postgres.query(CHUNK_SQL.prune, { before, limit })).length
  }

  async #row(sql: string, parameters: Readonly<Record<string, unknown>>): Promise<Row | undefined> {
    const [row] = await this.#postgres.query(sql, parameters)
    return row
  }
}
