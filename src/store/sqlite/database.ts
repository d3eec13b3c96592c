import { closeSync, existsSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import { StoreUnavailable } from '../../errors.ts'
import { fileIn, makeDirectory, prepareFile, syncDirectory } from './data-directory.ts'
import { asUnavailable, isDamage, metTransaction } from './lost.ts'
import { migrate } from './migrations.ts'
import { OpenedFile, type Whereabouts } from './opened-file.ts'
import { Statement } from './statement.ts'

/** The store that is there, brought up to this version. Throws with a sentence when there is none, or it is in use. */
export function openExisting(directory: string): Database {
  const path = fileIn(directory)
  if (!existsSync(path)) throw new Error(`There is no store at ${path}: DATA_DIR names its directory.`)
  return new Database({ path })
}

/** A transaction takes milliseconds, and there are pauses between them. */
const COPY_TRIES_MAX = 1_000

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
  /** Told once, with a sentence, of a file that is found damaged: nothing more may be written to it. */
  damaged?: (sentence: string) => void
}

/** Why nothing is written, in words that everybody may read. */
const ELSEWHERE: Readonly<Record<Exclude<Whereabouts, 'in place'>, string>> = {
  deleted: 'the database file was deleted while the service is running; it will be written again',
  moved: 'the database file was moved away while the service is running: put it back',
  replaced:
    'another file was put in the place of the database while the service is running: put the former one back, or restart the service to use the new one',
}

/**
 * One SQLite file for one process. Writes that arrive together share one transaction and so one fsync;
 * each is a savepoint, so one that throws takes nothing else with it.
 */
export class Database implements Disposable {
  readonly #options: DatabaseOptions
  readonly #defer: (flush: () => void) => void
  #db: DatabaseSync
  /** The database and its log; none in memory. */
  #files: OpenedFile[] = []
  #queue: Pending[] = []
  #open = true
  /** Transactions since the file was opened. */
  #commits = 0
  #isFull = true
  #fault: string | undefined
  #isDamaged = false

  constructor(options: DatabaseOptions) {
    this.#options = options
    this.#defer = options.defer ?? ((flush) => void setImmediate(flush))
    this.#db = this.#connect()
  }

