import { type CallContext, untilAborted } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { isVendorError, Rejected, Unavailable } from '../errors.ts'
import type { BatchPart } from './batch.ts'
import type { Client, PartOutcome } from './client.ts'
import type { Limiter } from './limiter.ts'
import type { DataverseSettings } from './settings.ts'

/**
 * One outcome for each part, in order; the parts travel in one $batch with those of others who ask at about the
 * same time in the same lane. Who leaves gets Unavailable at once, and the others are served on.
 */
export type Gather = (parts: readonly BatchPart[], call: CallContext) => Promise<readonly PartOutcome[]>

interface Caller {
  parts: readonly BatchPart[]
  signal: AbortSignal
  serve(outcomes: readonly PartOutcome[]): void
  fail(error: unknown): void
}

interface Group {
  lane: CallContext['lane']
  callers: Caller[]
  waiting: AbortController
}

export interface GathererRoom {
  client: Client
  limiter: Limiter
  settings: DataverseSettings
  clock: Clock
}

export function createGatherer(room: GathererRoom): Gather {
  const { limiter, settings, clock } = room
  const groups = new Map<CallContext['lane'], Group>()

  const depart = (group: Group) => {
    if (groups.get(group.lane) !== group) return
    groups.delete(group.lane)
    group.waiting.abort('departed')
    sendAll(room, group.callers, group.lane).catch((error: unknown) => {
      for (const caller of group.callers) caller.fail(error)
    })
  }

  const open = (lane: Group['lane']): Group => {
    const group: Group = { lane, callers: [], waiting: new AbortController() }
    groups.set(lane, group)
    clock.sleep(settings.gatherMs, group.waiting.signal).then(
      () => depart(group),
      () => undefined,
    )
    return group
  }

  const join = (caller: Caller, lane: Group['lane']) => {
    const before = groups.get(lane)
    if (before && countParts([...before.callers, caller]) > limiter.pace.batchSize) depart(before)
    const group = groups.get(lane) ?? open(lane)
    group.callers.push(caller)
    if (group.callers.length >= settings.gatherMax) depart(group)
  }

  return async (parts, { signal, lane }) => {
    const served = new Promise<readonly PartOutcome[]>((serve, fail) => {
      join({ parts, signal, serve, fail }, lane)
    })
    try {
      return await untilAborted(served, signal)
    } catch (cause) {
      if (!signal.aborted || isVendorError(cause)) throw cause
      throw new Unavailable('the caller did not wait for Dataverse', { cause })
    }
  }
}

/**
 * A batch that is refused as a whole says nothing about any one of its parts: it is halved until who is to blame
 * stands alone. So is one for which the pace has become too small meanwhile.
 */
async function sendAll(room: GathererRoom, callers: readonly Caller[], lane: Group['lane']): Promise<void> {
  const present = callers.filter(({ signal }) => !signal.aborted)
  if (present.length === 0) return
  const parts = present.flatMap((caller) => caller.parts)
  const isSplittable = present.length > 1
  if (!isSplittable || parts.length <= room.limiter.pace.batchSize) {
    const outcomes = await whileAnybodyWaits(present, (signal) =>
      room.client.attempt({ name: 'gathered people', parts, paced: true }, { signal, ...(lane && { lane }) }),
    )
    if (!isSplittable || !outcomes.every(isRefusedUnread)) return serveEach(present, outcomes)
  }
  const half = Math.ceil(present.length / 2)
  const halves = [present.slice(0, half), present.slice(half)]
  await Promise.all(halves.map((some) => sendAll(room, some, lane)))
}

function serveEach(callers: readonly Caller[], outcomes: readonly PartOutcome[]): void {
  let from = 0
  for (const { parts, serve } of callers) {
    serve(outcomes.slice(from, from + parts.length))
    from += parts.length
  }
}

/** Runs `work` under a signal that aborts when the last of the callers has left. */
async function whileAnybodyWaits<T>(
  callers: readonly Caller[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signals = new Set(callers.map(({ signal }) => signal))
  const nobody = new AbortController()
  const onLeave = () => {
    if ([...signals].every(({ aborted }) => aborted)) nobody.abort(new Error('nobody waits any more'))
  }
  for (const signal of signals) signal.addEventListener('abort', onLeave)
  try {
    return await work(nobody.signal)
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', onLeave)
  }
}

function countParts(callers: readonly Caller[]): number {
  return callers.reduce((sum, { parts }) => sum + parts.length, 0)
}

function isRefusedUnread(outcome: PartOutcome): boolean {
  return outcome.kind === 'no-reply' && outcome.error instanceof Rejected
}
