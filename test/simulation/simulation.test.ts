import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HARD_WORLD, playWorlds } from './play.ts'
import { NO_FAULTS } from './vendor.ts'
import { World } from './world.ts'

const PEOPLE = 30_000
const FIRST_SEED = 20_261_122

describe('the flow action under a seeded scheduler', () => {
  it(`keeps E1, E2, E3, E5, E7 and E8 at every instant for ${PEOPLE} people, seeds from ${FIRST_SEED}`, async (t) => {
    const totals = await playWorlds(FIRST_SEED, PEOPLE / HARD_WORLD.people)
    t.diagnostic(JSON.stringify(totals))
    assert.equal(totals.people, PEOPLE)
    assert.ok(
      totals.crashes > 1_500 && totals.creates > PEOPLE / 2,
      'the worlds were hard enough to mean something',
    )
  })

  it('plays the same world for the same seed, and another for another', async () => {
    const options = { ...HARD_WORLD, people: 200 }
    const [first, again, other] = [
      await new World({ ...options, seed: 7 }).play(),
      await new World({ ...options, seed: 7 }).play(),
      await new World({ ...options, seed: 8 }).play(),
    ]
    assert.deepEqual(again, first)
    assert.notEqual(other.trace, first.trace)
  })

  it('finishes everything in time when the clock is set by hours between two starts, ahead or back', async () => {
    const options = { ...HARD_WORLD, people: 300, replicas: 1, clockSetMs: 3 * 3_600_000 }
    for (let seed = FIRST_SEED; seed < FIRST_SEED + 20; seed += 1) {
      const { restMinutes, crashes } = await new World({ ...options, seed }).play()
      assert.ok(crashes > 20, `seed ${seed}: the clock was set between ${crashes} starts`)
      assert.equal(restMinutes, 20, `seed ${seed}: work waited for a time that a wrong clock had said`)
    }
  })

  it('never sends a second create for a person, however many twins, when nothing goes wrong (E5)', async () => {
    const calm = { ...HARD_WORLD, people: 2_000, faults: NO_FAULTS, crashAtStore: 0, crashEveryMs: 0 }
    const { creates, made, refused } = await new World({ ...calm, seed: 3 }).play()
    assert.ok(made > 1_000)
    assert.equal(creates, made + refused)
  })
})
