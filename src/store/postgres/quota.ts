import type { Clock } from '../../clock.ts'
import { StoreUnavailable } from '../../errors.ts'
import type { Learned, Quota, QuotaAsk, QuotaBlock } from '../../limits/port.ts'
import type { Postgres } from './postgres.ts'

export interface PostgresQuotaOptions {
  postgres: Pick<Postgres, 'query'>
  /** The schema of this version's functions: `migrate` gives it. */
  functions: string
  /** Another one for each start of a process. */
  replica: string
  clock: Clock
}

/** What the function gives: times as milliseconds from its own now. */
type Answer = Omit<QuotaBlock, 'fromMs' | 'untilMs' | 'recentMs' | 'day'> & {
  usableMs: number
  fromInMs: number
  /** Ages of starts, and how many there are of each. */
  recent: [ageMs: number, starts: number][]
  day: { calls: number; endsInMs: number }
}

/**
 * The quota that replicas take their blocks from. Only lengths of time travel, so that nobody's clock need be right:
 * the end of a block counts from before it was asked for, everything else from when the answer is there.
 */
export class PostgresQuota implements Quota {
  readonly #options: PostgresQuotaOptions

  constructor(options: PostgresQuotaOptions) {
    this.#options = options
  }

  async take(ask: QuotaAsk): Promise<QuotaBlock> {
    const { postgres, functions, replica, clock } = this.#options
    const sentAtMs = clock.now()
    const learned = moved(ask.learned, -sentAtMs)
    const [row] = await postgres.query(`select ${functions}.take_quota(:ask::jsonb) as answer`, {
      ask: JSON.stringify({ ...ask, replica, learned }),
    })
    const answer = (row?.answer ?? null) as Answer | null
    if (answer === null) throw new StoreUnavailable('The quota has answered a later question already')
    const { usableMs, fromInMs, recent, day, ...rest } = answer
    const now = clock.now()
    return {
      ...rest,
      fromMs: fromInMs > 0 ? now + fromInMs : sentAtMs,
      untilMs: sentAtMs + usableMs,
      learned: moved(answer.learned, now),
      recentMs: recent.flatMap(([ageMs, starts]) => Array.from({ length: starts }, () => now - ageMs)),
      ...(ask.limits.day && { day: { calls: day.calls, endsAtMs: now + day.endsInMs } }),
    }
  }
}

/** Moments that are not there yet, such as of a lowering, are infinitely long ago, and JSON has no word for that. */
function moved({ values, times }: Learned, byMs: number): Learned {
  const finite = Object.entries(times).filter(([, atMs]) => Number.isFinite(atMs))
  return { values, times: Object.fromEntries(finite.map(([name, atMs]) => [name, atMs + byMs])) }
}
