import type { PartOutcome } from './client.ts'
import { createGatherer, type GathererRoom } from './gatherer.ts'
import type { Records } from './records.ts'
import { recordsOver } from './records-over-http.ts'
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