  prepare(sql: string): Statement {
    return new Statement(sql, { current: () => this.#inPlace(), named: (error) => this.#named(error) })
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
      this.#inPlace()
      this.#synchronise(batch.some(({ synced }) => synced))
      this.#db.exec('begin immediate')
      for (const pending of batch) {
        const error = this.#inSavepoint(pending)
        if (error !== undefined) failed.set(pending, error)
      }
      this.#db.exec('commit')
      this.#commits += 1
      // What went into a file without a name is gone with the process.
      this.#inPlace()
    } catch (error) {
      fatal = this.#named(error)
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

  /** Looked at before each transaction and after it, not at each of its statements. */
  #inPlace(): DatabaseSync {
    if (!this.#db.isOpen || !this.#db.isTransaction) this.look()
    if (this.#fault !== undefined) throw new StoreUnavailable(this.#fault)
    return this.#db
  }

  /** What has become of the file. While it is not in its place nothing is read or written. */
  look(): Whereabouts {
    const found = this.#whereabouts()
    if (this.#isDamaged) this.#fault = 'the database file is damaged'
    else this.#fault = found === 'in place' ? undefined : ELSEWHERE[found]
    return found
  }

  #whereabouts(): Whereabouts {
    if (!this.#db.isOpen) return 'deleted'
    try {
      const [file = 'in place', log = 'in place'] = this.#files.map((one) => one.whereabouts())
      // Of the log everything can be saved while the database itself is there.
      return file === 'in place' && log !== 'in place' ? 'deleted' : file
    } catch {
      return 'moved'
    }
  }

  /** Writes what the deleted file held to a new one in its place, and goes on with that. */
  async restore(): Promise<void> {
    if (this.#db.isOpen) {
      await this.#save()
      this.#close()
    }
    this.#db = this.#connect()
    this.look()
  }

  async #save(): Promise<void> {
    const { path } = this.#options
    if (existsSync(path)) {
      // Only the log is gone: all of it goes into the database itself.
      this.truncateLog()
      return
    }
    const copy = `${path}.restored`
    makeDirectory(dirname(path))
    rmSync(copy, { force: true })
    await copyTo(this.#db, copy)
    renameSync(copy, path)
    syncDirectory(dirname(path))
  }

  /** A whole copy in a new file, for its owner alone; writes go on meanwhile and are in it or not. */
  async copyTo(path: string): Promise<void> {
    try {
      await copyTo(this.#inPlace(), path)
    } catch (error) {
      throw this.#named(error)
    }
  }

  get commits(): number {
    return this.#commits
  }

  /** The log's content goes into the file, and the log becomes empty. False: something still reads it. */
  truncateLog(): boolean {
    return this.#db.prepare('pragma wal_checkpoint(truncate)').get()?.busy === 0
  }

  #named(error: unknown): unknown {
    if (isDamage(error) && !this.#isDamaged) {
      this.#isDamaged = true
      this.look()
      this.#options.damaged?.(damageSentence(this.#options.path))
    }
    return asUnavailable(error)
  }

  #connect(): DatabaseSync {
    const { path, busyTimeoutMs = 100 } = this.#options
    if (path !== ':memory:') prepareFile(path)
    const db = openExclusively(path, busyTimeoutMs)
    try {
      migrate(db)
      if (path !== ':memory:') this.#files = [path, `${path}-wal`].map((one) => new OpenedFile(one))
      this.#isFull = true
      return db
    } catch (error) {
      db.close()
      throw asSentence(error, path)
    }
  }

  #close(): void {
    if (this.#db.isOpen) this.#db.close()
    for (const file of this.#files) file[Symbol.dispose]()
    this.#files = []
  }

  /** Commits what is queued, then closes. */
  [Symbol.dispose](): void {
    if (!this.#open) return
    if (this.#queue.length > 0) this.#flush()
    this.#open = false
    this.#close()
  }
}

async function copyTo(db: DatabaseSync, path: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    closeSync(openSync(path, 'wx', 0o600))
    try {
      await backup(db, path)
      return
    } catch (error) {
      if (!metTransaction(error) || tries === COPY_TRIES_MAX) throw error
      rmSync(path)
      await turn()
    }
  }
}

function openExclusively(path: string, busyTimeoutMs: number): DatabaseSync {
  let db: DatabaseSync
  try {
    db = new DatabaseSync(path, { timeout: busyTimeoutMs })
  } catch (error) {
    throw asSentence(error, path)
  }
  try {
    // Of a new file: see erasable.ts.
    db.exec('pragma page_size = 4096')
    db.exec('pragma locking_mode = exclusive')
    db.exec('pragma journal_mode = wal')
    db.exec('pragma synchronous = full')
    // Pages that are written again and again reach the file once; the log grows to 16 MB.
    db.exec('pragma wal_autocheckpoint = 4000')
    db.exec('pragma foreign_keys = on')
    // What a savepoint may have to undo holds people's data: it must not go to the system's temporary directory.
    db.exec('pragma temp_store = memory')
    // What is deleted is overwritten with zeros, in the pages of the file and in those that become free.
    db.exec('pragma secure_delete = on')
    db.exec('begin immediate; commit')
    return db
  } catch (error) {
    db.close()
    throw asSentence(error, path)
  }
}

export class DatabaseInUse extends Error {
  override readonly name = 'DatabaseInUse'
}

/** For an operator, whose start has failed. */
function asSentence(error: unknown, path: string): unknown {
  if (error instanceof Error && /locked|busy/i.test(error.message)) {
    return new DatabaseInUse(
      `${path} is in use by another process. One SQLite store serves one process: stop the other one, or give this one its own DATA_DIR. Several processes on one store need PostgreSQL: set DATABASE_URL for all of them.`,
      { cause: error },
    )
  }
  if (isDamage(error)) return new Error(damageSentence(path), { cause: error })
  const unusable = asUnavailable(error)
  if (!(unusable instanceof StoreUnavailable)) return error
  return new Error(
    `${path} (DATA_DIR) cannot be used: ${unusable.message}. Make room or make it writable, then start again.`,
    { cause: error },
  )
}

/** For an operator. */
export function damageSentence(path: string): string {
  return `${path} (DATA_DIR) is damaged. Nothing more is written to it. Keep a copy of it and restore a backup: docs/operations.md, "Restoring a backup".`
}
