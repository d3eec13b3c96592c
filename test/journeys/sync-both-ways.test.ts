import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type SyncRig, startSyncRig } from './sync-rig.ts'

/** What a user sees of two sides that are kept equal. */

let rig: SyncRig
before(async () => {
  rig = await startSyncRig()
})
after(() => rig[Symbol.asyncDispose]())

const EK = { lastname: 'Ek', subject: 'Fair' }

test('a change in Marketo is in Dynamics within a cycle, and a change in Dynamics in Marketo', async () => {
  const { dataverse, marketo } = rig
  const ann = await rig.pair('lead', { ...EK, firstname: 'Ann', emailaddress1: 'ann@example.com' })
  marketo.update(ann.marketoId, { firstName: 'Anna' })
  await rig.cycle()
  assert.equal(ann.lead().firstname, 'Anna')
  dataverse.update('lead', ann.id, { jobtitle: 'Buyer' })
  await rig.cycle()
  assert.equal(ann.person().title, 'Buyer')
  assert.deepEqual(await rig.conflictsOf(ann.id), [])
})

test('each edit is written once: what comes back as its echo writes nothing, nor does an idle cycle', async () => {
  const bo = await rig.pair('contact', { lastname: 'Ek', emailaddress1: 'bo@example.com' })
  rig.marketo.update(bo.marketoId, { city: 'Lund' })
  rig.dataverse.update('contact', bo.id, { jobtitle: 'Chef' })
  const writes = await rig.writesDuring(async () => {
    for (let cycles = 0; cycles < 4; cycles += 1) await rig.cycle()
  })
  assert.deepEqual(
    writes.toDynamics.map((columns) => columns.address1_city),
    ['Lund'],
  )
  assert.deepEqual(writes.toMarketo, ['title'])
})

test('different fields that are changed on both sides at once arrive both', async () => {
  const cia = await rig.pair('lead', { ...EK, emailaddress1: 'cia@example.com' })
  rig.marketo.update(cia.marketoId, { city: 'Lund', phone: '+46 1' })
  rig.dataverse.update('lead', cia.id, { jobtitle: 'Chef', address1_country: 'Sweden' })
  await rig.cycle()
  await rig.cycle()
  const { address1_city, telephone1, jobtitle } = cia.lead()
  assert.deepEqual([address1_city, telephone1, jobtitle], ['Lund', '+46 1', 'Chef'])
  const { title, country, city } = cia.person()
  assert.deepEqual([title, country, city], ['Chef', 'Sweden', 'Lund'])
  assert.deepEqual(await rig.conflictsOf(cia.id), [])
})

const winners = [
  { table: 'lead', winner: 'marketo', value: 'Malmö', lost: 'Ystad' },
  { table: 'contact', winner: 'dynamics', value: 'Ystad', lost: 'Malmö' },
] as const
for (const { table, winner, value } of winners) {
  test(`one field that is changed on both sides of a ${table} is won by ${winner}, and the log shows both values`, async () => {
    const columns = table === 'lead' ? EK : { lastname: 'Ek' }
    const pair = await rig.pair(table, { ...columns, emailaddress1: `conflict-${table}@example.com` })
    rig.marketo.update(pair.marketoId, { city: 'Malmö' })
    rig.dataverse.update(table, pair.id, { address1_city: 'Ystad' })
    await rig.cycle()
    await rig.cycle()
    assert.deepEqual([pair.lead().address1_city, pair.person().city], [value, value])
    assert.deepEqual(await rig.conflictsOf(pair.id), [['city', winner, 'Malmö', 'Ystad']])
  })
}

