import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Jobs } from '../jobs/port.ts'
import { faultOf, SeldomLog } from '../log.ts'

export interface HeartbeatOptions {
  jobs: Pick<Jobs, 'heartbeat'>
  clock: Clock
  log: Logger
  /** Between two beats: a few of them fit into the time for which a job is held. */
  intervalMs: number
}

interface Hold {
  requestId: string
  since: number
}

/** Tells the others what this process works on, so that they take it up when it is not heard of again. */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #seldom: SeldomLog
  readonly #holds = new Set<Hold>()

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#seldom = new SeldomLog(options.log, options.clock)
  }

  /** This process works on the request until it calls what is returned. */
  hold(requestId: string): () => void {
    const hold = { requestId, since: this.#options.clock.now() }
    this.#holds.add(hold)
    return () => void this.#holds.delete(hold)
  }

  /** One statement for all. What is younger than an interval is left out: most work is done before it is due. */
  async tick(): Promise<void> {
    const { jobs, clock, intervalMs } = this.#options
    const now = clock.now()
    const requestIds = new Set<string>()
    for (const { requestId, since } of this.#holds) if (now - since >= intervalMs) requestIds.add(requestId)
    if (requestIds.size > 0) await jobs.heartbeat([...requestIds], now)
  }

  /** Beats until the signal aborts, whatever happens to the store meanwhile. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs } = this.#options
    while (!signal.aborted) {
      await clock.sleep(intervalMs, signal).catch(() => {})
      try {
        await this.tick()
      } catch (err) {
        this.#seldom.write(
          'error',
          { event: 'heartbeat-failed', ...faultOf(err) },
          'Another replica may take over work that is in progress here',
        )
      }
    }
  }
}
