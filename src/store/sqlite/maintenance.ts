import type { Logger } from 'pino'
import type { Clock } from '../../clock.ts'
import { faultOf, SeldomLog } from '../../log.ts'
import type { Database } from './database.ts'

const EVERY_MS = 1_000
/** A file that is put back by then is the better one. */
const RESTORE_AFTER_MS = 5_000

/** Without a write for so long, the database is idle. */
const IDLE_MS = 5_000

export interface MaintenanceOptions {
  database: Database
  /** The log holds what was erased since for so long, at most. */
  eraseWithinMs: number
  clock: Clock
  log: Logger
}

/** What the file needs while the service runs, whether anybody calls or not. */
export class Maintenance {
  readonly #database: Database
  readonly #clock: Clock
  readonly #log: Logger
  readonly #seldom: SeldomLog
  readonly #eraseWithinMs: number
  #missingSince: number | undefined
  #erasedCommits = 0
  #seenCommits = 0
  /** When the first and the last of the commits since the log was emptied were seen. */
  #firstAt: number | undefined
  #lastAt = 0

  constructor({ database, eraseWithinMs, clock, log }: MaintenanceOptions) {
    this.#database = database
    this.#eraseWithinMs = eraseWithinMs
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
      this.#emptyLog()
    } catch (error) {
      this.#seldom.write(
        'error',
        { event: 'store-maintenance-failed', ...faultOf(error) },
        'It will be tried again',
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

  /** The log keeps what was written and erased since; it is emptied when nothing is written, or when it is time. */
  #emptyLog(): void {
    const { commits } = this.#database
    if (commits === this.#erasedCommits || this.#missingSince !== undefined) return
    const now = this.#clock.now()
    if (commits !== this.#seenCommits) this.#lastAt = now
    this.#seenCommits = commits
    this.#firstAt ??= now
    if (now - this.#lastAt < IDLE_MS && now - this.#firstAt < this.#eraseWithinMs) return
    if (!this.#database.truncateLog()) return
    this.#erasedCommits = commits
    this.#firstAt = undefined
  }
}
