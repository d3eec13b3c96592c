import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Rejected } from '../errors.ts'
import { type Caller, createGathering, halves, whileAnybodyWaits } from '../gathering.ts'
import type { BatchPart } from './batch.ts'
import { type Client, isUnreadable, type PartOutcome } from './client.ts'
import type { Limiter } from './limiter.ts'
import { type Records, recordsOver } from './records.ts'
import type { DataverseSettings } from './settings.ts'
import { errorOf, judge, type Reply } from './verdict.ts'

/**
 * Leads and contacts over the Web API, for many people at a time: calls that come together share one $batch.
 * Each caller gets what a request of their own would have given; only the time they wait is the batch's.
 */
export function gatherRecords(room: GathererRoom): Records {
  const gather = createGatherer(room)
  return recordsOver(
    {
      async one(_name, part, call) {
        const [outcome] = await gather([part], call)
        if (outcome === undefined) throw new RangeError('fewer outcomes than parts')
        const { reply, waitMs } = replied(outcome)
        const error = errorOf(judge(reply), reply, waitMs)
        if (error !== undefined) throw error
        return reply
      },
      async several(_name, parts, call) {
        const outcomes = await gather(parts, call)
        return outcomes.map((outcome) => {
          const { reply, waitMs } = replied(outcome)
          const verdict = judge(reply)
          if (verdict.kind === 'throttled') throw errorOf(verdict, reply, waitMs)
          return reply
        })
      },
    },
    room.settings,
  )
}

function replied(outcome: PartOutcome): { reply: Reply; waitMs: number } {
  if (outcome.kind === 'no-reply') throw outcome.error
  return outcome
}

/** One outcome for each part, in order; the parts travel in one $batch with those of others. */
type Gather = (parts: readonly BatchPart[], call: CallContext) => Promise<readonly PartOutcome[]>

type PartsCaller = Caller<readonly BatchPart[], readonly PartOutcome[]>

export interface GathererRoom {
  client: Client
  limiter: Limiter
  settings: DataverseSettings
  clock: Clock
}

function createGatherer(room: GathererRoom): Gather {
  const { limiter, settings, clock } = room
  return createGathering<readonly BatchPart[], readonly PartOutcome[]>({
    clock,
    waitMs: () => settings.gatherMs,
    fits: (callers) => countParts(callers) <= limiter.pace.batchSize,
    isFull: (callers) => callers.length >= settings.gatherMax,
    send: (callers, lane) => sendAll(room, callers, lane),
  })
}

/**
 * A batch that is refused as a whole says nothing about any one of its parts: it is halved until who is to blame
 * stands alone. So is one for which the pace has become too small meanwhile.
 */
async function sendAll(
  room: GathererRoom,
  callers: readonly PartsCaller[],
  lane: CallContext['lane'],
): Promise<void> {
  const present = callers.filter(({ signal }) => !signal.aborted)
  if (present.length === 0) return
  const parts = present.flatMap(({ asked }) => asked)
  const isSplittable = present.length > 1
  if (!isSplittable || parts.length <= room.limiter.pace.batchSize) {
    const outcomes = await whileAnybodyWaits(present, (signal) =>
      room.client.attempt({ name: 'gathered people', parts, paced: true }, { signal, ...(lane && { lane }) }),
    )
    if (outcomes.some(isUnreadable)) room.limiter.learn({ kind: 'slow', operations: parts.length })
    if (!isSplittable || !outcomes.every(isRefusedUnread)) return serveEach(present, outcomes)
  }
  await Promise.all(halves(present).map((some) => sendAll(room, some, lane)))
}

function serveEach(callers: readonly PartsCaller[], outcomes: readonly PartOutcome[]): void {
  let from = 0
  for (const { asked, serve } of callers) {
    serve(outcomes.slice(from, from + asked.length))
    from += asked.length
  }
}

function countParts(callers: readonly PartsCaller[]): number {
  return callers.reduce((sum, { asked }) => sum + asked.length, 0)
}

function isRefusedUnread(outcome: PartOutcome): boolean {
  return outcome.kind === 'no-reply' && outcome.error instanceof Rejected
}
