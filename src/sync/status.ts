import { createHash } from 'node:crypto'
import type { WaitingRequests } from '../store/port.ts'
import type { Backlog, Cursor } from '../store/sync-port.ts'
import type { Blocked, Cycle, StreamState, SyncStatus } from './control.ts'

/** Calls used of both quotas. Counts begin with the process, save `callsToday`. */
export interface Usage {
  dynamics: { calls: number; throttled: number; pausedForMs: number }
  marketo?: {
    calls: number
    throttled: number
    pausedForMs: number
    callsToday: number
    dailyCallsMax: number
  }
}

/** As both vendors' rooms count them; Marketo's only where it is configured. */
export function usageOf(
  dataverse: { stats(): Usage['dynamics'] },
  marketo: { stats(): NonNullable<Usage['marketo']> } | undefined,
): Usage {
  return { dynamics: dataverse.stats(), ...(marketo && { marketo: marketo.stats() }) }
}

export interface StatusParts {
  /** Absent: the sync is switched off. */
  engine?: SyncStatus
  blocked?: Blocked
  paused: boolean
  cursors: readonly Cursor[]
  backlog: Backlog
  waiting: readonly WaitingRequests[]
  usage: Usage
  intervalSeconds: number
  now: number
}

const CURSOR_LENGTH = 12

/** The status page's body: what the engine, the store and the vendors' limiters know, in one. */
export function statusBody({
  engine,
  paused,
  cursors,
  backlog,
  waiting,
  usage,
  intervalSeconds,
  now,
  ...parts
}: StatusParts) {
  const { live, initial, oldestDirtyAt, links, openFailures } = backlog
  const blocked = parts.blocked ?? engine?.blocked
  const { initialSync, lastCycle, nextCycleAt, leader } = engine ?? {}
  return {
    state: stateOf(engine, blocked, paused),
    ...(blocked && { blocked }),
    paused,
    intervalSeconds,
    ...(lastCycle && { lastCycle: cycleBody(lastCycle) }),
    ...(nextCycleAt !== undefined && { nextCycleAt: toIso(nextCycleAt) }),
    ...(leader && { leader: { ...leader, since: toIso(leader.since) } }),
    ...(engine && { totals: { since: toIso(engine.since), counts: engine.totals } }),
    // Nobody reads while nobody leads, or while it is blocked: what the last read found is over.
    streams: cursors.map((cursor) =>
      streamBody(cursor, engine?.streams[cursor.stream], leader !== undefined && !blocked, now),
    ),
    backlog: {
      live,
      initial,
      ...(oldestDirtyAt !== undefined && {
        oldestChangeAt: toIso(oldestDirtyAt),
        lagMs: Math.max(0, now - oldestDirtyAt),
      }),
    },
    links,
    openFailures,
    waiting: waiting.map(({ code, requests, oldestAt }) => ({
      code,
      requests,
      oldestAt: toIso(oldestAt),
      ageMs: Math.max(0, now - oldestAt),
    })),
    ...(engine?.faults && { faults: engine.faults }),
    ...(initialSync && {
      initialSync: {
        state: initialSync.state,
        rowsRead: initialSync.rowsRead,
        left: initial,
        ...(initialSync.startedAt !== undefined && { startedAt: toIso(initialSync.startedAt) }),
      },
    }),
    calls: usage,
  }
}

function stateOf(engine: SyncStatus | undefined, blocked: Blocked | undefined, paused: boolean) {
  if (!engine) return 'off'
  if (blocked) return 'blocked'
  return paused ? 'paused' : 'running'
}

function cycleBody({ startedAt, ...cycle }: Cycle) {
  return { startedAt: toIso(startedAt), ...cycle }
}

function streamBody(
  { stream, position, readAt }: Cursor,
  state: StreamState | undefined,
  isRead: boolean,
  now: number,
) {
  const { behind = false, isAtEnd = false, code, advice } = state ?? {}
  const lagFrom = isRead && isAtEnd ? now : readAt
  return {
    stream,
    cursor: fingerprint(position),
    ...(readAt !== undefined && { readToEndAt: toIso(readAt), ageMs: Math.max(0, now - readAt) }),
    behind,
    ...(lagFrom !== undefined && { lagMs: Math.max(0, now - lagFrom) }),
    ...(code !== undefined && { code }),
    ...(advice !== undefined && { advice }),
  }
}

/** Shows that a cursor moves, and nothing that is inside it. */
function fingerprint(position: string): string {
  return createHash('sha256').update(position).digest('hex').slice(0, CURSOR_LENGTH)
}

export function toIso(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
