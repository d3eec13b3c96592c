import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HARD_SYNC_WORLD } from './play.ts'
import { wholeCalls } from './whole-calls.ts'
import { World } from './world.ts'

const SEEDS = [1, 2, 3]

for (const seed of SEEDS) {
  test(`people who make Marketo refuse whole calls hold back nobody and lose no edit (seed ${seed})`, async () => {
    const options = { ...HARD_SYNC_WORLD, stormHours: 3, storms: 2, stamped: true, seed }
    const { broken } = await new World({ ...options, traits: [wholeCalls] }).play()
    assert.deepEqual(broken, [])
  })
}
