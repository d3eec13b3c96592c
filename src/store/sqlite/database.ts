import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { StoreUnavailable } from '../../errors.ts'
import type { Row } from '../rows.ts'
import { asUnavailable } from './lost.ts'
import { migrate } from './migrations.ts'

/** The store's file in DATA_DIR. */
export function fileIn(directory: string): string {
  return join(directory, 'sync-person.sqlite')
}

/** The store that is there, brought up to this version. Throws with a sentence when there is none, or it is in use. */
export function openExisting(directory: string): Database {
  const path = fileIn(directory)
  if (!existsSync(path)) throw new Error(`There is no store at ${path}: DATA_DIR names its directory.`)
  return new Database({ path })
}

/** By name, or in order. */
type Parameters = [Record<string, SQLInputValue>] | SQLInputValue[]

/** A prepared statement. What says that the file cannot be used is thrown as StoreUnavailable. */
export class Statement {
  readonly #statement: StatementSync

  constructor(statement: StatementSync) {
    this.#statement = statement
  }

  get(...parameters: Parameters): Row | undefined {
    return named(() => this.#statement.get(...(parameters as SQLInputValue[])))
  }

  all(...parameters: Parameters): Row[] {
    return named(() => this.#statement.all(...(parameters as SQLInputValue[])))
  }

  run(...parameters: Parameters): { changes: number | bigint } {
    return named(() => this.#statement.run(...(parameters as SQLInputValue[])))
  }

  /** Row by row, of a file that nothing else uses. */
  iterate(): Iterable<Row> {
    return this.#statement.iterate()
  }
}

function named<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw asUnavailable(error)
  }
}

interface Pending {
  /** Whether it must outlive a power cut and not only the process. */
  synced: boolean
  run(): void
  settle(error?: unknown): void
}

export interface DatabaseOptions {
  /** A file, or `:memory:`. */
  path: string
  /** How long a lock of another process is waited for. Short: the wait holds the event loop. */
  busyTimeoutMs?: number
  /** When queued writes are committed. Default: together, once the current I/O events are handled. */
  defer?: (flush: () => void) => void
}

/**
 * One SQLite file for one process. Writes that arrive together share one transaction and so one fsync;
 * each is a savepoint, so one that throws takes nothing else with it.
 */
export class Database implements Disposable {
  readonly #db: DatabaseSync
  readonly #defer: (flush: () => void) => void
  #queue: Pending[] = []
  #open = true
  #isFull = true

  constructor(options: DatabaseOptions) {
    if (options.path !== ':memory:') mkdirSync(dirname(options.path), { recursive: true })
    this.#defer = options.defer ?? ((flush) => void setImmediate(flush))
    this.#db = openExclusively(options.path, options.busyTimeoutMs ?? 100)
    try {
      migrate(this.#db)
    } catch (error) {
      this.#db.close()
      throw asSentence(error, options.path)
    }
  }

  prepare(sql: string): Statement {
    return new Statement(this.#db.prepare(sql))
  }

  /** On disk when the promise resolves. */
  write<T>(run: () => T): Promise<T> {
    return this.#enqueue(run, true)
  }

  /**
   * Outlives the process when the promise resolves, and the machine once the next `write` is on disk. For what
   * can be derived again: an fsync costs more than everything else that a request does.
   */
  writeUnsynced<T>(run: () => T): Promise<T> {
    return this.#enqueue(run, false)
  }

  #enqueue<T>(run: () => T, synced: boolean): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let value: T
      this.#queue.push({
        synced,
        run: () => {
          value = run()
        },
        settle: (error) => (error === undefined ? resolve(value) : reject(error)),
      })
      if (this.#queue.length === 1) this.#defer(() => this.#flush())
    })
  }

  #flush(): void {
    const batch = this.#queue
    this.#queue = []
    const failed = new Map<Pending, unknown>()
    let fatal: unknown
    try {
      this.#synchronise(batch.some(({ synced }) => synced))
      this.#db.exec('begin immediate')
      for (const pending of batch) {
        const error = this.#inSavepoint(pending)
        if (error !== undefined) failed.set(pending, error)
      }
      this.#db.exec('commit')
    } catch (error) {
      fatal = asUnavailable(error)
      this.#rollBack()
    }
    for (const pending of batch) pending.settle(fatal ?? failed.get(pending))
  }

  #rollBack(): void {
    try {
      if (this.#open && this.#db.isTransaction) this.#db.exec('rollback')
    } catch {
      // The next transaction reports what is still wrong.
    }
  }

  /** In WAL mode NORMAL leaves out the fsync of a commit, and nothing else. Source: SQLite, "PRAGMA synchronous". */
  #synchronise(full: boolean): void {
    if (full === this.#isFull) return
    this.#db.exec(full ? 'pragma synchronous = full' : 'pragma synchronous = normal')
    this.#isFull = full
  }

  /** Returns the error of the verb, undefined when it went through. */
  #inSavepoint(pending: Pending): unknown {
    this.#db.exec('savepoint verb')
    try {
      pending.run()
      this.#db.exec('release verb')
      return undefined
    } catch (error) {
      // A full disk may have ended the transaction, and the verbs before this one with it.
      if (!this.#db.isTransaction) throw error
      try {
        this.#db.exec('rollback to verb')
        this.#db.exec('release verb')
      } catch {
        // That the savepoint is gone, too, is a consequence: the first error says why.
        throw error
      }
      return error
    }
  }

  /** Commits what is queued, then closes. */
  [Symbol.dispose](): void {
    if (!this.#open) return
    if (this.#queue.length > 0) this.#flush()
    this.#open = false
    this.#db.close()
  }
}

function openExclusively(path: string, busyTimeoutMs: number): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: busyTimeoutMs })
  try {
    db.exec('pragma locking_mode = exclusive')
    db.exec('pragma journal_mode = wal')
    db.exec('pragma synchronous = full')
    // Pages that are written again and again reach the file once; the log grows to 16 MB.
    db.exec('pragma wal_autocheckpoint = 4000')
    db.exec('pragma foreign_keys = on')
    // What a savepoint may have to undo holds people's data: it must not go to the system's temporary directory.
    db.exec('pragma temp_store = memory')
    db.exec('begin immediate; commit')
    return db
  } catch (error) {
    db.close()
    throw asSentence(error, path)
  }
}

/** For an operator, whose start has failed. */
function asSentence(error: unknown, path: string): unknown {
  if (error instanceof Error && /locked|busy/i.test(error.message)) {
    return new Error(
      `${path} is in use by another process. One SQLite store serves one process: stop the other one, or give this one its own DATA_DIR. Several processes on one store need PostgreSQL: set DATABASE_URL for all of them.`,
      { cause: error },
    )
  }
  const unusable = asUnavailable(error)
  if (!(unusable instanceof StoreUnavailable)) return error
  return new Error(
    `${path} cannot be used: ${unusable.message}. Make room or make it writable, then start again.`,
    { cause: error },
  )
}
