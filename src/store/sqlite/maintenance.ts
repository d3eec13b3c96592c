import type { Logger } from 'pino'
import type { Clock } from '../../clock.ts'
import { faultOf, SeldomLog } from '../../seldom-log.ts'
import type { Database } from './database.ts'

const EVERY_MS = 1_000
/** A file that is put back by then is the better one. */
const RESTORE_AFTER_MS = 5_000

export interface MaintenanceOptions {
  database: Database
  clock: Clock
  log: Logger
}

/** What the file needs while the service runs, whether anybody calls or not. */
export class Maintenance {
  readonly #database: Database
  readonly #clock: Clock
  readonly #log: Logger
  readonly #seldom: SeldomLog
  #missingSince: number | undefined

  constructor({ database, clock, log }: MaintenanceOptions) {
    this.#database = database
    this.#clock = clock
    this.#log = log
    this.#seldom = new SeldomLog(log, clock)
  }

  async run(stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      await this.#clock.sleep(EVERY_MS, stopping).catch(() => {})
      if (!stopping.aborted) await this.tick()
    }
  }

  async tick(): Promise<void> {
    try {
      await this.#keepInPlace()
    } catch (error) {
      this.#seldom.write(
        'error',
        { event: 'store-maintenance-failed', ...faultOf(error) },
        'It is tried again',
      )
    }
  }

  async #keepInPlace(): Promise<void> {
    const found = this.#database.look()
    if (found === 'in place') {
      this.#missingSince = undefined
      return
    }
    const now = this.#clock.now()
    this.#missingSince ??= now
    this.#seldom.write(
      'error',
      { event: 'store-file-missing', code: found },
      'The database is not at its path any more; every call is refused with store-unavailable: docs/operations.md',
    )
    // The next start must not apply this log to another file.
    if (found === 'replaced') this.#database.truncateLog()
    if (found !== 'deleted' || now - this.#missingSince < RESTORE_AFTER_MS) return
    await this.#database.restore()
    this.#missingSince = undefined
    this.#log.warn(
      { event: 'store-file-restored' },
      'The deleted database was written again; nothing was lost',
    )
  }
}
