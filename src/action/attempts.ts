import type { Logger } from 'pino'
import type { Clock, Random } from '../clock.ts'
import { Busy, Rejected, Unauthorized, Unavailable } from '../errors.ts'
import type { JobLane, Jobs } from '../jobs/port.ts'
import { type Backoff, retryHint, waitMs } from '../retry.ts'
import type { Outcome, Store, Work } from '../store/port.ts'
import type { Heartbeat } from './heartbeat.ts'
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
  #halted = false

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

  /** Ends what is under way and hands its job back, for another process or the next start. */
  halt(): void {
    this.#halted = true
    for (const expiry of this.#expiries) expiry.abort(new Unavailable('The service stops'))
  }

  /** Records the request as failed, where nothing better can come of it. */
  async giveUp(requestId: string, reason: string, advice: string): Promise<Outcome> {
    const { clock, store, log, settled } = this.#options
    log.error({ event: 'gave-up', requestId, reason }, 'The request is recorded as failed')
    const outcome = await store.settle(requestId, { kind: 'failed', code: 'gave-up', advice }, clock.now())
    settled(outcome)
    return outcome
  }

  async #attempt(work: Work, options: AttemptOptions): Promise<Outcome | undefined> {
    const { clock, syncPerson, heartbeat, limits, settled } = this.#options
    const { attemptsBefore, lane, waitUntil = Number.POSITIVE_INFINITY } = options
    const attemptMs = limits.attemptMs[lane]
    const deadline = Math.min(waitUntil, clock.now() + attemptMs)
    const release = heartbeat.hold(work.requestId)
    const expiry = new AbortController()
    this.#expiries.add(expiry)
    const finished = new AbortController()
    clock.sleep(attemptMs, finished.signal).then(
      () => expiry.abort(new Unavailable('The attempt ran out of time')),
      () => {},
    )
    try {
      const attempt = { signal: expiry.signal, deadline, ...(lane === 'batch' && BEHIND_OTHERS) }
      const outcome = await syncPerson.finish(work, attempt).finally(release)
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
    const { clock, random, jobs, limits, log } = this.#options
    const { requestId } = work
    const now = clock.now()
    const reason = reasonOf(error)
    if (now - work.acceptedAt >= limits.giveUpMs) {
      return this.giveUp(requestId, reason, tooLateAdvice(reason))
    }
    if (this.#halted) {
      await jobs.handBack([requestId], now)
      return undefined
    }
    const wait = waitMs(limits.backoff, attemptsBefore + 1, random, retryHint(error) ?? 0)
    const unexpected = reason === 'internal-error'
    const isRefusal = error instanceof Unauthorized || error instanceof Rejected
    log[unexpected || isRefusal ? 'error' : 'warn'](
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
    await jobs.reschedule(requestId, now + wait, reason, now)
    return undefined
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Busy) return 'vendor-busy'
  if (error instanceof Unauthorized || error instanceof Rejected) return error.detail.code
  return error instanceof Unavailable ? 'vendor-unavailable' : 'internal-error'
}

function tooLateAdvice(reason: string): string {
  return `Nothing usable was answered in time (${reason}). Mend that, then send the person again: no duplicate can result.`
}
