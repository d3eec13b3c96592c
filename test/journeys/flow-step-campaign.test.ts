import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BendHow } from '../../sandbox/marketo/bends.ts'
import type { Campaign } from '../../sandbox/marketo/flow-step/campaign.ts'
import type { RunReport } from '../../sandbox/marketo/flow-step/run.ts'
import { systemClock } from '../../src/clock.ts'
import { defaultCallbackSettings } from '../../src/marketo/callback.ts'
import type { Ports } from '../../src/service/service.ts'
import { until } from '../crash/until.ts'
import { API_KEY, created, expireSecret, leads, type Rig, type Settings, startRig } from './rig.ts'
import { setUpSandbox } from './sync-rig.ts'

const PATIENCE_MS = 10_000
const STEP = { attributes: { syncAs: 'lead' } }

/** The whole service with its flow step installed in the sandbox's Marketo; the background sync is off. */
async function startCampaigns(settings: Settings = {}, ports: Partial<Ports> = {}) {
  const rig = await startRig({ SYNC_INTERVAL_SECONDS: '0', ...settings }, {}, ports, async (sandbox) => {
    await setUpSandbox(sandbox)
    return sandbox.marketoEnvironment()
  })
  const { marketo } = rig.sandbox
  const installed = await marketo.flowSteps.install({
    url: `${rig.url}/flow-step/openapi.json`,
    credentials: { kind: 'apiKey', key: API_KEY },
  })
  return {
    ...{ rig, marketo, installed },
    seed: (id: number, more: object = {}) =>
      marketo.seed({
        ...{ email: `person.${id}@example.com`, firstName: 'Ann', lastName: `Ek ${id}`, company: 'Ek AB' },
        ...more,
      }),
    async run(campaign: Campaign): Promise<RunReport> {
      return marketo.flowSteps.settled(await marketo.flowSteps.run(campaign))
    },
    /** What the step's activity of a person says, in the log that marketers read. */
    activityOf(id: number) {
      const [service] = marketo.flowSteps.services()
      const entries = marketo
        .log()
        .filter(({ leadId, typeId }) => leadId === id && typeId === service?.activityTypeId)
      assert.equal(entries.length, 1, `activities of person ${id}`)
      const { attributes = [], primaryValue, campaignId } = entries[0] ?? {}
      const said = Object.fromEntries(attributes.map(({ apiName, value }) => [apiName, value]))
      return { primaryValue, campaignId, ...said }
    },
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  }
}

const lead = (rig: Rig, lastname: string) => leads(rig).find((row) => row.lastname === lastname)

test('Marketo takes the step as it is, and its administrator has nothing to map by hand', async () => {
  await using campaigns = await startCampaigns()
  const { installed, marketo } = campaigns
  assert.deepEqual([installed.violations, installed.installed], [[], true])
  assert.deepEqual(installed.mapping?.incoming, {
    microsoftRecordId: 'microsoftRecordId',
    microsoftType: 'microsoftType',
  })
  for (const name of ['email', 'firstName', 'lastName', 'company']) {
    assert.equal(installed.mapping?.outgoing[name], name)
  }
  assert.deepEqual(await marketo.flowSteps.poll(), [])
  assert.deepEqual(
    marketo.flowSteps.services().map(({ deprecated }) => deprecated),
    [false],
  )
})

