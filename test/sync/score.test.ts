import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSelection } from '../../src/person/selection.ts'
import { type SyncRig, startSyncRig } from './rig.ts'

/** What real change logs say twice, or spell in their own way. */

const ADDED = [
  { marketo: 'points', lead: 'new_points', type: 'score', direction: 'both' },
  { marketo: 'metAt', lead: 'new_metat', type: 'datetime', direction: 'both' },
]
const LATER = '2026-03-01T10:00:00Z'

/** One lead that both sides have. */
async function startPair(knobs: object = {}) {
  const { selection } = parseSelection(JSON.stringify({ add: ADDED }))
  assert.ok(selection)
  const rig = await startSyncRig({
    selection,
    sandbox: { marketo: { knobs, limits: { callsPerWindow: 10_000 } } },
  })
  const { dataverse, marketo } = rig.sandbox
  dataverse.changeColumn('lead', 'new_points', { type: 'Integer' })
  dataverse.changeColumn('lead', 'new_metat', { type: 'DateTime', behavior: 'TimeZoneIndependent' })
  marketo.addField({ name: 'points', dataType: 'score' })
  marketo.addField({ name: 'metAt', dataType: 'datetime' })
  const id = dataverse.seed('lead', {
    lastname: 'Ek',
    emailaddress1: 'ann@example.com',
    new_metat: '2026-02-01T08:00:00Z',
  })
  await cycles(rig, 3)
  const marketoId = Number(marketo.people()[0]?.id)
  const row = () => dataverse.row('lead', id) ?? {}
  const person = () => marketo.person(marketoId) ?? {}
  return { rig, dataverse, marketo, id, marketoId, row, person }
}

async function cycles({ cycle }: SyncRig, count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) await cycle()
}

for (const scoreLogsValues of [true, false]) {
  const as = scoreLogsValues ? 'as a score and as a changed value' : 'as a score only'
  test(`a Change Score that is logged ${as} travels once`, async () => {
    const { rig, dataverse, marketo, id, marketoId, row, person } = await startPair({ scoreLogsValues })
    await using _ = rig
    marketo.changeScore(marketoId, 7, undefined, 'points')
    await rig.cycle()
    assert.equal(row().new_points, 7)
    const { versionnumber } = row()
    await cycles(rig, 3)
    assert.equal(row().versionnumber, versionnumber, 'nothing is written again')
    // An edit on the other side in the meantime is another field, and no conflict.
    marketo.changeScore(marketoId, 3, undefined, 'points')
    dataverse.update('lead', id, { lastname: 'Alm' })
    await cycles(rig, 2)
    assert.deepEqual([row().new_points, person().points, person().lastName], [10, 10, 'Alm'])
    assert.deepEqual(await rig.store.readConflicts(10), [])
  })
}

test('True and False of the change log are the values of a yes/no field', async () => {
  const { rig, marketo, marketoId, row } = await startPair()
  await using _ = rig
  for (const unsubscribed of [true, false]) {
    marketo.update(marketoId, { unsubscribed })
    await rig.cycle()
    assert.equal(row().donotbulkemail, unsubscribed)
  }
})

for (const logOffsetMinutes of [0, -300, 120]) {
  test(`a date-time that is logged without zone, ${logOffsetMinutes} minutes ahead of UTC, travels as it is`, async () => {
    const { rig, dataverse, marketo, id, marketoId, row, person } = await startPair({ logOffsetMinutes })
    await using _ = rig
    // To what the log will say of the next edit when it is taken for UTC, and to the edit itself.
    for (const metAt of [new Date(Date.parse(LATER) + logOffsetMinutes * 60_000).toISOString(), LATER]) {
      marketo.update(marketoId, { metAt })
      await cycles(rig, 2)
      assert.equal(Date.parse(String(row().new_metat)), Date.parse(metAt))
    }
    dataverse.update('lead', id, { new_metat: '2026-04-01T09:00:00Z' })
    await cycles(rig, 3)
    assert.equal(person().metAt, '2026-04-01T09:00:00Z')
    dataverse.update('lead', id, { new_metat: null })
    await cycles(rig, 3)
    assert.equal(person().metAt, undefined)
    assert.equal(row().new_metat ?? null, null)
    const failures = await rig.store.readFailures({ limit: 10 })
    assert.deepEqual(failures, [])
  })
}

test('what Marketo trims stays as it is in Dynamics, and is no edit', async () => {
  const { rig, dataverse, id, row, person } = await startPair()
  await using _ = rig
  dataverse.update('lead', id, { description: '\n Two lines\nof text \n', jobtitle: 'Buyer' })
  await cycles(rig, 4)
  assert.deepEqual([person().mktoPersonNotes, person().title], ['Two lines\nof text', 'Buyer'])
  assert.equal(row().description, '\n Two lines\nof text \n')
})
