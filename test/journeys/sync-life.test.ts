import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Json, type SyncRig, startSyncRig } from './sync-rig.ts'

/** What becomes of a person whose record is qualified, merged, deleted, restored, stopped or handed on. */

/** Marketo's merges and deletions are read that often. */
const LIFE_MS = 300_000
const EK = { lastname: 'Ek', subject: 'Fair' }

let rig: SyncRig
before(async () => {
  rig = await startSyncRig({
    prepare: ({ dataverse }) => {
      dataverse.changeColumn('lead', 'new_synctomkto', { type: 'Boolean' })
      dataverse.changeColumn('contact', 'new_synctomkto', { type: 'Boolean' })
    },
  })
})
after(() => rig[Symbol.asyncDispose]())

const lead = (email: string, more: Json = {}) =>
  rig.pair('lead', { ...EK, emailaddress1: `${email}@example.com`, ...more })
const contact = (email: string) =>
  rig.pair('contact', { lastname: 'Ek', emailaddress1: `${email}@example.com` })

/** Of everybody in Marketo with this e-mail: id, record, type. */
function peopleWith(email: string): unknown[] {
  return rig.marketo
    .people()
    .filter((one) => one.email === `${email}@example.com`)
    .map(({ id, microsoftRecordId, microsoftType }) => [id, microsoftRecordId, microsoftType])
}

async function linkOf(marketoId: number): Promise<Json> {
  return (await rig.request('GET', `/v1/people/${marketoId}`)).body
}

test('a qualified lead hands its person to the new contact, and from then on Dynamics wins', async () => {
  const ann = await lead('qualified', { jobtitle: 'Buyer' })
  const { contactId = '' } = rig.dataverse.qualify(ann.id)
  const writes = await rig.writesDuring(() => rig.cycle())
  assert.deepEqual(peopleWith('qualified'), [[ann.marketoId, contactId, 'Contact']])
  assert.deepEqual(writes.toDynamics, [])
  assert.equal(ann.person().title, 'Buyer')

  rig.marketo.update(ann.marketoId, { city: 'Lund' })
  rig.dataverse.update('contact', contactId, { address1_city: 'Falun' })
  await rig.cycle()
  await rig.cycle()
  assert.deepEqual(
    [ann.person().city, rig.dataverse.row('contact', contactId)?.address1_city],
    ['Falun', 'Falun'],
  )
  assert.deepEqual(await rig.conflictsOf(contactId), [['city', 'dynamics', 'Lund', 'Falun']])
  assert.equal(ann.lead().address1_city, undefined)
  assert.deepEqual(
    [(await linkOf(ann.marketoId)).recordType, (await linkOf(ann.marketoId)).recordId],
    ['contact', contactId],
  )
})

test('a lead that is qualified into a contact who is there hands its person over to that contact', async () => {
  const contactId = rig.dataverse.seed('contact', { lastname: 'Ek', new_synctomkto: false })
  const bo = await lead('joins', { parentcontactid: contactId })
  rig.dataverse.update('contact', contactId, { new_synctomkto: null })
  rig.dataverse.qualify(bo.id)
  await rig.cycle()
  assert.equal(bo.person().microsoftRecordId, contactId)
  rig.dataverse.update('contact', contactId, { jobtitle: 'Chef' })
  await rig.cycle()
  assert.equal(bo.person().title, 'Chef')
})

test("a lead that is qualified into a contact with a person of its own: both records' people stay, the contact's is kept equal", async () => {
  const cia = await contact('has-person')
  const dag = await lead('second-person', { parentcontactid: cia.id })
  rig.dataverse.qualify(dag.id)
  await rig.cycle()
  rig.dataverse.update('contact', cia.id, { jobtitle: 'Chef' })
  await rig.cycle()
  assert.equal(cia.person().microsoftRecordId, cia.id)
  assert.equal(cia.person().title, 'Chef')
  assert.equal(peopleWith('has-person').length, 1)
  assert.equal(peopleWith('second-person').length, 1)
})

