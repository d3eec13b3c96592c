import { parseArgs } from 'node:util'
import { crash } from './crash.ts'
import { crashSync } from './sync/crash.ts'

/** npm run crash -- [--sync] --kills 100 --seed 1. Exits with 1 when a promise was broken. */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    sync: { type: 'boolean', default: false },
  },
})
const kills = Number(values.kills)
const seed = Number(values.seed)
console.log(`killing the service ${kills} times${values.sync ? ' in its cycles' : ''}, seed ${seed}`)
const { broken, numbers, directory } = await (values.sync ? crashSync : crash)({
  kills,
  seed,
  restWithinMs: values.sync ? 60_000 : 15_000,
  signal: AbortSignal.timeout(120_000 + kills * 10_000),
})
console.table(numbers)
for (const promise of broken) console.log(promise)
console.log(broken.length === 0 ? 'every promise was kept' : `data and log: ${directory}`)
process.exitCode = broken.length === 0 ? 0 : 1
