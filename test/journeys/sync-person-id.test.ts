import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type SyncRig, startSyncRig } from './sync-rig.ts'

/** A column that the field selection gives Marketo's id of a person. */

const ID = { marketo: 'id', lead: 'new_marketoid', contact: 'new_marketonumber', direction: 'to-dynamics' }
const EK = { lastname: 'Ek', subject: 'Fair' }

let rig: SyncRig
before(async () => {
  rig = await startSyncRig({
    settings: { FIELDS_FILE: JSON.stringify({ add: [{ ...ID, type: 'integer' }] }) },
    prepare({ dataverse }) {
      dataverse.changeColumn('lead', 'new_marketoid', { maxLength: 20 })
      dataverse.changeColumn('contact', 'new_marketonumber', { type: 'Integer' })
    },
  })
})
after(() => rig[Symbol.asyncDispose]())

test("Marketo's id is on a record that sales entered, once its person is made", async () => {
  const lead = await rig.pair('lead', { ...EK, emailaddress1: 'entered.1@example.com' })
  const contact = await rig.pair('contact', { lastname: 'Ek', emailaddress1: 'entered.2@example.com' })
  await rig.cycle()
  assert.deepEqual(
    [lead.lead().new_marketoid, rig.dataverse.row('contact', contact.id)?.new_marketonumber],
    [String(lead.marketoId), contact.marketoId],
  )
  const { toDynamics, toMarketo } = await rig.writesDuring(async () => {
    await rig.cycle()
    await rig.cycle()
  })
  assert.deepEqual([toDynamics, toMarketo], [[], []])
})

test("Marketo's id is on a record that sales entered and whose person was there", async () => {
  const marketoId = rig.marketo.seed({ email: 'adopted.1@example.com', lastName: 'Ek' })
  const id = rig.dataverse.seed('lead', { ...EK, emailaddress1: 'adopted.1@example.com' })
  await rig.cycle()
  await rig.cycle()
  assert.equal(rig.dataverse.row('lead', id)?.new_marketoid, String(marketoId))
})

test("Marketo's id is on a record that a campaign made, and stays there", async () => {
  const marketoId = rig.marketo.seed({ email: 'sent.1@example.com', lastName: 'Ek' })
  const { body } = await rig.sync({ marketoId })
  const idOf = () => rig.dataverse.row('lead', String(body.recordId))?.new_marketoid
  assert.equal(idOf(), String(marketoId))
  await rig.cycle()
  assert.equal(idOf(), String(marketoId))
})
