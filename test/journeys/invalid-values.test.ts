import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { API_KEY, leads, type Rig, startRig, WEBHOOK } from './rig.ts'
import { type Json, type SyncRig, setUpSandbox, startSyncRig } from './sync-rig.ts'

/** Optional values that do not fit: the person is refused, or created without them, and who learns of it. */

const TOO_LONG = '+46 555 0100 and ask for Ann'
const WARNING = { field: 'mobilephone', code: 'field-too-long' }

let count = 0
function person(more: Json = {}): Json {
  count += 1
  return { marketoId: 9_000 + count, email: `ann.${count}@example.com`, lastName: `Ek ${count}`, ...more }
}

const rowOf = (rig: Rig, { lastName }: Json) => leads(rig).find(({ lastname }) => lastname === lastName)
const named = (warnings: unknown) => (warnings as Json[]).map(({ field, code }) => ({ field, code }))

function callWebhook(rig: Rig, body: Json) {
  const headers = { 'content-type': 'application/json' }
  return rig.request('POST', WEBHOOK, { headers, body: JSON.stringify(body) })
}

test('by default a value that does not fit refuses the person, at either endpoint', async () => {
  await using rig = await startRig()
  const one = person({ mobilePhone: TOO_LONG })
  const { status, body } = await rig.sync(one)
  assert.deepEqual([status, body.code, body.field], [422, 'field-too-long', 'mobilephone'])
  const { body: answer } = await callWebhook(rig, person({ mobilePhone: TOO_LONG }))
  assert.deepEqual([answer.outcome, answer.code, answer.warnings], ['failed', 'field-too-long', undefined])
  assert.deepEqual(leads(rig), [])
})

describe('ON_INVALID_VALUE=omit', () => {
  let rig: SyncRig
  before(async () => {
    rig = await startSyncRig({ settings: { ON_INVALID_VALUE: 'omit', LINK_TRUST_SECONDS: '0' } })
  })
  after(() => rig[Symbol.asyncDispose]())

  test('creates the person without the field and says so in the answer, the request and the activity', async () => {
    const one = person({ mobilePhone: TOO_LONG, city: 'Lund' })
    const { status, body } = await rig.sync(one)
    assert.deepEqual([status, body.outcome, named(body.warnings)], [200, 'created', [WARNING]])
    const row = rowOf(rig, one)
    assert.deepEqual([row?.mobilephone ?? null, row?.address1_city], [null, 'Lund'])
    const request = await rig.request('GET', `/v1/requests/${body.requestId}`)
    assert.deepEqual(named(request.body.warnings), [WARNING])
    const { body: log } = await rig.request('GET', `/v1/people/${one.marketoId}/activities`)
    const [activity] = log.activities as Json[]
    assert.deepEqual([activity?.outcome, named(activity?.warnings)], ['created', [WARNING]])
    const again = await rig.sync(one)
    assert.deepEqual([again.body.outcome, again.body.warnings], ['exists', undefined])
  })

  test('says so to the webhook', async () => {
    const { body } = await callWebhook(rig, person({ mobilePhone: TOO_LONG, fax: 'x'.repeat(60) }))
    assert.equal(body.outcome, 'created')
    assert.deepEqual(named(body.warnings), [WARNING, { field: 'fax', code: 'field-too-long' }])
  })

  test('refuses who lacks a required column or has one that does not fit, or an e-mail that does not', async () => {
    for (const [fields, code, field] of [
      [{ lastName: 'x'.repeat(51) }, 'field-too-long', 'lastname'],
      [{ lastName: null }, 'field-required', 'lastname'],
      [{ email: `${'x'.repeat(100)}@example.com` }, 'field-too-long', 'emailaddress1'],
    ] as const) {
      const { status, body } = await rig.sync(person(fields))
      assert.deepEqual([status, body.code, body.field], [422, code, field])
    }
  })

  test('leaves out what only Dynamics knows not to fit, field by field, under the same record id', async () => {
    const { dataverse } = rig
    // The service learns of it when it reads the tables again.
    for (const column of ['address1_city', 'jobtitle'])
      dataverse.changeColumn('lead', column, { maxLength: 3 })
    const one = person({ city: 'Lund', title: 'Buyer', phone: '1' })
    const { status, body } = await rig.sync(one)
    assert.deepEqual([status, body.outcome], [200, 'created'])
    assert.deepEqual(
      named(body.warnings)
        .map(({ field }) => field)
        .sort(),
      ['address1_city', 'jobtitle'],
    )
    const row = rowOf(rig, one)
    assert.deepEqual([row?.leadid, row?.telephone1, row?.jobtitle ?? null], [body.recordId, '1', null])
    dataverse.changeColumn('lead', 'lastname', { maxLength: 3 })
    const refused = await rig.sync(person())
    assert.deepEqual([refused.status, refused.body.field], [422, 'lastname'])
    for (const column of ['address1_city', 'jobtitle', 'lastname']) {
      dataverse.changeColumn('lead', column, { maxLength: 100 })
    }
  })

  test('stays visible as a failure until the value fits, and in the activity log of Marketo', async () => {
    const marketoId = rig.marketo.seed({ email: 'bo@example.com', lastName: 'Bo', mobilePhone: TOO_LONG })
    const { body } = await rig.sync(person({ marketoId, email: 'bo@example.com', mobilePhone: TOO_LONG }))
    const id = String(body.recordId)
    await rig.cycle()
    const told = rig.marketo
      .log()
      .filter(({ leadId, primaryValue }) => leadId === marketoId && primaryValue === 'created')
    const said = Object.fromEntries((told[0]?.attributes ?? []).map(({ apiName, value }) => [apiName, value]))
    assert.deepEqual([told.length, said.code, said.field], [1, 'field-too-long', 'mobilephone'])
    assert.deepEqual(named(await rig.failuresOf(id)), [WARNING])

    rig.marketo.update(marketoId, { mobilePhone: '+46 555 0100' })
    await rig.cycle()
    await rig.cycle()
    assert.deepEqual(await rig.failuresOf(id), [])
    assert.equal(rig.dataverse.row('lead', id)?.mobilephone, '+46 555 0100')
  })
})

