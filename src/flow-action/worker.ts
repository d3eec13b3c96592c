import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Job, JobLane, Jobs } from '../jobs/port.ts'
import { faultOf, SeldomLog } from '../log.ts'
import type { Store, Work } from '../store/port.ts'
import type { Attempts } from './attempts.ts'

export interface WorkerOptions {
  attempts: Attempts
  store: Store
  jobs: Jobs
  clock: Clock
  log: Logger
  limits: {
    lanes: Readonly<Record<JobLane, LaneLimits>>
    /** How often it looks for due jobs when nobody wakes it. */
    intervalMs: number
    /** How long settled requests and activities are kept. */
    retentionMs: number
    /** How often what is older is forgotten. */
    pruneIntervalMs: number
    /** How much of each kind is forgotten in one transaction. */
    prunePageMax: number
    /** A job whose workers died so often, of a request that is so old, is run no more. */
    poison: { crashes: number; ageMs: number }
  }
}

interface LaneLimits {
  /** Requests that the worker finishes at the same time; no lane takes another one's room. */
  concurrencyMax: number
  /** How long others keep away from the link of a job: longer than an attempt. */
  leaseMs: number
}

const LANES: readonly JobLane[] = ['real-time', 'batch']

/** Finishes what a deadline, a crash, a flow step or a batch campaign left over. */
export class Worker {
  readonly #options: WorkerOptions
  readonly #active: Readonly<Record<JobLane, Set<Promise<void>>>> = {
    'real-time': new Set(),
    batch: new Set(),
  }
  readonly #seldom: SeldomLog
  #wake = new AbortController()
  #prunedAt = Number.NEGATIVE_INFINITY

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#seldom = new SeldomLog(options.log, options.clock)
  }

  /** There is work now: do not wait for the interval. */
  wake(): void {
    this.#wake.abort()
  }

  /** Starts due jobs as far as there is room. Returns how many were started. */
  async tick(): Promise<number> {
    const started = await Promise.all(LANES.map((lane) => this.#claim(lane)))
    return started.reduce((sum, count) => sum + count, 0)
  }

  /** Ticks until the signal aborts, then waits for what it has started. */
  async run(signal: AbortSignal): Promise<void> {
    const { attempts, clock, limits } = this.#options
    while (!signal.aborted) {
      this.#wake = new AbortController()
      try {
        await this.tick()
        await this.#prune()
      } catch (err) {
        this.#seldom.write(
          'error',
          { event: 'worker-tick-failed', ...faultOf(err) },
          'The worker tries again after its interval',
        )
      }
      this.#seldom.flush()
      attempts.flushLog()
      await clock.sleep(limits.intervalMs, AbortSignal.any([signal, this.#wake.signal])).catch(() => {})
    }
    await Promise.all(LANES.flatMap((lane) => [...this.#active[lane]]))
    this.#seldom.flush(true)
    attempts.flushLog(true)
  }

  async #claim(lane: JobLane): Promise<number> {
    const { jobs, clock, limits } = this.#options
    const room = limits.lanes[lane].concurrencyMax - this.#active[lane].size
    if (room <= 0) return 0
    const claimed = await jobs.claim(lane, room, clock.now())
    for (const job of claimed) this.#start(job, lane)
    return claimed.length
  }

  #start(job: Job, lane: JobLane): void {
    const finished = this.#finish(job, lane).then(() => {
      this.#active[lane].delete(finished)
      this.wake()
    })
    this.#active[lane].add(finished)
  }

  async #finish({ requestId, crashes }: Job, lane: JobLane): Promise<void> {
    const { attempts, store, jobs, clock, limits } = this.#options
    try {
      const leaseUntil = clock.now() + limits.lanes[lane].leaseMs
      const work = await store.takeUp(requestId, leaseUntil, clock.now())
      if (!work || work.outcome) await jobs.drop(requestId)
      else if (this.#isPoison(crashes, work)) await attempts.giveUp(work, 'worker-died', diedAdvice(crashes))
      else await attempts.run(work, { lane })
    } catch (err) {
      this.#seldom.write(
        'error',
        { event: 'job-failed', requestId, ...faultOf(err) },
        'The job is processed again when its lease expires',
      )
    }
  }

  /** Who is only killed often gets its turn in between, sooner or later: hence the age. */
  #isPoison(crashes: number, { acceptedAt }: Work): boolean {
    const { clock, limits } = this.#options
    return crashes >= limits.poison.crashes && clock.now() - acceptedAt >= limits.poison.ageMs
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

function diedAdvice(crashes: number): string {
  return `The service died ${crashes} times while it processed this person. Find the cause in its log and that of the system and fix it, then send the person again: this cannot create a duplicate.`
}
