import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Sandbox, startSandbox } from '../../sandbox/index.ts'
import { withoutPostgres } from '../postgres/cluster.ts'
import { sharedCluster } from '../postgres/shared-cluster.ts'
import { created, leads, type Rig, startRig, WEBHOOK } from './rig.ts'
import { type Json, pass, passingClock, startSyncRig } from './sync-rig.ts'

const PERSON = { marketoId: 1, email: 'ng@x.example', lastName: 'Ng', company: 'X' }
const OTHER = '3f0a2c11-5c1e-ee11-8179-00000000beef'
/** Longer than an organisation is believed to be the one that it was. */
const WHILE_MS = 360_000

const chunkOf = (rig: Rig, munchkinId: string) =>
  rig.request('POST', '/flow-step/submitAsyncAction', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      token: `t-${munchkinId}`,
      callbackUrl: 'http://127.0.0.1:9/callback',
      campaignId: 7,
      context: { subscription: { munchkinId }, campaign: { type: 'trigger' } },
      objectData: [],
    }),
  })

const queue = (rig: Rig, person: object) =>
  rig.request('POST', WEBHOOK, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(person),
  })

test('a start with another subscription is refused in a sentence that names both and the way out', async () => {
  await using rig = await startRig({ MARKETO_MUNCHKIN_ID: '111-AAA-111' })
  assert.equal((await rig.sync(PERSON)).body.outcome, 'created')
  await assert.rejects(
    rig.restart({ MARKETO_MUNCHKIN_ID: '222-BBB-222' }),
    /belongs to the Marketo subscription 111-AAA-111, and the configuration names 222-BBB-222\..*npm run rebind -- --forget-links/,
  )
})

test('a start with another organisation is refused before anything is written, a copy behind the same address too', async () => {
  await using rig = await startRig()
  await rig.sync(PERSON)
  const { organisation } = rig.sandbox.dataverse.ids
  rig.sandbox.dataverse.becomeOrganisation(OTHER, 'copied')
  const writes = created(rig).length
  await assert.rejects(
    rig.restart(),
    new RegExp(`belongs to the organisation ${organisation}, and DATAVERSE_URL points to ${OTHER}`),
  )
  assert.equal(created(rig).length, writes)
})

test('with Dynamics away at the start the store’s word stands, and another organisation gets nothing', async () => {
  await using rig = await startRig()
  await rig.sync(PERSON)
  const { dataverse } = rig.sandbox
  dataverse.bend({ path: 'WhoAmI', how: { kind: 'fail-before-commit' } })
  dataverse.becomeOrganisation(OTHER, 'none')
  await rig.restart()
  assert.equal((await rig.request('GET', '/readyz')).status, 200)
  const { body } = await queue(rig, { ...PERSON, marketoId: 2, email: 'two@x.example' })
  assert.equal(body.outcome, 'queued')
  assert.deepEqual(leads(rig), [])
  const ready = await rig.request('GET', '/readyz')
  assert.equal(ready.status, 503)
  assert.match(ready.text, /belongs to the organisation/)
  assert.ok(rig.log.some((line) => line.includes('"event":"organisation-changed"')))
})

test('an organisation that is reset while the service runs stops the sync visibly, and gets no person of the old one', async () => {
  await using rig = await startSyncRig()
  const pair = await rig.pair('lead', { lastname: 'Ng', emailaddress1: PERSON.email })
  const organisation = rig.dataverse.ids.organisation
  rig.dataverse.becomeOrganisation(OTHER, 'none')
  rig.marketo.update(pair.marketoId, { lastName: 'Ngo' })
  const { toMarketo } = await rig.writesDuring(async () => {
    await rig.cycle(WHILE_MS)
    await rig.cycle()
  })
  assert.deepEqual([leads(rig), toMarketo], [[], []])
  const { state, blocked } = (await rig.status()) as { state: string; blocked: Json }
  assert.deepEqual([state, blocked?.code], ['blocked', 'organisation-changed'])
  const { body } = await queue(rig, { ...PERSON, marketoId: 2, email: 'two@x.example' })
  assert.equal(body.outcome, 'queued')
  assert.deepEqual(leads(rig), [])

  rig.dataverse.becomeOrganisation(organisation, 'none')
  await rig.cycle(WHILE_MS)
  assert.equal((await rig.status()).state, 'running')
  assert.equal((await rig.request('GET', '/readyz')).status, 200)
})