test('a batch campaign has one whole callback a chunk; fields are written and the activity is logged', async () => {
  await using campaigns = await startCampaigns()
  const { rig, marketo, seed, run, activityOf } = campaigns
  const known = rig.sandbox.dataverse.seed('lead', { lastname: 'Old', emailaddress1: 'person.1@example.com' })
  const ids = Array.from({ length: 25 }, (_, index) => seed(index + 1))
  const [first = 0, second = 0] = ids
  const refused = seed(26, { lastName: '', company: '' })
  const { chunks } = await run({ name: 'Clean-up', type: 'batch', chunkSize: 10, ...STEP })

  assert.deepEqual(
    chunks.map(({ status, people, callbacks, tally }) => [
      ...[status, people, tally?.succeeded, tally?.failed, tally?.ignored],
      callbacks.map(({ status, complete }) => [status, complete]),
    ]),
    [
      [201, 10, 10, 0, [], [[202, true]]],
      [201, 10, 10, 0, [], [[202, true]]],
      [201, 6, 5, 1, [], [[202, true]]],
    ],
  )
  // One of them is the record that was there.
  assert.equal(created(rig).length, 1 + 24)
  const { microsoftRecordId, microsoftType } = marketo.person(first) ?? {}
  assert.deepEqual([microsoftRecordId, microsoftType], [known, 'Lead'])
  const recordId = lead(rig, 'Ek 2')?.leadid
  assert.equal(marketo.person(second)?.microsoftRecordId, recordId)
  assert.equal(marketo.person(refused)?.microsoftRecordId, undefined)

  assert.equal(activityOf(first).outcome, 'exists')
  const { campaignId, ...said } = activityOf(second)
  const success = { outcome: 'created', recordType: 'lead', recordId, success: true }
  assert.deepEqual(said, { primaryValue: 'lead', ...success })
  assert.equal(campaignId, marketo.flowSteps.runs()[0]?.campaignId)
  const failure = activityOf(refused)
  assert.deepEqual(
    [failure.outcome, failure.success, failure.code, failure.errorCode],
    ['failed', false, 'field-required', 'field-required'],
  )
})

test('a trigger campaign gives each choice its own values, and the log its trigger and program', async () => {
  await using campaigns = await startCampaigns()
  const { rig, seed, run, activityOf } = campaigns
  const { dataverse } = rig.sandbox
  const [one, two] = [seed(1), seed(2)]
  await run({
    ...{ name: 'Form', type: 'trigger', personIds: [one, two], ...STEP },
    choices: [{ personIds: [two], attributes: { syncAs: 'contact', assignTo: '{{my.Owner}}' } }],
    tokens: { Owner: 'mia.manager@contoso.example' },
    trigger: { triggerName: 'Fills Out Form', name: 'Contact us' },
    program: { id: 1007, name: 'Fairs' },
  })
  assert.deepEqual([activityOf(one).recordType, activityOf(two).recordType], ['lead', 'contact'])
  const [contact] = dataverse.rows('contact')
  assert.equal(contact?._ownerid_value, dataverse.ids.salesManager)
  const { body } = await rig.request('GET', `/v1/people/${two}/activities`)
  const [{ campaign } = {}] = body.activities as Record<string, unknown>[]
  const { name, type, program, trigger } = Object(campaign)
  assert.deepEqual(
    [name, type, program, trigger],
    ['Form', 'trigger', { id: '1007', name: 'Fairs' }, 'Fills Out Form'],
  )
})

/** Longer than the service's own first wait can be. */
const RETRY_AFTER_SECONDS = 3
const HANG_MS = 300
/** Nobody waits a minute for Marketo's silence here; all other waits are real. */
const impatient: Partial<Ports> = {
  clock: {
    ...systemClock,
    sleep: (ms, signal) =>
      systemClock.sleep(ms === defaultCallbackSettings.callbackTimeoutMs ? HANG_MS : ms, signal),
  },
}

const BENDS: readonly [name: string, how: BendHow, atLeastMs: number][] = [
  ['500', { kind: 'status', status: 500 }, 0],
  [
    '429 with Retry-After',
    { kind: 'status', status: 429, retryAfter: String(RETRY_AFTER_SECONDS) },
    RETRY_AFTER_SECONDS * 1_000,
  ],
  ['silence', { kind: 'hang' }, HANG_MS],
  ['a connection that dies', { kind: 'reset' }, 0],
]

