import type { Logger } from 'pino'
import type { Clock, Random } from '../clock.ts'
import { type FailureDetail, IN_PROGRESS, Rejected, Unauthorized, Unavailable } from '../errors.ts'
import type { JobLane, Jobs } from '../jobs/port.ts'
import { SeldomLog } from '../log.ts'
import { type Backoff, retryHint, waitMs } from '../retry.ts'
import type { Outcome, Settled, Store, Waiting, Work } from '../store/port.ts'
import type { Heartbeat } from './heartbeat.ts'
import { OUT_OF_TIME, obstacleOf } from './obstacle.ts'
import type { SyncPerson } from './sync-person.ts'

export interface AttemptsOptions {
  syncPerson: SyncPerson
  store: Store
  jobs: Jobs
  heartbeat: Pick<Heartbeat, 'hold'>
  clock: Clock
  random: Random
  log: Logger
  /** Told once for each request that an attempt settled. */
  settled: (outcome: Outcome) => void
  limits: {
    /** One attempt, waits included. A batch campaign's calls are shared, and take longer than one person's. */
    attemptMs: Readonly<Record<JobLane, number>>
    /** Between attempts. */
    backoff: Backoff
    /** From acceptance until an unfinished request is recorded as failed. */
    giveUpMs: number
  }
}

export interface AttemptOptions {
  /** `batch`: nobody waits, and calls to Dynamics are shared with others. */
  lane: JobLane
  /** Epoch ms: no wait goes beyond it, so that a caller who cannot be answered in time is told so at once. */
  waitUntil?: number
  /** Hears what stands in the way while the attempt goes on. */
  note?: (obstacle: FailureDetail) => void
}

/** Cheaper than the DOMException that an abort without a reason makes. */
const FINISHED = 'finished'

const BEHIND_OTHERS = { lane: 'background' } as const

/** Bounded attempts at a request, each of which ends in an outcome or in a later attempt. */
export class Attempts {
  readonly #options: AttemptsOptions
  readonly #seldom: SeldomLog
  readonly #running = new Set<Promise<unknown>>()
  readonly #expiries = new Set<AbortController>()
  #halted = false

  constructor(options: AttemptsOptions) {
    this.#options = options
    this.#seldom = new SeldomLog(options.log, options.clock)
  }

  /** A job tries again what waits. Throws only when the store fails. */
  run(work: Work, options: AttemptOptions): Promise<Outcome | Waiting> {
    const running = this.#attempt(work, options)
    const tracked = running.then(
      () => {},
      () => {},
    )
    this.#running.add(tracked)
    tracked.then(() => this.#running.delete(tracked))
    return running
  }

  /** Resolves when nothing is under way. */
  async drain(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  /** Ends what is under way and hands its job back, for another process or the next start. */
  halt(): void {
    this.#halted = true
    for (const expiry of this.#expiries) expiry.abort(new Unavailable('The service is stopping'))
  }

  /** Writes what the log has left out and whose minute is over; `all`: of every minute. */
  flushLog(all?: boolean): void {
    this.#seldom.flush(all)
  }

  /** Records the request as failed, where nothing better can come of it. */
  async giveUp(work: Work, reason: string, advice: string): Promise<Outcome> {
    const { clock, store } = this.#options
    const settlement = { kind: 'failed', code: 'gave-up', advice } as const
    return this.#ended(work, await store.settle(work.requestId, settlement, clock.now()), reason)
  }

  /** One line for each request, written by whoever ended it. */
  #ended({ requestId, source }: Work, { outcome, isFirst }: Settled, reason?: string): Outcome {
    const { log, settled } = this.#options
    if (!isFirst) return outcome
    const { code } = outcome
    log[reason === undefined ? 'info' : 'error'](
      {
        event: 'request-settled',
        requestId,
        source,
        outcome: outcome.outcome,
        ...(code !== undefined && { code }),
        ...(reason !== undefined && { reason }),
      },
      'The request already has its outcome',
    )
    settled(outcome)
    return outcome
  }

  async #attempt(work: Work, options: AttemptOptions): Promise<Outcome | Waiting> {
    // One that begins while the service stops would outlive its call to stop.
    if (this.#halted) return this.#handBack(work)
    const { clock, syncPerson, heartbeat, limits } = this.#options
    const { lane, waitUntil = Number.POSITIVE_INFINITY } = options
    const attemptMs = limits.attemptMs[lane]
    const deadline = Math.min(waitUntil, clock.now() + attemptMs)
    const release = heartbeat.hold(work.requestId)
    const expiry = new AbortController()
    this.#expiries.add(expiry)
    const finished = new AbortController()
    clock.sleep(attemptMs, finished.signal).then(
      () => expiry.abort(new Unavailable('The attempt timed out')),
      () => {},
    )
    let noted: FailureDetail | undefined
    const note = (obstacle: FailureDetail) => {
      // What a call says that is cut off is no obstacle of its own.
      if (expiry.signal.aborted) return
      noted = obstacle
      options.note?.(obstacle)
    }
    try {
      const attempt = { signal: expiry.signal, deadline, note, ...(lane === 'batch' && BEHIND_OTHERS) }
      return this.#ended(work, await syncPerson.finish(work, attempt).finally(release))
    } catch (error) {
      const isOver = expiry.signal.aborted && error instanceof Unavailable
      return await this.#later(work, isOver ? (noted ?? OUT_OF_TIME) : obstacleOf(error), error)
    } finally {
      finished.abort(FINISHED)
      this.#expiries.delete(expiry)
    }
  }

  async #handBack({ requestId, attempts }: Work): Promise<Waiting> {
    const { clock, jobs } = this.#options
    const now = clock.now()
    await jobs.handBack([requestId], now)
    return { ...IN_PROGRESS, attempts, nextAttemptAt: now }
  }

  async #later(work: Work, obstacle: FailureDetail, error: unknown): Promise<Outcome | Waiting> {
    const { clock, random, store, jobs, limits } = this.#options
    const { requestId } = work
    const now = clock.now()
    if (now - work.acceptedAt >= limits.giveUpMs) {
      return this.giveUp(work, obstacle.code, tooLateAdvice(obstacle.code))
    }
    if (this.#halted) return this.#handBack(work)
    const attempts = work.attempts + 1
    const wait = waitMs(limits.backoff, attempts, random, retryHint(error) ?? 0)
    const waiting = { ...obstacle, attempts, nextAttemptAt: now + wait }
    this.#report(work, waiting, error)
    await Promise.all([store.postpone(requestId, waiting), jobs.reschedule(requestId, now + wait, now)])
    return waiting
  }

  /** Many people meet the same obstacle: one line a minute for each code. A fault of ours needs its stack. */
  #report({ requestId, source }: Work, { code, attempts, nextAttemptAt }: Waiting, error: unknown): void {
    const isFault = code === 'internal-error'
    const isRefusal = error instanceof Unauthorized || error instanceof Rejected
    this.#seldom.write(
      isFault || isRefusal ? 'error' : 'warn',
      {
        event: 'attempt-unfinished',
        code,
        requestId,
        source,
        attempts,
        nextAttemptAt: new Date(nextAttemptAt).toISOString(),
        ...(isFault ? { err: error } : error instanceof Error && { reason: error.message }),
      },
      'The request will be retried later',
    )
  }
}

function tooLateAdvice(reason: string): string {
  return `There was no usable answer in time (${reason}). Fix the cause, then send the person again: this cannot create a duplicate.`
}
