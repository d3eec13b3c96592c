import { systemClock, systemRandom } from '../../src/clock.ts'
import type { JobStatements } from '../../src/jobs/port.ts'
import { migrate } from '../../src/store/postgres/migrations.ts'
import { Postgres } from '../../src/store/postgres/postgres.ts'
import { saveChange } from '../../src/store/postgres/save.ts'
import { PostgresStore } from '../../src/store/postgres/store.ts'
import { sharedCluster } from '../postgres/shared-cluster.ts'
import { deriveRecordId } from './contract.ts'
import type { Driver } from './deeds.ts'

/** Jobs have tests of their own. */
const noJobs: JobStatements = {
  enqueue: async () => ({ text: 'select $1', values: [''] }),
  complete: async () => ({ text: 'select $1, $2', values: ['', []] }),
}

export async function openPostgres(): Promise<Driver & AsyncDisposable & { postgres: Postgres }> {
  const cluster = await sharedCluster()
  return connect(await cluster.createDatabase())
}

/** One process of several on a database. */
export async function connect(url: string) {
  const postgres = new Postgres({ url, poolMax: 5, clock: systemClock, random: systemRandom, lost: () => {} })
  const functions = await migrate(postgres)
  return {
    postgres,
    store: new PostgresStore({ postgres, functions, jobs: noJobs, deriveRecordId }),
    save: saveChange.bind(undefined, postgres, functions),
    [Symbol.asyncDispose]: () => postgres.close(),
  }
}
