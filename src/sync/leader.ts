import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { faultOf, SeldomLog } from '../log.ts'
import type { Leases } from '../store/lease-port.ts'
import type { SyncStore } from '../store/sync-port.ts'
import type { CycleReport } from './control.ts'
import type { Engine } from './engine.ts'
import { writeNote } from './note.ts'
import type { SyncSettings } from './settings.ts'
import { LeaseLost, Tenure } from './tenure.ts'

export interface LeaderOptions {
  leases: Leases
  /** Names this process among the replicas; new for each start. */
  replica: string
  /** An engine that knows nothing but the store, as after a crash: somebody else may have led meanwhile. */
  engineOf: (tenure: Tenure) => Engine
  store: Pick<SyncStore, 'readState'>
  clock: Clock
  log: Logger
  settings: Pick<SyncSettings, 'leaseMs' | 'renewMs' | 'tryMs'>
}

/** Runs the cycles of the background sync while this replica has the lease on it, and tries to get it while not. */
export class Leader {
  readonly #options: LeaderOptions
  readonly #seldom: SeldomLog
  #leading: { tenure: Tenure; engine: Engine } | undefined

  constructor(options: LeaderOptions) {
    this.#options = options
    this.#seldom = new SeldomLog(options.log, options.clock)
  }

  /** Until the signal aborts; the lease is given back at once. Never rejects. */
  async run(stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      const tenure = await this.#acquire()
      if (tenure) await this.#lead(tenure, stopping)
      this.#seldom.flush()
      await this.#wait(this.#options.settings.tryMs, stopping)
    }
    this.#seldom.flush(true)
  }

  /** What this replica's cycles say, while the lease is of this fence. */
  reportOf(fence: number | undefined): CycleReport | undefined {
    return this.#leading?.tenure.fence === fence ? this.#leading?.engine.report() : undefined
  }

  /** The next cycle begins at once, where this replica leads. */
  wake(): void {
    this.#leading?.engine.wake()
  }

  async #acquire(): Promise<Tenure | undefined> {
    const { leases, replica, clock, settings } = this.#options
    const { leaseMs } = settings
    const askedAt = clock.now()
    try {
      const lease = await leases.acquire('background-sync', replica, leaseMs)
      return lease && new Tenure({ ...lease, askedAt, leaseMs, clock })
    } catch (err) {
      this.#reportUnknown(err, 'The lease of the leader cannot be read')
      return undefined
    }
  }

  async #lead(tenure: Tenure, stopping: AbortSignal): Promise<void> {
    const { engineOf, replica, log } = this.#options
    const stop = () => tenure.end(stopping.reason)
    if (stopping.aborted) stop()
    stopping.addEventListener('abort', stop, { once: true })
    const engine = engineOf(tenure)
    this.#leading = { tenure, engine }
    log.info({ event: 'sync-leading', replica, fence: tenure.fence })
    const renewing = this.#renew(tenure, engine)
    await engine.run(tenure.signal)
    this.#leading = undefined
    stopping.removeEventListener('abort', stop)
    const { reason } = tenure.signal
    if (reason instanceof LeaseLost) {
      log.warn({ event: 'sync-lease-lost', replica, fence: tenure.fence, reason: reason.message })
    }
    await Promise.all([renewing, this.#release(tenure)])
  }

  /** Says with each renewal what the other replicas are to show, and hears what they were asked for. */
  async #renew(tenure: Tenure, engine: Engine): Promise<void> {
    const { leases, store, clock, settings } = this.#options
    const { signal, fence } = tenure
    for (; !signal.aborted; await this.#wait(settings.renewMs, signal)) {
      const askedAt = clock.now()
      try {
        const note = writeNote(engine.report())
        const isOurs = await leases.renew('background-sync', fence, settings.leaseMs, note)
        if (isOurs) tenure.renewed(askedAt)
        else tenure.end(new LeaseLost('the lease was not renewed'))
        if (engine.isPaused && !(await store.readState()).paused) engine.wake()
      } catch (err) {
        this.#reportUnknown(err, 'The store does not answer; a lease that is not renewed expires')
      }
    }
  }

  async #release({ fence }: Tenure): Promise<void> {
    const { leases } = this.#options
    await leases.release('background-sync', fence).catch((err: unknown) => {
      this.#reportUnknown(err, 'The lease could not be released; it expires')
    })
  }

  #reportUnknown(error: unknown, message: string): void {
    this.#seldom.write('warn', { event: 'sync-lease-unknown', ...faultOf(error) }, message)
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    await this.#options.clock.sleep(ms, signal).catch(() => {})
  }
}