test('of two leads that are merged in Dynamics, the survivor keeps its person and nothing is written to the loser', async () => {
  const winner = await lead('survivor')
  const loser = await lead('loser', { jobtitle: 'Boss' })
  rig.dataverse.merge('lead', winner.id, loser.id)
  const writes = await rig.writesDuring(async () => {
    await rig.cycle()
    await rig.cycle()
  })
  assert.equal(winner.person().title, 'Boss')
  assert.equal(winner.person().microsoftRecordId, winner.id)
  assert.deepEqual(writes.toDynamics, [])
  rig.marketo.update(winner.marketoId, { city: 'Lund' })
  await rig.cycle()
  assert.deepEqual([winner.lead().address1_city, loser.lead().address1_city], ['Lund', undefined])
})

test('a merged lead whose survivor nobody has linked takes its person along', async () => {
  const loser = await lead('takes-along')
  const survivorId = rig.dataverse.seed('lead', { ...EK, new_synctomkto: false })
  await rig.cycle()
  rig.dataverse.update('lead', survivorId, { new_synctomkto: true })
  rig.dataverse.merge('lead', survivorId, loser.id)
  await rig.cycle()
  await rig.cycle()
  const tied = rig.marketo.people().filter(({ microsoftRecordId }) => microsoftRecordId === survivorId)
  assert.equal(tied.length, 1)
  assert.equal(rig.dataverse.row('lead', survivorId)?.emailaddress1, 'takes-along@example.com')
})

for (const mergeNames of ['survivor', 'loser'] as const) {
  test(`people who are merged in Marketo leave one person, tied to the record (the log names the ${mergeNames})`, async () => {
    rig.marketo.setKnobs({ mergeNames })
    const eva = await lead(`merged-${mergeNames}`)
    const winner = rig.marketo.seed({
      email: `merged-${mergeNames}@example.com`,
      lastName: 'Ek',
      city: 'Lund',
    })
    rig.marketo.merge(winner, [eva.marketoId])
    await rig.cycle(LIFE_MS)
    await rig.cycle()
    assert.deepEqual(peopleWith(`merged-${mergeNames}`), [[winner, eva.id, 'Lead']])
    rig.dataverse.update('lead', eva.id, { jobtitle: 'Chef' })
    await rig.cycle()
    assert.equal(rig.marketo.person(winner)?.title, 'Chef')
    assert.equal(peopleWith(`merged-${mergeNames}`).length, 1)
  })
}

test('a person whose record is deleted is flagged, and deleted nowhere', async () => {
  const fia = await lead('deleted', { jobtitle: 'Chef' })
  rig.dataverse.remove('lead', fia.id)
  const writes = await rig.writesDuring(() => rig.cycle())
  assert.deepEqual(writes, { toDynamics: [], toMarketo: ['microsoftIsDeleted'] })
  assert.deepEqual([fia.person().microsoftIsDeleted, fia.person().title], [true, 'Chef'])
  rig.marketo.update(fia.marketoId, { city: 'Lund' })
  assert.deepEqual((await rig.writesDuring(() => rig.cycle())).toDynamics, [])
  assert.equal((await linkOf(fia.marketoId)).state, 'tombstoned')
})

test('after a deletion the flow action makes a new record, which is kept equal and no longer flagged', async () => {
  const gun = await lead('renewed')
  rig.dataverse.remove('lead', gun.id)
  await rig.cycle()
  const { body } = await rig.sync({ marketoId: gun.marketoId, email: 'renewed@example.com', lastName: 'Ek' })
  assert.equal(body.outcome, 'created')
  assert.notEqual(body.recordId, gun.id)
  await rig.cycle()
  await rig.cycle()
  const { microsoftRecordId, microsoftIsDeleted } = gun.person()
  assert.deepEqual([microsoftRecordId, microsoftIsDeleted ?? false], [body.recordId, false])
  rig.marketo.update(gun.marketoId, { city: 'Lund' })
  await rig.cycle()
  assert.equal(rig.dataverse.row('lead', String(body.recordId))?.address1_city, 'Lund')
  assert.equal((await linkOf(gun.marketoId)).generation, 1)
})

