import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HARD_SYNC_WORLD, playSyncWorlds, WORLD_HOURS } from './play.ts'
import { NO_TROUBLE } from './wire.ts'
import { World } from './world.ts'

const HOURS = 100
const FIRST_SEED = 20_261_122
/** Of so many edits, one may lose although it should have won, as long as the conflict log tells. */
const EDITS_FOR_ONE_WRONGED = 5_000

describe('the background sync under a seeded scheduler', () => {
  it(`keeps its invariants through ${HOURS} virtual hours of edits and trouble, seeds from ${FIRST_SEED}`, async (t) => {
    const totals = await playSyncWorlds(FIRST_SEED, HOURS / WORLD_HOURS)
    const { unlogged, wronged, broken, ...counts } = totals
    t.diagnostic(JSON.stringify({ ...counts, wronged: wronged.length }))
    for (const one of wronged) t.diagnostic(one)
    assert.deepEqual(broken, [])
    assert.deepEqual(unlogged, [], 'S2: edits that nobody can find again')
    assert.ok(wronged.length * EDITS_FOR_ONE_WRONGED <= counts.edits, `S3: ${wronged.length} wronged edits`)
    assert.ok(counts.hours >= HOURS && counts.edits > 40_000, 'there was enough to go wrong')
    assert.ok(counts.crashes > 100 && counts.unknown > 300 && counts.conflicts > 1_000)
  })

  it('plays the same world for the same seed, and another for another', async () => {
    const options = { ...HARD_SYNC_WORLD, stormHours: 1, storms: 1, stamped: true }
    const [first, again, other] = [
      await new World({ ...options, seed: 7 }).play(),
      await new World({ ...options, seed: 7 }).play(),
      await new World({ ...options, seed: 8 }).play(),
    ]
    assert.deepEqual(again, first)
    assert.notEqual(other.trace, first.trace)
  })

  it('loses and wrongs no edit at all when both sides answer and nobody edits what was edited just now', async () => {
    const calm = {
      ...HARD_SYNC_WORLD,
      trouble: NO_TROUBLE,
      crashAtVerb: 0,
      lateEntries: { share: 0, msMax: 0 },
    }
    const options = { ...calm, everyMs: 20_000, stormHours: 12, storms: 2, stamped: false }
    const { unlogged, wronged, broken } = await new World({ ...options, seed: 5 }).play()
    assert.deepEqual({ unlogged, wronged, broken }, { unlogged: [], wronged: [], broken: [] })
  })
})
