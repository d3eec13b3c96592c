import { parseArgs } from 'node:util'
import { HARD_WORLD, playWorlds } from './play.ts'

/** A long run: npm run simulate -- --people 1000000 --seed 1 */
const { values } = parseArgs({
  options: { people: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
})
const worlds = Math.ceil(Number(values.people) / HARD_WORLD.people)
const seed = Number(values.seed)
const started = performance.now()
const totals = await playWorlds(seed, worlds)
const seconds = Math.round((performance.now() - started) / 1_000)
console.log(`seeds ${seed} to ${seed + worlds - 1}: every invariant held`)
console.table({ ...totals, seconds })
