import type { Chunk, ChunkCounts, ChunkPage, ChunkPerson, ChunkState } from './chunk-port.ts'
import { integer, optionalInteger, optionalText, type Row, text, toOutcome, toWaiting } from './rows.ts'

/** Typed readers of what is kept of chunks. */

export function toChunk(row: Row): Chunk {
  const answeringSince = optionalInteger(row, 'answering_since')
  const counts = optionalText(row, 'counts')
  const lastReason = optionalText(row, 'last_reason')
  const endedAt = optionalInteger(row, 'ended_at')
  return {
    number: integer(row, 'number'),
    chunkId: text(row, 'chunk_id'),
    state: text(row, 'state') as ChunkState,
    token: text(row, 'token'),
    caller: text(row, 'caller'),
    munchkinId: text(row, 'munchkin_id'),
    callbackUrl: text(row, 'callback_url'),
    callbackKey: text(row, 'callback_key'),
    people: integer(row, 'people'),
    batch: integer(row, 'batch') === 1,
    deadline: integer(row, 'deadline'),
    receivedAt: integer(row, 'received_at'),
    expanded: integer(row, 'expanded'),
    attempts: integer(row, 'attempts'),
    ...(answeringSince !== undefined && { answeringSince }),
    ...(counts !== undefined && { counts: JSON.parse(counts) as ChunkCounts }),
    ...(lastReason !== undefined && { lastReason }),
    ...(endedAt !== undefined && { endedAt }),
  }
}

export function toChunkPerson(row: Row): ChunkPerson {
  const requestId = optionalText(row, 'request_id')
  const outcome = toOutcome(row)
  return {
    position: integer(row, 'position'),
    marketoId: integer(row, 'marketo_id'),
    ...(requestId !== undefined && { requestId }),
    ...(outcome ? { outcome } : row.accepted_at !== null && { waiting: toWaiting(row) }),
  }
}

export function toChunkPage(row: Row): ChunkPage {
  return { position: integer(row, 'position'), items: integer(row, 'items'), body: text(row, 'body') }
}

export function toChunkCounts(rows: readonly Row[]): Readonly<Record<ChunkState, number>> {
  const counts = { stored: 0, working: 0, answering: 0, done: 0, failed: 0 }
  for (const row of rows) counts[text(row, 'state') as ChunkState] = integer(row, 'chunks')
  return counts
}

/** The columns of a person, as named parameters. */
export function personParameters({ position, marketoId, requestId, outcome }: ChunkPerson) {
  return {
    position,
    marketoId,
    requestId: requestId ?? null,
    outcome: outcome ? JSON.stringify(outcome) : null,
  }
}

/** How far the chunk is expanded once these are recorded. */
export function expandedBy(people: readonly ChunkPerson[]): number {
  const last = people.at(-1)
  return last ? last.position + 1 : 0
}
