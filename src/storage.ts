import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Clock, Random } from './clock.ts'
import { PgBossJobs } from './jobs/pg-boss.ts'
import type { Jobs } from './jobs/port.ts'
import { SqliteJobs } from './jobs/sqlite.ts'
import type { ChunkStore } from './store/chunk-port.ts'
import type { DeriveRecordId, Store } from './store/port.ts'
import { PostgresChunkStore } from './store/postgres/chunk-store.ts'
import { migrate } from './store/postgres/migrations.ts'
import { Postgres } from './store/postgres/postgres.ts'
import { PostgresStore } from './store/postgres/store.ts'
import { PostgresSyncStore } from './store/postgres/sync-store.ts'
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
  /** The work of replicas that are gone must be looked for at least so often. */
  recoverySecondsMax: number
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
    : openPostgres(config, options)
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
    recoverySecondsMax: Number.POSITIVE_INFINITY,
    async recover() {
      await Promise.all([jobs.releaseAll(), chunks.releaseAll()])
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

/** A held job is free 10 s after its holder was last heard of: this keeps the sum below 15 s. */
const RECOVERY_SECONDS_MAX = 2

/** One database for any number of processes. */
async function openPostgres(
  { url, connectionsMax }: StoreConfig & { kind: 'postgres' },
  { deriveRecordId, clock, random, log }: StorageOptions,
): Promise<Storage> {
  const lost = (err: Error) => log.warn({ event: 'database-connection-lost', err }, 'It is opened again')
  const postgres = new Postgres({ url, poolMax: connectionsMax, clock, random, lost })
  const functions = await migrate(postgres)
  const jobs = await PgBossJobs.open({ postgres, log })
  return {
    store: new PostgresStore({ postgres, functions, jobs, deriveRecordId }),
    syncStore: new PostgresSyncStore(postgres, functions),
    chunks: new PostgresChunkStore(postgres),
    jobs,
    recoverySecondsMax: RECOVERY_SECONDS_MAX,
    // Who is gone is not heard of any more, and that is enough.
    recover: async () => {},
    async [Symbol.asyncDispose]() {
      await jobs[Symbol.asyncDispose]()
      await postgres.close()
    },
  }
}
