import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Json, type SyncRig, startSyncRig } from './sync-rig.ts'

/** Who is whose: e-mail addresses that several have, that change or are missing, and campaigns beside the sync. */

const EK = { lastname: 'Ek', subject: 'Fair' }

let rig: SyncRig
before(async () => {
  rig = await startSyncRig()
})
after(() => rig[Symbol.asyncDispose]())

const lead = (email: string, more: Json = {}) =>
  rig.pair('lead', { ...EK, emailaddress1: `${email}@example.com`, ...more })

/** Of everybody in Marketo with this e-mail: id, record. */
function peopleWith(email: string): unknown[] {
  return rig.marketo
    .people()
    .filter((one) => one.email === `${email}@example.com`)
    .map(({ id, microsoftRecordId }) => [id, microsoftRecordId])
}

test("sales' new lead whose e-mail several unlinked people have is a failure until they are merged", async () => {
  const [one, two] = [0, 1].map(() => rig.marketo.seed({ email: 'several@example.com', lastName: 'Ek' }))
  const id = rig.dataverse.seed('lead', { ...EK, emailaddress1: 'several@example.com' })
  await rig.cycle()
  const [failure] = await rig.failuresOf(id)
  assert.deepEqual([failure?.code, failure?.field, failure?.side], ['ambiguous-match', 'email', 'marketo'])
  assert.match(String(failure?.advice), /^2 people in Marketo have the e-mail/)
  assert.equal(rig.marketo.people().filter(({ email }) => email === 'several@example.com').length, 2)

  rig.marketo.merge(Number(one), [Number(two)])
  const retried = await rig.request('POST', `/v1/sync/failures/${failure?.failureId}/retry`)
  assert.equal(retried.status, 202)
  await rig.cycle()
  assert.deepEqual(await rig.failuresOf(id), [])
  assert.equal(rig.marketo.person(Number(one))?.microsoftRecordId, id)
})

test("sales' new contact whose e-mail belongs to a person of another record becomes a second person", async () => {
  const first = await rig.pair('lead', { ...EK, emailaddress1: 'shared@example.com' })
  const second = await rig.pair('contact', { lastname: 'Ek', emailaddress1: 'shared@example.com' })
  assert.notEqual(second.marketoId, first.marketoId)
  assert.deepEqual(
    [first.person().microsoftRecordId, second.person().microsoftRecordId],
    [first.id, second.id],
  )
})

test('characters that nobody sees make no second person, on whichever side and in whichever place', async () => {
  const hidden = 'hid\u00adden@example.com'
  const marketoId = rig.marketo.seed({ email: 'hidden@example.com', lastName: 'Ek' })
  const id = rig.dataverse.seed('contact', { lastname: 'Ek', emailaddress1: hidden })
  const writes = await rig.writesDuring(async () => {
    await rig.cycle()
    await rig.cycle()
  })
  assert.deepEqual(peopleWith('hidden'), [[marketoId, id]])
  assert.deepEqual(writes.toDynamics, [], 'both sides have the same e-mail')

  for (const email of ['hidden@example.com', '\u200bHidden@\u034fexample.com\u3000']) {
    const { body } = await rig.sync({ email, lastName: 'Ek' })
    assert.deepEqual([body.outcome, body.recordId], ['exists', id], JSON.stringify(email))
  }
  const rows = rig.dataverse.rows('lead').filter(({ emailaddress1 }) => `${emailaddress1}`.includes('den@'))
  assert.deepEqual(rows, [])
})

test('a person who names the record with braces around its id is its person', async () => {
  const id = rig.dataverse.seed('lead', { ...EK, emailaddress1: 'braces@example.com' })
  const microsoftRecordId = `{${id.toUpperCase()}}`
  const marketoId = rig.marketo.seed({ email: 'braces@example.com', lastName: 'Ek', microsoftRecordId })
  await rig.cycle()
  assert.deepEqual(peopleWith('braces'), [[marketoId, id]])
})

test('an e-mail is created without the characters that nobody sees', async () => {
  const { body } = await rig.sync({ email: '\u200bSeen\u00ad@example.com\ufeff', lastName: 'Ek' })
  assert.equal(body.outcome, 'created')
  assert.equal(rig.dataverse.row('lead', String(body.recordId))?.emailaddress1, 'Seen@example.com')
  assert.equal((await rig.sync({ email: 'seen@example.com', lastName: 'Ek' })).body.outcome, 'exists')
})

test('an e-mail with a blank inside is refused, and names nobody', async () => {
  const email = 'an n@example.com'
  const { body } = await rig.sync({ marketoId: 990_001, email, lastName: 'Ek' })
  assert.deepEqual([body.outcome, body.code, body.field], ['failed', 'format-invalid', 'emailaddress1'])
  const alone = await rig.sync({ email, lastName: 'Ek' })
  assert.deepEqual([alone.status, alone.body.code], [400, 'no-identity'])
})

