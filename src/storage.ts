import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Clock, Random } from './clock.ts'
import type { Jobs } from './jobs/port.ts'
import { SqliteJobs } from './jobs/sqlite.ts'
import type { ChunkStore } from './store/chunk-port.ts'
import type { DeriveRecordId, Store } from './store/port.ts'
import { SqliteChunkStore } from './store/sqlite/chunk-store.ts'
import { Database } from './store/sqlite/database.ts'
import { SqliteStore } from './store/sqlite/store.ts'
import { SqliteSyncStore } from './store/sqlite/sync-store.ts'
import type { SyncStore } from './store/sync-port.ts'
import type { StoreConfig } from './store-config.ts'

/** What is remembered, whichever database remembers it. */
export interface Storage extends AsyncDisposable {
  store: Store
  syncStore: SyncStore
  chunks: ChunkStore
  jobs: Jobs
  /** Takes back what a process that is gone has held. Call before work starts. */
  recover(): Promise<void>
}

export interface StorageOptions {
  config: StoreConfig
  deriveRecordId: DeriveRecordId
  clock: Clock
  random: Random
  log: Logger
}

export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { config, deriveRecordId } = options
  return config.kind === 'sqlite'
    ? openSqlite(config.directory, deriveRecordId)
    : Promise.reject(new Error('PostgreSQL is being built in: leave DATABASE_URL out'))
}

/** One file for one process. */
function openSqlite(directory: string, deriveRecordId: DeriveRecordId): Storage {
  const database = new Database({ path: join(directory, 'sync-person.sqlite') })
  const jobs = new SqliteJobs(database)
  const store = new SqliteStore({ database, jobs, deriveRecordId })
  const chunks = new SqliteChunkStore(database)
  return {
    store,
    syncStore: new SqliteSyncStore(database),
    chunks,
    jobs,
    async recover() {
      await Promise.all([jobs.releaseAll(), chunks.releaseAll()])
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}
