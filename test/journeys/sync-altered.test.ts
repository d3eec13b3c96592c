import assert from 'node:assert/strict'
import { test } from 'node:test'
import { API_KEY, WEBHOOK } from './rig.ts'
import { startSyncRig } from './sync-rig.ts'

/** What a side makes of a value is no edit: the original stays where it is. */

const CYCLES = 4

for (const table of ['lead', 'contact'] as const) {
  test(`S17 a plug-in that normalises a column of a ${table} is reported once, and nothing travels back`, async () => {
    await using rig = await startSyncRig()
    const { dataverse, marketo } = rig
    for (const [column, rewrite] of [
      ['jobtitle', 'title-case'],
      ['telephone1', 'strip-blanks'],
    ] as const) {
      dataverse.addPlugIn({ table, column, rewrite })
    }
    const pair = await rig.pair(table, { lastname: 'Ek', emailaddress1: 'ann@example.com' })
    await rig.cycle()
    const written = await rig.writesDuring(async () => {
      marketo.update(pair.marketoId, { title: 'head of sales', phone: '+46 70 1234' })
      for (let cycle = 0; cycle < CYCLES; cycle += 1) await rig.cycle()
    })
    assert.deepEqual(written, {
      toDynamics: [{ jobtitle: 'head of sales', telephone1: '+46 70 1234' }],
      toMarketo: [],
    })
    const { jobtitle, telephone1 } = pair.lead()
    assert.deepEqual([jobtitle, telephone1], ['Head Of Sales', '+46701234'])
    const { title, phone } = pair.person()
    assert.deepEqual([title, phone], ['head of sales', '+46 70 1234'])
    assert.deepEqual((await rig.failuresOf(pair.id)).map(({ code, field }) => [code, field]).sort(), [
      ['altered-by-dynamics', 'jobtitle'],
      ['altered-by-dynamics', 'telephone1'],
    ])
  })

  test(`S17 texts that a webhook folded and escaped on their way to a new ${table} stay as they are in Marketo, and arrive so`, async () => {
    await using rig = await startSyncRig()
    const { dataverse, marketo } = rig
    marketo.setKnobs({ webhookFoldsLines: true, webhookEscapesHtml: true })
    const notes = 'Met at "Fair" & fun\nCall <soon>'
    const personId = marketo.seed({ email: 'ann@example.com', lastName: 'Ek', mktoPersonNotes: notes })
    const call = await marketo.callWebhook({
      personId,
      url: `${rig.url}${WEBHOOK}`,
      encoding: 'JSON',
      template: `{"marketoId": {{lead.Id}}, "email": {{lead.Email Address}}, "lastName": {{lead.Last Name}}, "mktoPersonNotes": {{lead.Person Notes}}, "syncAs": "${table}"}`,
      headers: { 'x-api-key': API_KEY },
    })
    const { outcome, recordId } = JSON.parse(call.response ?? '{}')
    assert.equal(outcome, 'created', call.response)
    const folded = 'Met at &quot;Fair&quot; &amp; fun Call &lt;soon&gt;'
    assert.equal(dataverse.row(table, recordId)?.description, folded)

    for (let cycle = 0; cycle < CYCLES; cycle += 1) await rig.cycle()
    assert.deepEqual(
      [marketo.person(personId)?.mktoPersonNotes, dataverse.row(table, recordId)?.description],
      [notes, notes],
    )
    assert.deepEqual([await rig.conflictsOf(recordId), await rig.failuresOf(recordId)], [[], []])
  })
}
