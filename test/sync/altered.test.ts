import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSyncRig } from './rig.ts'

test('S17 a text that Marketo cuts before an emoji stays whole in Dynamics, and is reported once', async () => {
  await using rig = await startSyncRig()
  const { dataverse, marketo } = rig.sandbox
  marketo.setKnobs({ beyondBmp: 'cut' })
  for (const table of ['lead', 'contact'] as const) {
    const emailaddress1 = `${table}@example.com`
    const id = dataverse.seed(table, { lastname: 'Ek', jobtitle: 'Boss', emailaddress1 })
    await rig.cycle()
    await rig.cycle()
    const [person] = marketo.people().filter(({ microsoftRecordId }) => microsoftRecordId === id)
    dataverse.update(table, id, { jobtitle: 'Chief 😀 of all' })
    for (let cycle = 0; cycle < 4; cycle += 1) await rig.cycle()
    const failures = await rig.store.readFailures({ limit: 10 })
    const own = failures.filter(({ recordId }) => recordId === id).map(({ code, field }) => [code, field])
    assert.deepEqual(
      [marketo.person(Number(person?.id))?.title, dataverse.row(table, id)?.jobtitle, own],
      ['Chief', 'Chief 😀 of all', [['altered-by-marketo', 'title']]],
    )
  }
})
