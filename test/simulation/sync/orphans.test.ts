import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lab } from './lab.ts'
import { linkedPair, SETTLED_CYCLES, someValues } from './pairs.ts'
import { NO_TROUBLE } from './wire.ts'

/** Within this time a deletion has been read. */
const FEED_MS_MAX = 600_000

/** A person is deleted while a write of ours to their record has no answer. */
async function orphaned(lab: Lab, outcome: 'lostAfter' | 'lostBefore') {
  const { row, person } = await linkedPair(lab, 'lead')
  lab.diesHere = (point) => {
    if (point === 'before rows.update') lab.toDynamics.trouble = { ...NO_TROUBLE, [outcome]: 1 }
    if (point !== 'after rows.update') return false
    lab.toDynamics.trouble = NO_TROUBLE
    // The feed of the merged and deleted comes before the row is read again.
    lab.toDynamics.trouble = { ...NO_TROUBLE, cut: 1 }
    lab.humans.removePerson(person.id)
    return false
  }
  lab.humans.editPerson(person.id, 'phone', 'm1')
  await lab.cycle()
  lab.diesHere = () => false
  await lab.wait(lab.scheduler.between(300_000, 400_000))
  await lab.cycle()
  lab.toDynamics.trouble = NO_TROUBLE
  return row
}

for (const outcome of ['lostAfter', 'lostBefore'] as const) {
  test(`S13 a record whose person was deleted makes no new one for a write of ours that was ${outcome}`, async () => {
    using lab = new Lab({ seed: 13 })
    await orphaned(lab, outcome)
    await lab.cycles(SETTLED_CYCLES)
    lab.dynamics.expireTokens()
    await lab.cycles(SETTLED_CYCLES)
    assert.equal(lab.marketo.people.size, 0)
  })

  test(`an edit of a record whose person was deleted makes a new one, after a write of ours that was ${outcome}`, async () => {
    using lab = new Lab({ seed: 13 })
    const row = await orphaned(lab, outcome)
    await lab.cycles(SETTLED_CYCLES)
    lab.humans.editRow(row, 'title', 't1')
    await lab.cycles(2 * SETTLED_CYCLES)
    const people = [...lab.marketo.people.values()].map(({ fields }) => fields.title)
    assert.deepEqual([people, lab.records.differences()], [['t1'], []])
  })
}

test('S18 a record whose e-mail another record has, too, goes on with the person who is imported anew', async () => {
  using lab = new Lab({ seed: 13 })
  await linkedPair(lab, 'lead')
  const second = lab.humans.row('contact', someValues('a1'))
  await lab.cycles(SETTLED_CYCLES)
  const [person] = lab.marketo.find('microsoftRecordId', second.id)
  assert.ok(person)
  lab.humans.removePerson(person.id)
  await lab.wait(FEED_MS_MAX)
  await lab.cycles(SETTLED_CYCLES)
  const id = lab.humans.person({ ...someValues('a1'), email: 'A1@sim.example' })
  await lab.cycles(SETTLED_CYCLES)
  assert.equal(lab.marketo.person(id).fields.microsoftRecordId, second.id)
})
