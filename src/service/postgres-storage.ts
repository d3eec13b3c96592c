import type { StoreConfig } from '../config/store.ts'
import { PgBossJobs } from '../jobs/pg-boss.ts'
import { PostgresBindings } from '../store/postgres/bindings.ts'
import { PostgresChunkStore } from '../store/postgres/chunk-store.ts'
import { PostgresLeases } from '../store/postgres/leases.ts'
import { migrate } from '../store/postgres/migrations.ts'
import { Postgres } from '../store/postgres/postgres.ts'
import { PostgresQuota } from '../store/postgres/quota.ts'
import { PostgresStore } from '../store/postgres/store.ts'
import { PostgresSyncStore } from '../store/postgres/sync-store.ts'
import type { Storage, StorageOptions } from './storage.ts'

/** A held job is free 10 s after its holder was last heard of: this keeps the sum below 15 s. */
const RECOVERY_SECONDS_MAX = 2

/** One database for any number of processes. */
export async function openPostgres(
  { url, connectionsMax }: StoreConfig & { kind: 'postgres' },
  { deriveRecordId, clock, random, log }: StorageOptions,
): Promise<Storage> {
  const lost = (err: Error) =>
    log.warn({ event: 'database-connection-lost', err }, 'The connection is opened again')
  const postgres = new Postgres({ url, poolMax: connectionsMax, clock, random, lost })
  try {
    const functions = await migrate(postgres)
    const jobs = await PgBossJobs.open({ postgres, log, clock })
    const store = new PostgresStore({ postgres, functions, jobs, deriveRecordId })
    return {
      store,
      syncStore: new PostgresSyncStore(postgres, functions),
      leases: new PostgresLeases(postgres),
      bindings: new PostgresBindings(postgres),
      chunks: new PostgresChunkStore(postgres),
      jobs,
      quota: new PostgresQuota({ postgres, functions, replica: random.uuid(), clock }),
      recoverySecondsMax: RECOVERY_SECONDS_MAX,
      // Who is gone is not heard of any more, and that is enough.
      recover: (now) => store.makeDue(now),
      // The server looks after itself.
      maintain: async () => {},
      async [Symbol.asyncDispose]() {
        await jobs[Symbol.asyncDispose]()
        await postgres.close()
      },
    }
  } catch (cause) {
    await postgres.close()
    throw new Error(`The database of DATABASE_URL cannot be used: ${reasonOf(cause)}`, { cause })
  }
}

/** What the server or the network said; never the address, which holds the password. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return error.cause instanceof Error ? error.cause.message : error.message
}
