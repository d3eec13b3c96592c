import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { WEBHOOK } from './rig.ts'
import { type Json, type SyncRig, startSyncRig } from './sync-rig.ts'

/** What a plug-in or Marketo says reaches people wherever they look, and never the log. */

const WORDS = 'Ada Lovelace is on the sanctions list.'

let rig: SyncRig
before(async () => {
  rig = await startSyncRig()
  rig.dataverse.addPlugIn({
    table: 'lead',
    column: 'lastname',
    value: 'Lovelace',
    message: WORDS,
    traceLength: 60_000,
  })
})
after(() => rig[Symbol.asyncDispose]())

const PERSON = { lastName: 'Lovelace', microsoftTopic: 'x' }

test("a plug-in's words are in the answer, the request, the activity and the custom activity in Marketo", async () => {
  const marketoId = rig.marketo.seed({ email: 'ada@example.com', lastName: 'Lovelace' })
  const { status, body } = await rig.sync({ marketoId, email: 'ada@example.com', ...PERSON })
  assert.deepEqual([status, body.code, body.vendorMessage], [422, 'business-rule', WORDS])
  assert.equal((await rig.outcomeOf(body.requestId)).vendorMessage, WORDS)
  const activities = (await rig.request('GET', `/v1/people/${marketoId}/activities`)).body
    .activities as Json[]
  assert.equal(activities[0]?.vendorMessage, WORDS)

  const webhook = await rig.request('POST', WEBHOOK, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ person: { email: 'ada2@example.com', ...PERSON } }),
  })
  assert.equal(webhook.body.vendorMessage, WORDS)

  await rig.cycle()
  const told = rig.marketo.log().filter((one) => JSON.stringify(one).includes(WORDS))
  assert.deepEqual(
    told.map(({ leadId }) => leadId),
    [marketoId],
  )
})

test("a plug-in's words are in the failures of the background sync, and in its activities", async () => {
  const pair = await rig.pair('lead', { lastname: 'Ek', subject: 'x', emailaddress1: 'ek@example.com' })
  rig.marketo.update(pair.marketoId, { lastName: 'Lovelace' })
  await rig.cycle()
  const [failure] = await rig.failuresOf(pair.id)
  assert.deepEqual([failure?.code, failure?.vendorMessage], ['business-rule', WORDS])
})

test("Marketo's words about a record are in the failures", async () => {
  const pair = await rig.pair('lead', { lastname: 'Alm', subject: 'x', emailaddress1: 'alm@example.com' })
  const skipped = { seq: 0, status: 'skipped', reasons: [{ code: '1003', message: WORDS }] }
  const body = JSON.stringify({ requestId: 'x', success: true, result: [skipped] })
  rig.marketo.bend({ operation: 'sync', how: { kind: 'body', body } })
  rig.dataverse.update('lead', pair.id, { jobtitle: 'Chef' })
  await rig.cycle()
  const [failure] = await rig.failuresOf(pair.id)
  assert.equal(failure?.vendorMessage, WORDS)
})

test('nothing of what a vendor says is in the log', () => {
  assert.doesNotMatch(rig.log.join('\n'), /sanctions|LeadGuard/)
})