test('a person made in Marketo stays there until a campaign sends them', async () => {
  const email = 'stays@example.com'
  const marketoId = rig.marketo.seed({ email, firstName: 'Siv', lastName: 'Ek' })
  const leads = () => rig.dataverse.rows('lead').filter(({ emailaddress1 }) => emailaddress1 === email)
  await rig.cycle()
  rig.marketo.update(marketoId, { firstName: 'Siri' })
  await rig.cycle()
  assert.equal(leads().length, 0)

  const { body } = await rig.sync({ marketoId, email, firstName: 'Siri', lastName: 'Ek' })
  assert.equal(body.outcome, 'created')
  await rig.cycle()
  assert.equal(rig.marketo.person(marketoId)?.microsoftRecordId, body.recordId)
  rig.marketo.update(marketoId, { city: 'Kiruna' })
  await rig.cycle()
  rig.dataverse.update('lead', String(body.recordId), { jobtitle: 'Guide' })
  await rig.cycle()
  assert.equal(leads()[0]?.address1_city, 'Kiruna')
  assert.equal(rig.marketo.person(marketoId)?.title, 'Guide')
  assert.equal(rig.marketo.people().filter((one) => one.email === email).length, 1)
})

test('a lead that the flow action adopts is kept equal like any other', async () => {
  const email = 'adopted@example.com'
  const marketoId = rig.marketo.seed({ email, lastName: 'Ek', phone: '5' })
  const id = rig.dataverse.seed('lead', { ...EK, emailaddress1: email })
  const { body } = await rig.sync({ marketoId, email, lastName: 'Ek' })
  assert.deepEqual([body.outcome, body.recordId], ['exists', id])
  await rig.cycle()
  rig.marketo.update(marketoId, { phone: '6' })
  await rig.cycle()
  assert.equal(rig.dataverse.row('lead', id)?.telephone1, '6')
  assert.equal(rig.marketo.person(marketoId)?.microsoftRecordId, id)
})

test('a campaign that fires for a person whom the sync has just made, before it knows their id, finds the record', async () => {
  const id = rig.dataverse.seed('lead', { ...EK, firstname: 'Quick' })
  rig.marketo.bend({ operation: 'sync', how: { kind: 'reset', commit: 'first' } })
  await rig.cycle()
  const [person] = rig.marketo.people().filter(({ microsoftRecordId }) => microsoftRecordId === id)
  const { body } = await rig.sync({ marketoId: person?.id })
  assert.deepEqual([body.outcome, body.recordId], ['exists', id])
  for (let cycles = 0; cycles < 3; cycles += 1) await rig.cycle(101_000)
  rig.marketo.update(Number(person?.id), { city: 'Lund' })
  await rig.cycle()
  assert.equal(rig.dataverse.row('lead', id)?.address1_city, 'Lund')
  const named = rig.marketo.people().filter(({ microsoftRecordId }) => microsoftRecordId === id)
  assert.deepEqual(
    named.map((one) => one.id),
    [person?.id],
  )
})

test('records without an e-mail get a person each, and an e-mail that they get later travels', async () => {
  const mia = await rig.pair('lead', { ...EK, firstname: 'Mia' })
  const max = await rig.pair('lead', { ...EK, firstname: 'Max' })
  assert.notEqual(mia.marketoId, max.marketoId)
  rig.dataverse.update('lead', mia.id, { emailaddress1: 'mia@example.com' })
  await rig.cycle()
  assert.equal(mia.person().email, 'mia@example.com')
  const { body } = await rig.sync({ email: 'mia@example.com', lastName: 'Ek' })
  assert.deepEqual([body.outcome, body.recordId], ['exists', mia.id])
})

test('an e-mail that changes moves with its person, and whoever re-uses the old one is somebody else', async () => {
  const ned = await lead('old-address')
  rig.marketo.update(ned.marketoId, { email: 'new-address@example.com' })
  await rig.cycle()
  assert.equal(ned.lead().emailaddress1, 'new-address@example.com')
  const byNew = await rig.sync({ email: 'new-address@example.com', lastName: 'Ek' })
  assert.deepEqual([byNew.body.outcome, byNew.body.recordId], ['exists', ned.id])

  const reused = rig.marketo.seed({ email: 'old-address@example.com', lastName: 'Berg' })
  const byOld = await rig.sync({ marketoId: reused, email: 'old-address@example.com', lastName: 'Berg' })
  assert.equal(byOld.body.outcome, 'created')
  assert.notEqual(byOld.body.recordId, ned.id)
  await rig.cycle()
  assert.equal(rig.marketo.person(reused)?.microsoftRecordId, byOld.body.recordId)
  assert.equal(ned.person().microsoftRecordId, ned.id)
})

test('several records with one e-mail get a person each, and one free person is tied to one of them only', async () => {
  const free = rig.marketo.seed({ email: 'crowd@example.com', lastName: 'Ek' })
  const ids = [0, 1, 2].map(() => rig.dataverse.seed('lead', { ...EK, emailaddress1: 'crowd@example.com' }))
  for (let cycles = 0; cycles < 4; cycles += 1) await rig.cycle()
  const people = peopleWith('crowd') as [number, string, string][]
  assert.deepEqual(people.map(([, recordId]) => recordId).sort(), ids.sort())
  assert.ok(people.some(([id]) => id === free))
})