test('a record that is restored is no longer flagged, and both sides are kept equal again', async () => {
  const hal = await lead('restored')
  rig.dataverse.remove('lead', hal.id)
  await rig.cycle()
  assert.equal(hal.person().microsoftIsDeleted, true)
  rig.marketo.update(hal.marketoId, { city: 'Lund' })
  rig.dataverse.restore('lead', hal.id)
  await rig.cycle()
  await rig.cycle()
  assert.equal(hal.person().microsoftIsDeleted ?? false, false)
  assert.equal(hal.lead().address1_city, 'Lund')
  assert.equal(peopleWith('restored').length, 1)
})

test('a person who is deleted in Marketo leaves the record alone, until a later change of it makes a new person', async () => {
  const ida = await lead('orphaned')
  rig.marketo.remove(ida.marketoId)
  const writes = await rig.writesDuring(async () => {
    await rig.cycle(LIFE_MS)
    await rig.cycle(LIFE_MS)
  })
  assert.deepEqual(writes, { toDynamics: [], toMarketo: [] })
  assert.deepEqual(peopleWith('orphaned'), [])
  assert.ok(rig.dataverse.row('lead', ida.id))

  rig.dataverse.update('lead', ida.id, { jobtitle: 'Chef' })
  await rig.cycle()
  const [found] = rig.marketo.people().filter(({ microsoftRecordId }) => microsoftRecordId === ida.id)
  assert.equal(found?.title, 'Chef')
  assert.notEqual(found?.id, ida.marketoId)
  await rig.cycle(LIFE_MS)
  assert.equal(peopleWith('orphaned').length, 1)
})

test('a person who was deleted just before the record changed is made anew, once', async () => {
  const jan = await lead('races')
  rig.marketo.remove(jan.marketoId)
  rig.dataverse.update('lead', jan.id, { jobtitle: 'Chef' })
  for (let cycles = 0; cycles < 3; cycles += 1) await rig.cycle()
  assert.equal(peopleWith('races').length, 1)
  assert.equal(
    rig.marketo.people().find(({ microsoftRecordId }) => microsoftRecordId === jan.id)?.title,
    'Chef',
  )
})

test('new_synctomkto = false stops a record in both directions; absent, empty and true do not', async () => {
  const kim = await lead('filtered')
  rig.dataverse.update('lead', kim.id, { new_synctomkto: false, jobtitle: 'Chef' })
  rig.marketo.update(kim.marketoId, { city: 'Lund' })
  const writes = await rig.writesDuring(() => rig.cycle())
  assert.deepEqual(writes, { toDynamics: [], toMarketo: [] })
  for (const answer of [null, true]) {
    rig.dataverse.update('lead', kim.id, { new_synctomkto: answer, jobtitle: `said ${answer}` })
    await rig.cycle()
    assert.equal(kim.person().title, `said ${answer}`)
  }
  assert.equal(kim.lead().address1_city, 'Lund')

  const stopped = rig.dataverse.seed('lead', {
    ...EK,
    emailaddress1: 'never@example.com',
    new_synctomkto: false,
  })
  await rig.cycle()
  assert.deepEqual(peopleWith('never'), [])
  rig.dataverse.update('lead', stopped, { new_synctomkto: true })
  await rig.cycle()
  assert.equal(peopleWith('never').length, 1)
})

test('a change of owner, and a row version that moves alone, write nothing', async () => {
  const leo = await lead('owned')
  await rig.cycle()
  rig.dataverse.assign('lead', leo.id, rig.dataverse.ids.salesManager)
  rig.dataverse.touch('lead', leo.id)
  assert.deepEqual(await rig.writesDuring(() => rig.cycle()), { toDynamics: [], toMarketo: [] })
})
