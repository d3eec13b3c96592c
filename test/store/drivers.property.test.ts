import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Draw } from '../crash/draw.ts'
import { withoutPostgres } from '../postgres/cluster.ts'
import { Deeds, portrait, withoutIds } from './deeds.ts'
import { openPostgres } from './postgres-rig.ts'
import { openSqlite } from './sqlite-rig.ts'

const WORLDS = 12
const DEEDS = 120

it('both drivers give the same answers to the same verbs, whatever comes after what', {
  skip: withoutPostgres,
}, async (t) => {
  const seed = Math.floor(Math.random() * 1_000_000)
  t.diagnostic(`seed ${seed}`)
  for (let world = 0; world < WORLDS; world += 1) {
    const deeds = new Deeds(new Draw(seed + world))
    await using embedded = await openSqlite()
    await using shared = await openPostgres()
    const done: string[] = []
    for (let count = 0; count < DEEDS; count += 1) {
      const { name, run, learn } = deeds.next()
      done.push(name)
      const [one, other] = await Promise.all([outcome(run(embedded)), outcome(run(shared))])
      const story = () => `world ${world} of seed ${seed}: ${done.join('\n')}`
      assert.deepEqual(withoutIds(other), withoutIds(one), story())
      learn(one)
    }
    const seen = deeds.requestIds
    assert.deepEqual(
      await portrait(shared, seen),
      await portrait(embedded, seen),
      `world ${world} of seed ${seed}`,
    )
  }
})

/** What a verb gives, or that it throws. */
function outcome(verb: Promise<unknown>): Promise<unknown> {
  return verb.catch((error: unknown) => ({
    threw: error instanceof Error ? error.message.replace(/[\d-]+/g, '') : '',
  }))
}