test('the conflict log masks values unless they are asked for, and says who asked', async () => {
  const dag = await rig.pair('lead', { ...EK, emailaddress1: 'dag@example.com' })
  rig.marketo.update(dag.marketoId, { city: 'Sigtuna' })
  rig.dataverse.update('lead', dag.id, { address1_city: 'Visby' })
  await rig.cycle()
  const { text, body } = await rig.request('GET', '/v1/sync/conflicts')
  assert.doesNotMatch(text, /Sigtuna|Visby/)
  const { conflictId, at, recordUrl, ...conflict } = (body.conflicts as Record<string, unknown>[])[0] ?? {}
  assert.deepEqual(conflict, {
    field: 'city',
    winner: 'marketo',
    marketo: { kind: 'text', length: 7 },
    dynamics: { kind: 'text', length: 5 },
    recordType: 'lead',
    recordId: dag.id,
    marketoId: dag.marketoId,
  })
  await rig.conflictsOf(dag.id)
  assert.ok(rig.log.some((line) => line.includes('conflict-values-shown') && line.includes('journeys')))
  assert.ok(!rig.log.some((line) => /Sigtuna|Visby|@example/.test(line)))
})

test('the same new value on both sides is agreement: no conflict and no write', async () => {
  const eva = await rig.pair('lead', { ...EK, emailaddress1: 'eva@example.com' })
  rig.marketo.update(eva.marketoId, { city: 'Umeå' })
  rig.dataverse.update('lead', eva.id, { address1_city: 'Umeå' })
  const writes = await rig.writesDuring(() => rig.cycle())
  assert.deepEqual(writes, { toDynamics: [], toMarketo: [] })
  assert.deepEqual(await rig.conflictsOf(eva.id), [])
})

test('a value that is cleared on one side is cleared on the other', async () => {
  const fia = await rig.pair('contact', {
    lastname: 'Ek',
    emailaddress1: 'fia@example.com',
    jobtitle: 'Chef',
    telephone1: '1',
  })
  rig.marketo.update(fia.marketoId, { title: null })
  rig.dataverse.update('contact', fia.id, { telephone1: null })
  await rig.cycle()
  assert.deepEqual([fia.lead().jobtitle, fia.person().phone], [undefined, undefined])
})

test('a lead and a contact that sales enters appear in Marketo, and say what they are', async () => {
  const lead = await rig.pair('lead', {
    ...EK,
    emailaddress1: 'sales-lead@example.com',
    companyname: 'Ek AB',
  })
  const contact = await rig.pair('contact', { lastname: 'Ek', emailaddress1: 'sales-contact@example.com' })
  const seen = [lead, contact].map((pair) => {
    const { email, lastName, microsoftRecordId, microsoftType, microsoftIsDeleted } = pair.person()
    return {
      email,
      lastName,
      microsoftType,
      isDeleted: microsoftIsDeleted ?? false,
      isTied: microsoftRecordId === pair.id,
    }
  })
  assert.deepEqual(seen, [
    {
      email: 'sales-lead@example.com',
      lastName: 'Ek',
      microsoftType: 'Lead',
      isDeleted: false,
      isTied: true,
    },
    {
      email: 'sales-contact@example.com',
      lastName: 'Ek',
      microsoftType: 'Contact',
      isDeleted: false,
      isTied: true,
    },
  ])
})

test("sales' new lead is tied to the one unlinked person with its e-mail, and each fills the other's empty fields", async () => {
  const marketoId = rig.marketo.seed({
    email: 'Tied@Example.com',
    lastName: 'Ek',
    city: 'Lund',
    title: 'Web',
  })
  const lead = await rig.pair('lead', {
    ...EK,
    emailaddress1: 'tied@example.com',
    jobtitle: 'Sales',
    telephone1: '7',
  })
  assert.equal(lead.marketoId, marketoId)
  await rig.cycle()
  const { address1_city, jobtitle } = lead.lead()
  assert.deepEqual([address1_city, jobtitle, lead.person().phone], ['Lund', 'Web', '7'])
  const conflicts = await rig.conflictsOf(lead.id)
  assert.ok(
    conflicts.some((one) => JSON.stringify(one) === '["title","marketo","Web","Sales"]'),
    JSON.stringify(conflicts),
  )
})
