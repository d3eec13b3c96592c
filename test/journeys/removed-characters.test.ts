import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallbackReceiver } from './callback-receiver.ts'
import { leads, startRig, WEBHOOK } from './rig.ts'
import { startSyncRig } from './sync-rig.ts'

/** Characters that Dynamics refuses are removed on the way out, and who sent them learns of it. */

const DIRTY = { jobTitle: 'Head\u0001 of\tSales\uffff', note: 'one\u000b\ntwo' }
const CLEAN = { jobTitle: 'Head of\tSales', note: 'one\ntwo' }
const fields = (email: string) => ({
  email: `\u0002${email}`,
  lastName: 'Ek',
  title: DIRTY.jobTitle,
  mktoPersonNotes: DIRTY.note,
})
const WARNED = ['emailaddress1', 'jobtitle', 'description'].map((field) => [field, 'characters-removed'])
const named = (warnings: unknown) =>
  (warnings as Record<string, unknown>[]).map(({ field, code }) => [field, code])

test('Dynamics refuses them', async () => {
  await using rig = await startRig()
  const { dataverse } = rig.sandbox
  const id = dataverse.seed('lead', { lastname: 'Ek' })
  for (const jobtitle of ['a\u0000', 'a\u001fb', '\ufffe']) {
    assert.throws(() => dataverse.update('lead', id, { jobtitle }), /jobtitle.*invalid characters/)
  }
  dataverse.update('lead', id, { jobtitle: 'a\tb\r\nc' })
})

test('a person of any endpoint is created without them, with a warning that names each field', async () => {
  await using receiver = await CallbackReceiver.listen()
  await using rig = await startRig()
  const bodies = [
    (await rig.sync(fields('rest@example.com'))).body,
    (await rig.request('POST', WEBHOOK, { body: JSON.stringify(fields('webhook@example.com')) })).body,
  ]
  for (const body of bodies) {
    assert.deepEqual([body.outcome, named(body.warnings)], ['created', WARNED])
  }
  assert.equal((await rig.sync({ email: 'rest@example.com', lastName: 'Ek' })).body.outcome, 'exists')

  await rig.request('POST', '/flow-step/submitAsyncAction', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ token: 't-1', apiCallBackKey: 'k', callbackUrl: receiver.url, campaignId: 1 },
      context: { subscription: { munchkinId: '123-ABC-456' } },
      objectData: [{ objectType: 'lead', objectContext: { id: 1, ...fields('step@example.com') } }],
    }),
  })
  const { objectData } = await receiver.takenFor('t-1')
  assert.equal(objectData[0]?.activityData.code, 'characters-removed')
  const { activities } = (await rig.request('GET', '/v1/people/1/activities')).body
  assert.deepEqual(named((activities as { warnings: unknown }[])[0]?.warnings), WARNED)

  assert.deepEqual(
    leads(rig).map(({ emailaddress1, jobtitle, description }) => [emailaddress1, jobtitle, description]),
    ['rest', 'webhook', 'step'].map((name) => [`${name}@example.com`, CLEAN.jobTitle, CLEAN.note]),
  )
})

test('the background sync writes a value without them once, logs its field, and takes both sides for equal', async () => {
  await using rig = await startSyncRig()
  const pair = await rig.pair('lead', { lastname: 'Ek', subject: 'Fair', emailaddress1: 'sync@example.com' })
  rig.marketo.update(pair.marketoId, { title: DIRTY.jobTitle })
  await rig.cycle()
  assert.deepEqual([pair.lead().jobtitle, pair.person().title], [CLEAN.jobTitle, DIRTY.jobTitle])
  const logged = rig.log.filter((line) => line.includes('"characters-removed"'))
  assert.equal(logged.length, 1)
  const { field, marketoId } = JSON.parse(logged[0] ?? '{}')
  assert.deepEqual([field, marketoId], ['title', pair.marketoId])

  const later = await rig.writesDuring(async () => {
    rig.marketo.update(pair.marketoId, { city: 'Lund' })
    for (let count = 0; count < 3; count += 1) await rig.cycle(3_600_000)
  })
  assert.deepEqual(
    later.toDynamics.map((columns) => Object.keys(columns)),
    [['address1_city']],
  )
  assert.deepEqual([later.toMarketo, await rig.failuresOf(pair.id)], [[], []])
  assert.equal(pair.person().title, DIRTY.jobTitle)
})
