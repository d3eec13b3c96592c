import { systemClock } from '../../src/clock.ts'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteLeases } from '../../src/store/sqlite/leases.ts'
import { SqliteStore } from '../../src/store/sqlite/store.ts'
import { SqliteSyncStore } from '../../src/store/sqlite/sync-store.ts'
import { deriveRecordId } from './contract.ts'
import type { Driver } from './deeds.ts'

export async function openSqlite(): Promise<Driver & AsyncDisposable> {
  const database = new Database({ path: ':memory:' })
  const store = new SqliteStore({ database, jobs: new SqliteJobs(database), deriveRecordId })
  return {
    store,
    sync: new SqliteSyncStore(database, new SqliteLeases(systemClock)),
    async [Symbol.asyncDispose]() {
      database[Symbol.dispose]()
    },
  }
}
