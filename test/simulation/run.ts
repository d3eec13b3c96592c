import { parseArgs } from 'node:util'
import { HARD_WORLD, playWorlds } from './play.ts'
import { playSyncWorlds, WORLD_HOURS } from './sync/play.ts'

/**
 * A long run. The flow action: npm run simulate -- --people 1000000 --seed 1
 * The background sync: npm run simulate -- --sync --hours 10000 --seed 1
 */
const { values } = parseArgs({
  options: {
    people: { type: 'string', default: '1000000' },
    sync: { type: 'boolean', default: false },
    hours: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
  },
})
const seed = Number(values.seed)
const started = performance.now()
const secondsSince = () => Math.round((performance.now() - started) / 1_000)

if (values.sync) await runSync(Math.ceil(Number(values.hours) / WORLD_HOURS))
else await runFlowAction(Math.ceil(Number(values.people) / HARD_WORLD.people))

async function runFlowAction(worlds: number): Promise<void> {
  const totals = await playWorlds(seed, worlds)
  console.log(`seeds ${seed} to ${seed + worlds - 1}: every invariant held`)
  console.table({ ...totals, seconds: secondsSince() })
}

async function runSync(worlds: number): Promise<void> {
  const { unlogged, wronged, broken, ...counts } = await playSyncWorlds(seed, worlds)
  const held = unlogged.length === 0 && broken.length === 0
  console.log(
    `seeds ${seed} to ${seed + worlds - 1}: ${held ? 'every invariant held' : 'INVARIANTS ARE BROKEN'}`,
  )
  console.table({
    ...counts,
    hours: Math.round(counts.hours),
    editsLost: unlogged.length,
    editsWronged: wronged.length,
    editsForOneWronged: wronged.length === 0 ? null : Math.round(counts.edits / wronged.length),
    seconds: secondsSince(),
  })
  for (const problem of [...broken, ...unlogged, ...wronged]) console.log(problem)
  if (!held) process.exitCode = 1
}
