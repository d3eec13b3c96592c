import type { Logger } from 'pino'
import type { Clock, Random } from '../clock.ts'
import { Busy, Unauthorized, Unavailable } from '../errors.ts'
import type { JobLane, Jobs } from '../jobs/port.ts'
import { type Backoff, retryHint, waitMs } from '../retry.ts'
import type { Outcome, Store, Work } from '../store/port.ts'
import type { SyncPerson } from './sync-person.ts'

export interface AttemptsOptions {
  syncPerson: SyncPerson
  store: Store
  jobs: Jobs
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
  attemptsBefore: number
  /** `batch`: nobody waits, and calls to Dynamics are shared with others. */
  lane: JobLane
  /** Epoch ms: no wait goes beyond it, so that a caller who cannot be answered in time is told so at once. */
  waitUntil?: number
}

/** Cheaper than the DOMException that an abort without a reason makes. */
const FINISHED = 'finished'

const BEHIND_OTHERS = { lane: 'background' } as const

/** Bounded attempts at a request, each of which ends in an outcome or in a later attempt. */
export class Attempts {
  readonly #options: AttemptsOptions
  readonly #running = new Set<Promise<unknown>>()
  readonly #expiries = new Set<AbortController>()

  constructor(options: AttemptsOptions) {
    this.#options = options
  }

  /** undefined = not finished, a job will try again. Throws only when the store fails. */
  run(work: Work, options: AttemptOptions): Promise<Outcome | undefined> {
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

  /** Ends what is under way as unfinished, for a job to take up. */
  halt(): void {
    for (const expiry of this.#expiries) expiry.abort(new Unavailable('The service stops'))
  }

  async #attempt(work: Work, options: AttemptOptions): Promise<Outcome | undefined> {
    const { clock, syncPerson, limits, settled } = this.#options
    const { attemptsBefore, lane, waitUntil = Number.POSITIVE_INFINITY } = options
    const attemptMs = limits.attemptMs[lane]
    const deadline = Math.min(waitUntil, clock.now() + attemptMs)
    const expiry = new AbortController()
    this.#expiries.add(expiry)
    const finished = new AbortController()
    clock.sleep(attemptMs, finished.signal).then(
      () => expiry.abort(new Unavailable('The attempt ran out of time')),
      () => {},
    )
    try {
      const attempt = { signal: expiry.signal, deadline, ...(lane === 'batch' && BEHIND_OTHERS) }
      const outcome = await syncPerson.finish(work, attempt)
      settled(outcome)
      return outcome
    } catch (error) {
      return await this.#later(work, attemptsBefore, error)
    } finally {
      finished.abort(FINISHED)
      this.#expiries.delete(expiry)
    }
  }

  async #later(work: Work, attemptsBefore: number, error: unknown): Promise<Outcome | undefined> {
    const { clock, random, store, jobs, limits, log, settled } = this.#options
    const { requestId } = work
    const now = clock.now()
    const reason = reasonOf(error)
    if (now - work.acceptedAt >= limits.giveUpMs) {
      log.error({ event: 'gave-up', requestId, reason }, 'The request is recorded as failed')
      const advice = giveUpAdvice(reason)
      const outcome = await store.settle(requestId, { kind: 'failed', code: 'gave-up', advice }, now)
      settled(outcome)
      return outcome
    }
    const wait = waitMs(limits.backoff, attemptsBefore + 1, random, retryHint(error) ?? 0)
    const unexpected = reason === 'internal-error'
    log[unexpected || error instanceof Unauthorized ? 'error' : 'warn'](
      {
        event: 'attempt-unfinished',
        requestId,
        reason,
        attempts: attemptsBefore + 1,
        retryInMs: wait,
        err: error,
      },
      'The request is tried again later',
    )
    await jobs.reschedule(requestId, now + wait, reason)
    return undefined
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Busy) return 'vendor-busy'
  if (error instanceof Unauthorized) return error.detail.code
  return error instanceof Unavailable ? 'vendor-unavailable' : 'internal-error'
}

function giveUpAdvice(reason: string): string {
  return `Nothing usable was answered in time (${reason}). Mend that, then send the person again: no duplicate can result.`
}
