import { parseArgs } from 'node:util'
import { crash } from './crash.ts'
import { brokenBy, playFaults } from './faults.ts'
import { crashSync } from './sync/crash.ts'

/**
 * npm run crash -- [--sync] [--replicas 3 --people 10000] --kills 100 --seed 1. Exits with 1 when a promise was broken.
 * npm run crash -- --faults: no kills; one fault after the other, 200 webhooks each.
 */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    sync: { type: 'boolean', default: false },
    replicas: { type: 'string', default: '1' },
    people: { type: 'string', default: '0' },
    faults: { type: 'boolean', default: false },
  },
})
if (values.faults) await tryFaults()
else await tryKills()

async function tryFaults(): Promise<void> {
  const rows = await playFaults(({ fault, slowestMs }) =>
    console.log(`${fault}: slowest answer ${slowestMs} ms`),
  )
  console.table(rows)
  const broken = rows.flatMap(brokenBy)
  for (const promise of broken) console.log(promise)
  console.log(broken.length === 0 ? 'every promise was kept' : 'promises were broken')
  process.exitCode = broken.length === 0 ? 0 : 1
}

async function tryKills(): Promise<void> {
  const kills = Number(values.kills)
  const seed = Number(values.seed)
  const replicas = Number(values.replicas)
  const people = Number(values.people)
  console.log(
    `killing ${replicas > 1 ? `${replicas} replicas` : 'the service'} ${kills} times${values.sync ? ' in its cycles' : ''}, seed ${seed}`,
  )
  const { broken, numbers, directory } = await (values.sync ? crashSync : crash)({
    kills,
    seed,
    replicas,
    people,
    restWithinMs: values.sync || replicas > 1 ? 60_000 : 15_000,
    signal: AbortSignal.timeout(120_000 + kills * 10_000 + people * 100),
  })
  console.table(numbers)
  for (const promise of broken) console.log(promise)
  console.log(broken.length === 0 ? 'every promise was kept' : `data and log: ${directory}`)
  process.exitCode = broken.length === 0 ? 0 : 1
}
