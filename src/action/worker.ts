import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Job, Jobs } from '../jobs/port.ts'
import type { Store } from '../store/port.ts'
import type { Attempts } from './attempts.ts'

export interface WorkerOptions {
  attempts: Attempts
  store: Store
  jobs: Jobs
  clock: Clock
  log: Logger
  limits: {
    /** Requests that the worker finishes at the same time. */
    concurrencyMax: number
    /** How often it looks for due jobs when nobody wakes it. */
    intervalMs: number
    /** How long a job is kept from other workers: longer than an attempt. */
    leaseMs: number
    /** How long settled requests and activities are kept. */
    retentionMs: number
    /** How often what is older is forgotten. */
    pruneIntervalMs: number
    /** How much of each kind is forgotten in one transaction. */
    prunePageMax: number
  }
}

/** Finishes what a deadline, a crash or a batch campaign left over. */
export class Worker {
  readonly #options: WorkerOptions
  readonly #active = new Set<Promise<void>>()
  #wake = new AbortController()
  #prunedAt = Number.NEGATIVE_INFINITY

  constructor(options: WorkerOptions) {
    this.#options = options
  }

  /** There is work now: do not wait for the interval. */
  wake(): void {
    this.#wake.abort()
  }

  /** Starts due jobs as far as there is room. Returns how many were started. */
  async tick(): Promise<number> {
    const { jobs, clock, limits } = this.#options
    const room = limits.concurrencyMax - this.#active.size
    if (room <= 0) return 0
    const now = clock.now()
    const claimed = await jobs.claim(room, now + limits.leaseMs, now)
    for (const job of claimed) this.#start(job)
    return claimed.length
  }

  /** Ticks until the signal aborts, then waits for what it has started. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, limits, log } = this.#options
    while (!signal.aborted) {
      this.#wake = new AbortController()
      try {
        const started = await this.tick()
        await this.#prune()
        if (started > 0 && this.#active.size < limits.concurrencyMax) continue
      } catch (err) {
        log.error({ event: 'worker-tick-failed', err }, 'The worker looks again after its interval')
      }
      const pause = clock
        .sleep(limits.intervalMs, AbortSignal.any([signal, this.#wake.signal]))
        .catch(() => {})
      await Promise.race([pause, ...this.#active])
      this.#wake.abort()
    }
    await Promise.all(this.#active)
  }

  #start(job: Job): void {
    const finished = this.#finish(job).then(() => {
      this.#active.delete(finished)
    })
    this.#active.add(finished)
  }

  async #finish({ requestId, attempts }: Job): Promise<void> {
    const { store, clock, limits, log } = this.#options
    try {
      const work = await store.takeUp(requestId, clock.now() + limits.leaseMs, clock.now())
      if (work) await this.#options.attempts.run(work, attempts)
    } catch (err) {
      log.error({ event: 'job-failed', requestId, err }, 'The job is taken up again when its lease ends')
    }
  }

  /** Page by page, so that requests get their turn in between. */
  async #prune(): Promise<void> {
    const { store, clock, limits, log } = this.#options
    const now = clock.now()
    if (now - this.#prunedAt < limits.pruneIntervalMs) return
    this.#prunedAt = now
    const total = { requests: 0, activities: 0 }
    let more: boolean
    do {
      const { requests, activities } = await store.prune(now - limits.retentionMs, limits.prunePageMax)
      total.requests += requests
      total.activities += activities
      more = Math.max(requests, activities) === limits.prunePageMax
    } while (more)
    if (total.requests + total.activities > 0) log.info({ event: 'pruned', ...total })
  }
}
