import { existsSync } from 'node:fs'
import type { Logger } from 'pino'
import type { Clock, Random } from '../clock.ts'
import type { SqliteConfig, StoreConfig } from '../config/store.ts'
import type { Jobs } from '../jobs/port.ts'
import { SqliteJobs } from '../jobs/sqlite.ts'
import type { Quota } from '../limits/port.ts'
import type { MakeBackup } from '../store/backup-port.ts'
import type { Bindings } from '../store/binding-port.ts'
import type { ChunkStore } from '../store/chunk-port.ts'
import type { Leases } from '../store/lease-port.ts'
import type { DeriveRecordId, Store } from '../store/port.ts'
import { Backups } from '../store/sqlite/backups.ts'
import { SqliteBindings } from '../store/sqlite/bindings.ts'
import { SqliteChunkStore } from '../store/sqlite/chunk-store.ts'
import { fileIn, widerThanOwner } from '../store/sqlite/data-directory.ts'
import { Database, damageSentence } from '../store/sqlite/database.ts'
import { SqliteLeases } from '../store/sqlite/leases.ts'
import { Maintenance } from '../store/sqlite/maintenance.ts'
import { checkFile } from '../store/sqlite/soundness.ts'
import { SqliteStore } from '../store/sqlite/store.ts'
import { SqliteSyncStore } from '../store/sqlite/sync-store.ts'
import type { SyncStore } from '../store/sync-port.ts'

/** What is remembered, whichever database remembers it. */
export interface Storage extends AsyncDisposable {
  store: Store
  syncStore: SyncStore
  leases: Leases
  bindings: Bindings
  chunks: ChunkStore
  jobs: Jobs
  /** Where several replicas keep to the vendors' limits together. */
  quota?: Quota
  /** The work of replicas that are gone must be looked for at least so often. */
  recoverySecondsMax: number
  /** Absent: the database is not a file of this service. */
  backup?: MakeBackup
  /** Looks after the database until the signal aborts. */
  maintain(stopping: AbortSignal): Promise<void>
  /**
   * Takes back what a process that is gone has held, and what a clock that was set back since would keep waiting. Gives
   * by how many ms the store is ahead of `now` (epoch ms); 0 = it is not. Call before work starts.
   */
  recover(now: number): Promise<number>
}

export interface StorageOptions {
  config: StoreConfig
  deriveRecordId: DeriveRecordId
  clock: Clock
  random: Random
  log: Logger
  /** Told once, with a sentence, when the service must stop because of its database. */
  damaged: (sentence: string) => void
}

/** What only PostgreSQL needs is loaded only with it: it takes 25 MB of memory. */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { config } = options
  if (config.kind === 'sqlite') return openSqlite(config, options)
  const { openPostgres } = await import('./postgres-storage.ts')
  return openPostgres(config, options)
}

/** One file for one process. */
async function openSqlite(
  { directory, checkSeconds, backups: kept, eraseWithinSeconds }: SqliteConfig,
  { deriveRecordId, clock, log, damaged }: StorageOptions,
): Promise<Storage> {
  const path = fileIn(directory)
  if (checkSeconds > 0 && existsSync(path)) await checkAtStart(path, checkSeconds, log)
  const database = new Database({ path, damaged })
  for (const sentence of widerThanOwner([directory, path, `${path}-wal`, kept.directory])) {
    log.warn({ event: 'data-open-to-others' }, sentence)
  }
  const jobs = new SqliteJobs(database)
  const store = new SqliteStore({ database, jobs, deriveRecordId })
  const chunks = new SqliteChunkStore(database)
  const leases = new SqliteLeases(clock)
  const backups = new Backups({ database, ...kept, clock })
  const maintenance = new Maintenance({ database, eraseWithinMs: eraseWithinSeconds * 1_000, clock, log })
  return {
    store,
    syncStore: new SqliteSyncStore(database, leases),
    leases,
    bindings: new SqliteBindings(database),
    chunks,
    jobs,
    recoverySecondsMax: Number.POSITIVE_INFINITY,
    async recover(now) {
      const aheadMs = await store.makeDue(now)
      await Promise.all([jobs.releaseAll(aheadMs > 0 ? now : undefined), chunks.releaseAll()])
      return aheadMs
    },
    backup: () => backups.make(),
    maintain: (stopping) => maintenance.run(stopping),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

/** What cannot be opened is left to the opening, which says why. */
async function checkAtStart(path: string, seconds: number, log: Logger): Promise<void> {
  const found = await checkFile(path, 'quick_check', seconds * 1_000)
  if (found === 'damaged') throw new Error(damageSentence(path))
  if (found === 'unfinished') {
    log.warn(
      { event: 'store-check-unfinished', seconds },
      'The database was not checked to its end within STORE_CHECK_SECONDS; the service starts all the same',
    )
  }
}
