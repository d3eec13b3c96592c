import { systemClock } from '../../src/clock.ts'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import type { ChunkStore } from '../../src/store/chunk-port.ts'
import { SqliteChunkStore } from '../../src/store/sqlite/chunk-store.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteLeases } from '../../src/store/sqlite/leases.ts'
import { SqliteStore } from '../../src/store/sqlite/store.ts'
import { SqliteSyncStore } from '../../src/store/sqlite/sync-store.ts'
import { deriveRecordId } from './contract.ts'
import type { Driver } from './deeds.ts'

export async function openSqlite(): Promise<Driver & { chunks: ChunkStore } & AsyncDisposable> {
  const database = new Database({ path: ':memory:' })
  const store = new SqliteStore({ database, jobs: new SqliteJobs(database), deriveRecordId })
  return {
    store,
    chunks: new SqliteChunkStore(database),
    sync: new SqliteSyncStore(database, new SqliteLeases(systemClock)),
    async [Symbol.asyncDispose]() {
      database[Symbol.dispose]()
    },
  }
}