test('a linked person of an organisation that was reset is not made anew in the next one', async () => {
  await using rig = await startRig({ LINK_TRUST_SECONDS: '0' }, {}, { clock: passingClock })
  await rig.sync(PERSON)
  rig.sandbox.dataverse.becomeOrganisation(OTHER, 'none')
  pass(WHILE_MS)
  assert.equal((await queue(rig, PERSON)).body.outcome, 'queued')
  assert.deepEqual(leads(rig), [])
})

test('a chunk of another subscription is refused, and the first one binds where nothing else says it', async () => {
  await using rig = await startRig()
  assert.equal((await chunkOf(rig, '111-aaa-111')).status, 201)
  const { status, body } = await chunkOf(rig, '222-BBB-222')
  assert.deepEqual([status, body.code], [400, 'subscription-unknown'])
  assert.match(String(body.advice), /belongs to the subscription 111-AAA-111/)
  await rig.restart()
  assert.equal((await chunkOf(rig, '222-BBB-222')).status, 400)
  await assert.rejects(rig.restart({ MARKETO_MUNCHKIN_ID: '222-BBB-222' }), /111-AAA-111/)
})

test('a store of before is bound at its next start, and another subscription refused from then on', async () => {
  await using rig = await startRig()
  await rig.sync(PERSON)
  await rig.restart({ MARKETO_MUNCHKIN_ID: '111-AAA-111' })
  assert.equal((await chunkOf(rig, '222-BBB-222')).status, 400)
})

test('without a munchkin id the host of MARKETO_URL stands for the subscription, with a warning', async () => {
  const marketo = { MARKETO_CLIENT_ID: 'a', MARKETO_CLIENT_SECRET: 'b', SYNC_INTERVAL_SECONDS: '0' }
  await using rig = await startRig({ ...marketo, MARKETO_URL: 'http://127.0.0.1:9' })
  assert.ok(rig.log.some((line) => line.includes('set MARKETO_MUNCHKIN_ID')))
  await assert.rejects(rig.restart({ MARKETO_URL: 'http://127.0.0.1:10' }), /127\.0\.0\.1:9/)
})

test('no value or record id of one pairing reaches another: the second one gets nothing from the store of the first', async () => {
  await using rig = await startSyncRig()
  const mine = await rig.pair('lead', { lastname: 'First', emailaddress1: PERSON.email, jobtitle: 'Boss' })
  await using second = await startSandbox()
  second.dataverse.becomeOrganisation(OTHER, 'none')
  // The same Marketo id is somebody else there.
  const stranger = second.marketo.seed({ email: 'stranger@x.example', lastName: 'Stranger' })
  const before = second.marketo.person(stranger)
  const settings = { ...second.environment(), ...second.marketoEnvironment() }
  await assert.rejects(rig.restart(settings), /belongs to the organisation/)
  await assert.rejects(rig.restart({ MARKETO_MUNCHKIN_ID: '222-BBB-222' }), /222-BBB-222/)
  assert.deepEqual([second.marketo.person(stranger), second.dataverse.commits], [before, []])
  assert.equal(mine.person().title, 'Boss')
})

test('a replica with other settings is refused by the database of the first', {
  skip: withoutPostgres,
}, async () => {
  const DATABASE_URL = await (await sharedCluster()).createDatabase()
  await using first = await startRig({ DATABASE_URL, MARKETO_MUNCHKIN_ID: '111-AAA-111' })
  await assert.rejects(startRig({ DATABASE_URL, MARKETO_MUNCHKIN_ID: '222-BBB-222' }), /111-AAA-111/)
  const elsewhere = async (sandbox: Sandbox) => {
    sandbox.dataverse.becomeOrganisation(OTHER, 'none')
    return {}
  }
  const settings = { DATABASE_URL, MARKETO_MUNCHKIN_ID: '111-AAA-111' }
  await assert.rejects(startRig(settings, {}, {}, elsewhere), /belongs to the organisation/)
  assert.equal((await first.request('GET', '/readyz')).status, 200)
})
