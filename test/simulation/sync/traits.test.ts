import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HARD_SYNC_WORLD } from './play.ts'
import { type Trait, traitsOf } from './traits.ts'
import { World } from './world.ts'

const HALF: Trait = { name: 'half', share: 0.5 }
const SEEDS = Array.from({ length: 200 }, (_, index) => index + 1)

test('whether a world has a trait follows from its seed, whatever other traits there are', () => {
  const alone = SEEDS.filter((seed) => traitsOf(seed, [HALF]).includes(HALF))
  const others = [{ name: 'never', share: 0 }, { name: 'always', share: 1 }, HALF]
  assert.deepEqual(
    SEEDS.filter((seed) => traitsOf(seed, others).includes(HALF)),
    alone,
  )
  assert.ok(alone.length > 70 && alone.length < 130, `${alone.length} of ${SEEDS.length} worlds`)
})

test('a trait begins before anybody is there, acts during storms only, and what its check says breaks the world', async () => {
  const people: number[] = []
  let deeds = 0
  let deedsAtRest = -1
  const trait: Trait = {
    name: 'witness',
    share: 1,
    begin: ({ marketo }) => void people.push(marketo.people.size),
    deed: {
      everyMs: 60_000,
      run: () => {
        deeds += 1
      },
    },
    rest: () => {
      deedsAtRest = deeds
    },
    check: () => ['S0: seen'],
  }
  const options = { ...HARD_SYNC_WORLD, stormHours: 1, storms: 1, stamped: true }
  const { broken } = await new World({ ...options, seed: 1, traits: [trait] }).play()
  assert.deepEqual([people, broken], [[0], ['rest 1: witness: S0: seen']])
  assert.ok(deeds > 20, `${deeds} deeds`)
  assert.equal(deeds, deedsAtRest)
})
