import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HARD_SYNC_WORLD } from './play.ts'
import { securing } from './securing.ts'
import { World } from './world.ts'

const SEEDS = [1, 3, 4, 5]

for (const seed of SEEDS) {
  test(`a column that is secured and opened again and again wipes nobody and loses no edit (seed ${seed})`, async () => {
    const options = { ...HARD_SYNC_WORLD, stormHours: 3, storms: 2, stamped: true, seed }
    const { broken } = await new World({ ...options, traits: [securing()] }).play()
    assert.deepEqual(broken, [])
  })
}