describe('a callback that Marketo does not take', { concurrency: true }, () => {
  for (const [name, how, atLeastMs] of BENDS) {
    test(`${name}: the same bytes come again, and are taken`, async () => {
      await using campaigns = await startCampaigns({}, impatient)
      const { rig, marketo, seed, run } = campaigns
      marketo.bend({ operation: 'flow-step-callback', how })
      const { chunks } = await run({ name: 'Form', type: 'trigger', personIds: [seed(1), seed(2)], ...STEP })
      const [first, second, ...more] = chunks[0]?.callbacks ?? []
      assert.ok(first && second)
      assert.deepEqual([first.accepted, second.accepted, second.complete, more], [false, true, true, []])
      assert.equal(first.digest, second.digest)
      assert.ok(second.at - first.at >= atLeastMs, `again after ${second.at - first.at} ms`)
      assert.equal(created(rig).length, 2)
    })
  }

  test('taken, and the answer lost: Marketo has it once, and the operator is told', async () => {
    await using campaigns = await startCampaigns()
    const { rig, marketo, seed, run, activityOf } = campaigns
    marketo.bend({ operation: 'flow-step-callback', how: { kind: 'reset', commit: 'first' } })
    const person = seed(1)
    await run({ name: 'Form', type: 'trigger', personIds: [person], ...STEP })
    await until(() => marketo.flowSteps.callbacks().length === 2, AbortSignal.timeout(PATIENCE_MS))
    assert.deepEqual(
      marketo.flowSteps.callbacks().map(({ status, accepted }) => [status, accepted]),
      [
        [0, true],
        [404, false],
      ],
    )
    assert.equal(activityOf(person).outcome, 'created')
    const lookForFailed = async () => (await rig.request('GET', '/v1/flow-steps?state=failed')).body.chunks
    let [failed] = (await lookForFailed()) as Record<string, unknown>[]
    while (!failed) [failed] = (await lookForFailed()) as Record<string, unknown>[]
    assert.deepEqual([failed.reason, failed.callbacks], ['http-404', 2])
    assert.equal(created(rig).length, 1)
  })
})

test('the operator sees what the people of a chunk wait for', async () => {
  await using campaigns = await startCampaigns()
  const { rig, marketo, seed } = campaigns
  expireSecret(rig)
  await marketo.flowSteps.run({ name: 'Clean-up', type: 'batch', personIds: [seed(1), seed(2)], ...STEP })
  const look = async () => {
    const { body } = await rig.request('GET', '/v1/flow-steps')
    return (body.chunks as { open?: number; waiting?: { code: string; people: number }[] }[])[0]
  }
  let chunk = await look()
  while (chunk?.waiting?.[0]?.code !== 'entra-secret-expired') chunk = await look()
  assert.deepEqual([chunk.open, chunk.waiting], [2, [{ code: 'entra-secret-expired', people: 2 }]])
})

const REFUSED_BY_SETTING: readonly [settings: Settings, status: number][] = [
  [{ FLOW_STEP_PEOPLE: '2' }, 400],
  [{ FLOW_STEP_BODY_BYTES: '1024' }, 413],
]

for (const [settings, status] of REFUSED_BY_SETTING) {
  test(`${Object.keys(settings)} decides which chunk is too large`, async () => {
    await using campaigns = await startCampaigns(settings)
    const { rig, marketo, seed, run } = campaigns
    const { chunks } = await run({ name: 'Form', type: 'batch', personIds: [1, 2, 3].map((id) => seed(id)) })
    assert.deepEqual(
      chunks.map((chunk) => [chunk.state, chunk.status]),
      [['refused', status]],
    )
    assert.deepEqual(marketo.flowSteps.services()[0]?.statistics, { [status]: 1 })
    assert.equal(created(rig).length, 0)
  })
}

test('FLOW_STEP_DEPRECATED_ON is what marketers see, from that day on', async () => {
  for (const [date, isDeprecated] of [
    ['2020-02-29', true],
    ['2999-01-01', false],
  ] as const) {
    await using campaigns = await startCampaigns({ FLOW_STEP_DEPRECATED_ON: date })
    assert.deepEqual(campaigns.installed.violations, [])
    assert.equal(campaigns.marketo.flowSteps.services()[0]?.deprecated, isDeprecated, date)
  }
})

test('CALLBACK_HOSTS decides who may be answered', async () => {
  await using campaigns = await startCampaigns({ CALLBACK_HOSTS: 'callbacks.example.com' })
  const { status, body } = await campaigns.rig.request('POST', '/flow-step/submitAsyncAction', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ token: 't-1', apiCallBackKey: 'key', callbackUrl: 'https://callback.adobe.io/', campaignId: 1 },
      context: { subscription: { munchkinId: '997-SBX-001' }, campaign: { type: 'trigger' } },
      objectData: [],
    }),
  })
  assert.deepEqual([status, body.code], [400, 'callback-refused'])
})
