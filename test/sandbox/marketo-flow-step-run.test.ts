import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Sandbox, startSandbox } from '../../sandbox/index.ts'
import type { Campaign } from '../../sandbox/marketo/flow-step/campaign.ts'
import type { Installation } from '../../sandbox/marketo/flow-step/install.ts'
import { KEY, type Provider, startProvider } from './flow-step-provider.ts'

async function installed(sandbox: Sandbox, provider: Provider, more: Partial<Installation> = {}) {
  const { flowSteps } = sandbox.marketo
  const installation = { url: `${provider.url}/openapi.json`, credentials: KEY, ...more }
  assert.deepEqual((await flowSteps.install(installation)).violations, [])
  return flowSteps
}

function seed({ marketo }: Sandbox, count: number): number[] {
  return Array.from({ length: count }, (_, at) =>
    marketo.seed({ email: `p${at}@example.com`, lastName: `L${at}`, company: at % 2 ? `C${at}` : '' }),
  )
}

const BATCH: Campaign = { name: 'Spring', type: 'batch', attributes: { table: 'cities', key: 'k' } }

test('a chunk carries what the interface says, and what the definition asks for', async () => {
  await using sandbox = await startSandbox()
  await using provider = await startProvider()
  const admin = { region: 'EMEA' }
  const flowSteps = await installed(sandbox, provider, { admin, headers: { 'x-verbose': true } })
  const [ann = 0, bo = 0] = seed(sandbox, 2)
  const run = await flowSteps.run({
    ...BATCH,
    type: 'trigger',
    trigger: { triggerName: 'Fills Out Form', name: 'Contact us' },
    program: { id: 7, name: 'Fair' },
    attributes: { table: 'cities', key: '{{lead.Email Address}} {{my.Event Date}} {{program.Name}}' },
    choices: [
      { personIds: [bo], attributes: { table: 'countries' } },
      { personIds: [bo], attributes: { table: 'cities' } },
    ],
    tokens: { 'Event Date': '1 May', Other: 'x' },
  })
  const [chunk = {}] = provider.chunks
  const { token, apiCallBackKey, batchid, callbackUrl, context, ...rest } = chunk
  assert.match(String(token), /^[\da-f]{8}-[\da-f]{4}-4/)
  assert.ok(typeof apiCallBackKey === 'string' && typeof batchid === 'string')
  assert.equal(callbackUrl, `${sandbox.marketo.url}/flow-step-callback`)
  const { campaign, program, ...others } = Object(context)
  assert.deepEqual(
    [campaign.id, campaign.name, campaign.type, campaign.parentProgramId],
    [2001, 'Spring', 'trigger', 7],
  )
  assert.deepEqual([program.id, program.name], [7, 'Fair'])
  assert.deepEqual(others, {
    subscription: { munchkinId: '997-SBX-001', prefix: 'sandbox', crmSyncStatus: 'disabled' },
    admin,
    myTokenContext: { 'Event Date': '1 May' },
    headers: { 'x-verbose': true },
  })
  const triggeringContext = { triggerName: 'Fills Out Form', name: 'Contact us' }
  assert.deepEqual(rest, {
    id: 1,
    type: 'flowStep',
    campaignId: 2001,
    objectData: [
      {
        objectType: 'lead',
        objectContext: { id: ann, mail: 'p0@example.com', firm: null },
        flowStepContext: { table: 'cities', key: 'p0@example.com 1 May Fair' },
        triggeringContext,
      },
      {
        objectType: 'lead',
        objectContext: { id: bo, mail: 'p1@example.com', firm: 'C1' },
        flowStepContext: { table: 'countries' },
        triggeringContext,
      },
    ],
  })
  const call = provider.heard.at(-1)
  assert.deepEqual([call?.headers['x-tables-key'], call?.headers['content-type']], ['k1', 'application/json'])
  assert.deepEqual(
    flowSteps.runs().map(({ id, name, people }) => [id, name, people]),
    [[run, 'Spring', 2]],
  )
})

test('what a batch campaign lacks, what Adobe leaves open, and where strays travel', async () => {
  await using sandbox = await startSandbox()
  await using provider = await startProvider()
  const flowSteps = await installed(sandbox, provider, { headers: { 'x-verbose': 1 } })
  seed(sandbox, 1)
  await flowSteps.run({ ...BATCH, empties: 'omit', strays: 'top' })
  await flowSteps.run({ ...BATCH, tokens: { 'Event Date': 'x' }, strays: 'person' })
  const [first = {}, second = {}] = provider.chunks
  assert.deepEqual(first.objectData, [
    {
      objectType: 'lead',
      objectContext: { id: 1001, mail: 'p0@example.com' },
      flowStepContext: { table: 'cities', key: 'k' },
    },
  ])
  assert.deepEqual([first.headers, first.myTokenContext], [{ 'x-verbose': 1 }, {}])
  const [{ headers, myTokenContext, triggeringContext }] = Object(second.objectData)
  assert.deepEqual(
    [headers, myTokenContext, triggeringContext],
    [{ 'x-verbose': 1 }, { 'Event Date': 'x' }, undefined],
  )
  assert.deepEqual(Object(second.context).program, {})
})