test('a create whose answer was lost is answered with the same warnings', async () => {
  await using rig = await startRig({ ON_INVALID_VALUE: 'omit', REST_DEADLINE_MS: '10000' })
  rig.sandbox.dataverse.bend({ operation: 'create', how: { kind: 'reset-after-commit' } })
  const { body } = await rig.sync(person({ mobilePhone: TOO_LONG }))
  assert.deepEqual([body.outcome, named(body.warnings)], ['created', [WARNING]])
})

test('a create that outlived its process is settled with the same warnings', async () => {
  await using rig = await startRig({ ON_INVALID_VALUE: 'omit', REST_DEADLINE_MS: '300' })
  const warm = await rig.sync(person())
  await rig.outcomeOf(warm.body.requestId)
  rig.sandbox.dataverse.bend({ operation: 'create', how: { kind: 'hang-after-commit' } })
  const { status, body } = await rig.sync(person({ mobilePhone: TOO_LONG }))
  assert.equal(status, 202)
  await rig.restart()
  const { outcome, warnings } = await rig.outcomeOf(body.requestId)
  assert.deepEqual([outcome, named(warnings)], ['created', [WARNING]])
})

test('a flow step says in code and advice of its activity what was left out', async () => {
  await using rig = await startRig(
    { SYNC_INTERVAL_SECONDS: '0', ON_INVALID_VALUE: 'omit' },
    {},
    {},
    async (sandbox) => {
      await setUpSandbox(sandbox)
      return sandbox.marketoEnvironment()
    },
  )
  const { marketo } = rig.sandbox
  const credentials = { kind: 'apiKey', key: API_KEY } as const
  await marketo.flowSteps.install({ url: `${rig.url}/flow-step/openapi.json`, credentials })
  const personId = marketo.seed({ email: 'cy@example.com', lastName: 'Cy', mobilePhone: TOO_LONG })
  const attributes = { syncAs: 'lead' }
  await marketo.flowSteps.settled(
    await marketo.flowSteps.run({ name: 'Fair', type: 'trigger', personIds: [personId], attributes }),
  )
  const [service] = marketo.flowSteps.services()
  const [entry] = marketo
    .log()
    .filter(({ leadId, typeId }) => leadId === personId && typeId === service?.activityTypeId)
  const said = Object.fromEntries((entry?.attributes ?? []).map(({ apiName, value }) => [apiName, value]))
  assert.deepEqual([said.outcome, said.code], ['created', 'field-too-long'])
  assert.match(String(said.advice), /^mobilephone: The record is created without this field\./)
})

test('REQUIRED_COLUMNS=api creates who lacks what only a form asks for', async () => {
  await using rig = await startRig({ REQUIRED_COLUMNS: 'api' })
  const { status, body } = await rig.sync({ email: 'no.name@example.com', company: 'Ek AB' })
  assert.deepEqual([status, body.outcome, body.warnings], [200, 'created', undefined])
})
