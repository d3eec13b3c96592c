import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { systemClock, systemRandom } from './clock.ts'
import { readEnv } from './config/config.ts'
import { toStoreConfig } from './config/move.ts'
import type { StoreConfig } from './config/store.ts'
import { createLog } from './log.ts'
import { COUNT_PAIRED, type Rebound } from './store/rebinding.ts'
import { openSqliteRebound } from './store/sqlite/rebound.ts'

const USAGE =
  'npm run rebind -- --forget-links [--yes] unbinds a store from its organisation and its subscription, and deletes all data that belongs to them. Back up the store first.'

try {
  const { values } = parseArgs({
    options: { 'forget-links': { type: 'boolean' }, yes: { type: 'boolean' } },
  })
  if (!values['forget-links']) throw new Error(USAGE)
  const { config, problems } = toStoreConfig(readEnv())
  if (!config) throw new Error(problems.join('\n'))
  await using store = await open(config)
  const bindings = await store.read('select kind, value from binding order by kind')
  for (const { kind, value } of bindings) console.log(`The store belongs to the ${kind} ${value}.`)
  const [counts = {}] = await store.read(COUNT_PAIRED)
  console.log('This permanently deletes:')
  for (const [label, count] of Object.entries(counts)) console.log(`- ${count} ${label}`)
  if (values.yes || (await isAgreed())) {
    await store.forget()
    console.log(
      'Deleted. The next start binds the store to the organisation and subscription of its settings.',
    )
  } else {
    console.log('Nothing was deleted.')
    process.exitCode = 1
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

async function isAgreed(): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return (await lines.question('Type "forget" to continue: ')).trim() === 'forget'
  } finally {
    lines.close()
  }
}

/** What only PostgreSQL needs is loaded only with it. */
async function open(config: StoreConfig): Promise<Rebound> {
  if (config.kind === 'sqlite') return openSqliteRebound(config.directory)
  const { Postgres } = await import('./store/postgres/postgres.ts')
  const { PgBossJobs } = await import('./jobs/pg-boss.ts')
  const { openPostgresRebound } = await import('./store/postgres/rebound.ts')
  const { url } = config
  return openPostgresRebound(url, async () => {
    const postgres = new Postgres({
      url,
      poolMax: 2,
      clock: systemClock,
      random: systemRandom,
      lost: () => {},
    })
    try {
      await using jobs = await PgBossJobs.open({
        postgres,
        log: createLog({ level: 'silent' }),
        clock: systemClock,
      })
      await jobs.clear()
    } finally {
      await postgres.close()
    }
  })
}
