import { systemClock, systemRandom } from './clock.ts'
import { readEnv } from './config/config.ts'
import { toMoveConfig } from './config/move.ts'
import { StoreUnavailable } from './errors.ts'
import { PgBossJobs } from './jobs/pg-boss.ts'
import { createLog } from './log.ts'
import { moveStore } from './store/moving.ts'
import { migrate } from './store/postgres/migrations.ts'
import { Postgres } from './store/postgres/postgres.ts'
import { Transfer } from './store/postgres/transfer.ts'
import { openExisting } from './store/sqlite/database.ts'

let whatNow = 'Nothing was moved.'
try {
  const { config, problems } = toMoveConfig(readEnv())
  if (!config) throw new Error(problems.join('\n'))
  const { directory, url } = config
  using from = openExisting(directory)
  const postgres = new Postgres({
    ...{ url, poolMax: 2, clock: systemClock, random: systemRandom },
    lost: () => {},
  })
  try {
    await migrate(postgres)
    await using jobs = await PgBossJobs.open({
      postgres,
      log: createLog({ level: 'silent' }),
      clock: systemClock,
    })
    await using to = await Transfer.begin(url)
    await moveStore({ from, to, jobs, say: (line) => console.log(line) })
    whatNow = 'Run this command again: if it reports that the database is not empty, everything was moved.'
    await to.commit()
  } finally {
    await postgres.close()
  }
  console.log(
    'Everything was moved. Start the service with DATABASE_URL, and keep DATA_DIR as a backup only.',
  )
} catch (error) {
  const cause =
    error instanceof StoreUnavailable && error.cause instanceof Error && `: ${error.cause.message}`
  console.error(error instanceof Error ? `${error.message}${cause || ''}` : error)
  console.error(whatNow)
  process.exitCode = 1
}
