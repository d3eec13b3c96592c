import { systemClock, systemRandom } from '../../src/clock.ts'
import type { JobStatements } from '../../src/jobs/port.ts'
import { PostgresChunkStore } from '../../src/store/postgres/chunk-store.ts'
import { migrate } from '../../src/store/postgres/migrations.ts'
import { Postgres } from '../../src/store/postgres/postgres.ts'
import { PostgresStore } from '../../src/store/postgres/store.ts'
import { sharedCluster } from '../postgres/shared-cluster.ts'
import { deriveRecordId } from './contract.ts'

const CONNECTIONS_MAX = 5

/** A store whose requests nobody is reminded of. */
const noJobs: JobStatements = {
  enqueue: async () => ({ text: 'select $1', values: [''] }),
  complete: async () => ({ text: 'select $1, $2', values: ['', []] }),
}

/** All parts of the store in a database of their own. */
export async function openPostgres() {
  const cluster = await sharedCluster()
  const url = await cluster.createDatabase()
  const postgres = new Postgres({
    url,
    poolMax: CONNECTIONS_MAX,
    clock: systemClock,
    random: systemRandom,
    lost: () => {},
  })
  const functions = await migrate(postgres)
  return {
    url,
    postgres,
    functions,
    store: new PostgresStore({ postgres, functions, jobs: noJobs, deriveRecordId }),
    chunks: new PostgresChunkStore(postgres),
    async pass(ms: number) {
      await postgres.query('update chunk set leased_until = leased_until - :ms where leased_until > 0', {
        ms,
      })
    },
    [Symbol.asyncDispose]: () => postgres.close(),
  }
}
