import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Elsewhere } from './elsewhere.ts'
import { HARD_SYNC_WORLD } from './play.ts'
import { World } from './world.ts'

const SEEDS = [1, 2, 3]

for (const seed of SEEDS) {
  test(`S16 no value reaches another organisation or subscription, nor comes from there, and all goes on afterwards (seed ${seed})`, async () => {
    const elsewhere = new Elsewhere()
    const options = { ...HARD_SYNC_WORLD, stormHours: 6, storms: 2, stamped: true, seed }
    const { broken, unlogged } = await new World({ ...options, traits: [elsewhere.trait] }).play()
    assert.deepEqual([broken, unlogged], [[], []])
    assert.ok(elsewhere.refusedStarts > 0, 'a start was refused')
    assert.ok(elsewhere.refusedCalls > 0, 'another organisation was noticed')
  })
}
