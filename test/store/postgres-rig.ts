import { systemClock, systemRandom } from '../../src/clock.ts'
import { PgBossJobs } from '../../src/jobs/pg-boss.ts'
import { createLog } from '../../src/log.ts'
import { PostgresChunkStore } from '../../src/store/postgres/chunk-store.ts'
import { PostgresLeases } from '../../src/store/postgres/leases.ts'
import { migrate } from '../../src/store/postgres/migrations.ts'
import { Postgres } from '../../src/store/postgres/postgres.ts'
import { PostgresStore } from '../../src/store/postgres/store.ts'
import { PostgresSyncStore } from '../../src/store/postgres/sync-store.ts'
import { sharedCluster } from '../postgres/shared-cluster.ts'
import { deriveRecordId } from './contract.ts'

const CONNECTIONS_MAX = 5

/** All parts of the store in a database of their own. */
export async function openPostgres() {
  const cluster = await sharedCluster()
  return connect(await cluster.createDatabase())
}

/** One process of several on a database. */
export async function connect(url: string) {
  const postgres = new Postgres({
    url,
    poolMax: CONNECTIONS_MAX,
    clock: systemClock,
    random: systemRandom,
    lost: () => {},
  })
  const functions = await migrate(postgres)
  const jobs = await PgBossJobs.open({ postgres, log: createLog({ level: 'silent' }), clock: systemClock })
  return {
    url,
    postgres,
    jobs,
    functions,
    store: new PostgresStore({ postgres, functions, jobs, deriveRecordId }),
    chunks: new PostgresChunkStore(postgres),
    sync: new PostgresSyncStore(postgres, functions),
    leases: new PostgresLeases(postgres),
    async pass(ms: number) {
      await postgres.query('update chunk set leased_until = leased_until - :ms where leased_until > 0', {
        ms,
      })
    },
    async [Symbol.asyncDispose]() {
      await jobs[Symbol.asyncDispose]()
      await postgres.close()
    },
  }
}