test('people go out in chunks, each with a token of its own and the batch of its run', async () => {
  await using sandbox = await startSandbox()
  await using provider = await startProvider()
  const flowSteps = await installed(sandbox, provider)
  const ids = seed(sandbox, 250)
  await flowSteps.run(BATCH)
  await flowSteps.run({ ...BATCH, personIds: ids.slice(0, 3), chunkSize: 2 })
  const idsOf = ({ objectData }: Record<string, unknown>) =>
    Object.values(Object(objectData)).map((each) => Object(each).objectContext.id)
  const bySize = provider.chunks.toSorted(
    (a, b) => Number(a.campaignId) - Number(b.campaignId) || Number(a.id) - Number(b.id),
  )
  assert.deepEqual(
    bySize.map((chunk) => idsOf(chunk).length),
    [100, 100, 50, 2, 1],
  )
  assert.deepEqual(bySize.slice(0, 3).flatMap(idsOf).sort(), ids)
  assert.equal(new Set(bySize.map(({ token }) => token)).size, 5)
  assert.equal(new Set(bySize.map(({ batchid }) => batchid)).size, 2)
})

test('what was not answered with 201 is counted by status, and only 2xx waits for a callback', async () => {
  await using sandbox = await startSandbox()
  await using provider = await startProvider()
  const flowSteps = await installed(sandbox, provider)
  seed(sandbox, 1)
  const states: unknown[] = []
  for (const status of [201, 202, 400, 429, 500, 429]) {
    provider.answers.set('/submitAsyncAction', { status })
    await flowSteps.run(BATCH)
    const [chunk] = flowSteps.runs().at(-1)?.chunks ?? []
    states.push([chunk?.status, chunk?.state])
  }
  provider.answers.set('/submitAsyncAction', () => undefined)
  await flowSteps.run({ ...BATCH, timeoutMs: 50 })
  provider.answers.set('/submitAsyncAction', (response) => response.destroy())
  await flowSteps.run(BATCH)
  assert.deepEqual(states, [
    [201, 'waiting'],
    [202, 'waiting'],
    [400, 'refused'],
    [429, 'refused'],
    [500, 'refused'],
    [429, 'refused'],
  ])
  assert.deepEqual(flowSteps.services()[0]?.statistics, {
    '202': 1,
    '400': 1,
    '429': 2,
    '500': 1,
    'Connection failed': 1,
    Timeout: 1,
  })
})

test('the same bytes can be sent again, as by a caller that has missed the answer', async () => {
  await using sandbox = await startSandbox()
  await using provider = await startProvider()
  const flowSteps = await installed(sandbox, provider)
  seed(sandbox, 2)
  await flowSteps.run(BATCH)
  const [chunk] = provider.chunks
  assert.equal(await flowSteps.resend(String(chunk?.token)), 201)
  const bodies = provider.heard.filter(({ path }) => path === '/submitAsyncAction').map(({ body }) => body)
  assert.equal(bodies.length, 2)
  assert.equal(bodies[0], bodies[1])
  await assert.rejects(flowSteps.resend('nope'), /no chunk with that token/)
})

test('a campaign that Marketo would not start is refused with a sentence, and nobody is called', async () => {
  await using sandbox = await startSandbox()
  await using provider = await startProvider()
  await assert.rejects(sandbox.marketo.flowSteps.run(BATCH), /there is no such service/)
  const flowSteps = await installed(sandbox, provider)
  seed(sandbox, 1)
  const wrong: [more: Partial<Campaign>, told: RegExp][] = [
    [{ personIds: [1001, 9] }, /has no person 9/],
    [{ personIds: [1001, 1001] }, /named twice/],
    [{ chunkSize: 0 }, /chunkSize is a whole number from 1 to 10000/],
    [{ chunkSize: 10_001 }, /chunkSize/],
    [{ attributes: { colour: 'x' } }, /no flow attribute colour/],
    [{ attributes: { table: 'rivers' } }, /"rivers" is not in the picklist of table/],
    [
      { choices: [{ personIds: [1001], attributes: { table: '{{my.x}}' } }] },
      /"{{my.x}}" is not in the picklist/,
    ],
    [{ service: 'other' }, /no such service/],
  ]
  for (const [more, told] of wrong) await assert.rejects(flowSteps.run({ ...BATCH, ...more }), told)
  assert.deepEqual([provider.chunks, flowSteps.runs()], [[], []])
})

test('10,000 people in one chunk with tokens take less than a second of work', async () => {
  await using sandbox = await startSandbox()
  await using provider = await startProvider()
  const flowSteps = await installed(sandbox, provider)
  seed(sandbox, 10_000)
  const attributes = { table: 'cities', key: '{{lead.Email Address}}' }
  const before = process.cpuUsage()
  await flowSteps.run({ ...BATCH, attributes, chunkSize: 10_000 })
  const { user, system } = process.cpuUsage(before)
  const tookMs = (user + system) / 1_000
  const [chunk] = provider.chunks
  assert.equal(Object(chunk?.objectData).length, 10_000)
  assert.ok(tookMs < 1_000, `${Math.round(tookMs)} ms`)
})
