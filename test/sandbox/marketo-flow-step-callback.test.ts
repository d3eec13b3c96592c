import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { startSandbox } from '../../sandbox/index.ts'
import type { BendHow } from '../../sandbox/marketo/bends.ts'
import { changed, goodDefinition, goodDocument, KEY, startProvider } from './flow-step-provider.ts'
import { connectMarketo } from './marketo-client.ts'

const MUNCHKIN_ID = '997-SBX-001'

/** A sandbox with an installed provider and a batch of people whose chunk waits for its callback. */
async function begin(people = 1, definition: object = goodDefinition()) {
  const sandbox = await startSandbox()
  const provider = await startProvider()
  const { marketo } = sandbox
  const { flowSteps } = marketo
  provider.answers.set('/getServiceDefinition', { body: definition })
  const url = `${provider.url}/openapi.json`
  const mapping = { incoming: { points: 'leadScore' } }
  const isFree = Object(definition).callbackPayloadDef.userDrivenMapping
  const report = await flowSteps.install({ url, credentials: KEY, ...(!isFree && { mapping }) })
  assert.deepEqual(report.violations, [])
  for (let at = 0; at < people; at += 1) {
    marketo.seed({ email: `p${at}@example.com`, department: 'Sales', leadScore: 10, unsubscribed: true })
  }
  const run = await flowSteps.run({
    name: 'Spring',
    type: 'batch',
    attributes: { table: 'cities', key: 'Rome' },
  })
  const [chunk = {}] = provider.chunks
  return {
    ...{ sandbox, provider, marketo, flowSteps, run, chunk },
    say: (objectData: unknown[], more: object = {}) =>
      provider.call(chunk, { munchkinId: MUNCHKIN_ID, objectData, ...more }),
    tally: () => flowSteps.runs()[0]?.chunks[0]?.tally,
    async [Symbol.asyncDispose]() {
      await sandbox.close()
      await provider[Symbol.asyncDispose]()
    },
  }
}

const about = (id: unknown, lead: object = {}, activity: object = { success: true }) => ({
  leadData: { id, ...lead },
  activityData: activity,
})

test('a callback is taken once; key, token, method and body are looked at before', async () => {
  await using begun = await begin()
  const { provider, chunk, flowSteps } = begun
  const body = { munchkinId: MUNCHKIN_ID, objectData: [about(1001)], token: chunk.token, time: 1, more: {} }
  const refused: [changes: Parameters<typeof provider.call>[2], body: unknown, status: number][] = [
    [{ method: 'GET' }, body, 405],
    [{ headers: { 'x-api-key': 'no' } }, body, 401],
    [{ headers: { 'x-callback-token': 'no' } }, body, 404],
    [{ headers: { 'content-type': 'text/plain' } }, body, 405],
    [{}, '{"munchkinId":', 405],
    [{}, [], 405],
    [{}, { ...body, munchkinId: undefined }, 405],
    [{}, { ...body, munchkinId: '111-AAA-111' }, 405],
    [{}, { ...body, objectData: {} }, 405],
    [{}, { ...body, defaultValues: [] }, 405],
    [{}, { ...body, errorCode: 5 }, 405],
  ]
  for (const [changes, payload, status] of refused) {
    assert.equal(await provider.call(chunk, payload, changes), status, JSON.stringify([changes, payload]))
  }
  assert.deepEqual(flowSteps.runs()[0]?.chunks[0]?.state, 'waiting')
  assert.equal(await provider.call(chunk, body), 202)
  assert.equal(await provider.call(chunk, body), 404)
  const { chunks: [told] = [] } = await flowSteps.settled(begun.run)
  assert.deepEqual([told?.state, told?.tally?.succeeded], ['done', 1])
  assert.deepEqual(
    told?.callbacks.filter(({ accepted }) => accepted).map(({ people, complete }) => [people, complete]),
    [[1, true]],
  )
  const [sent, again] = told?.callbacks.slice(-2) ?? []
  assert.equal(sent?.digest, again?.digest)
  assert.equal(flowSteps.callbacks().length, refused.length + 2)
})

test('declared and mapped fields are written, with a cause that names service, campaign and step', async () => {
  await using begun = await begin()
  const { marketo } = begun
  const lead = { dept: 'R&D', points: '+5', optedOut: null, secret: 'x', city: 'Rome' }
  const activity = { success: true, found: 'yes', rows: '3', reason: '', other: 1 }
  assert.equal(await begun.say([about(1001, lead, activity)]), 202)
  const { department, leadScore, unsubscribed, city } = marketo.person(1001) ?? {}
  assert.deepEqual([department, leadScore, unsubscribed, city], ['R&D', 15, false, undefined])
  assert.deepEqual(begun.tally()?.ignored.toSorted(), ['city', 'other', 'secret'])
  const [...log] = marketo.log().slice(1)
  for (const { typeId, cause, campaignId } of log.slice(0, 3)) {
    assert.deepEqual(
      [typeId, cause?.source, cause?.reason, campaignId],
      [13, 'Look Up (1)', 'Smart Campaign: 2001, Step Seq ID: 2004', 2001],
    )
  }
  const { typeId, leadId, campaignId, primaryValue, attributes } = log.at(3) ?? {}
  assert.deepEqual([log.length, typeId, leadId, campaignId, primaryValue], [4, 100_001, 1001, 2001, 'cities'])
  assert.deepEqual(attributes, [
    { name: 'The key', apiName: 'key', value: 'Rome' },
    { name: 'The found', apiName: 'found', value: 'yes' },
    { name: 'The rows', apiName: 'rows', value: 3 },
    { name: 'Success', apiName: 'success', value: true },
  ])
})

const long = 'é'.repeat(200)
const values: [field: string, sent: unknown, kept: unknown][] = [
  ['department', 'null', undefined],
  ['department', null, 'Sales'],
  ['department', '', undefined],
  ['department', 7, '7'],
  ['department', {}, 'Sales'],
  ['department', long, 'é'.repeat(127)],
  ['leadScore', 4.5, 10],
  ['leadScore', '42', 42],
  ['leadScore', 2 ** 31, 10],
  ['leadScore', null, 10],
  ['unsubscribed', null, false],
  ['unsubscribed', 'false', false],
  ['unsubscribed', 'no', true],
  ['mktoPersonNotes', 'x'.repeat(3000), 'x'.repeat(2000)],
  ['annualRevenue', '1.5', 1.5],
  ['annualRevenue', 'much', undefined],
  ['dateOfBirth', '2001-02-03', '2001-02-03'],
  ['dateOfBirth', '03.02.2001', undefined],
  ['emailSuspendedAt', '2026-03-04T05:06:07.891Z', '2026-03-04T05:06:07Z'],
  ['emailSuspendedAt', 'yesterday', undefined],
  ['leadRole', 'x'.repeat(60), 'x'.repeat(50)],
]

test('values follow the rules of their types: cut, cleared by the text null, or not written', async () => {
  for (const [field, sent, kept] of values) {
    const definition = changed(goodDefinition(), ['callbackPayloadDef', 'userDrivenMapping'], true)
    await using sandbox = await startSandbox()
    await using provider = await startProvider()
    provider.answers.set('/getServiceDefinition', { body: definition })
    const { marketo } = sandbox
    await marketo.flowSteps.install({
      url: `${provider.url}/openapi.json`,
      credentials: KEY,
      mapping: { incoming: { [field]: field } },
    })
    const id = marketo.seed({ department: 'Sales', leadScore: 10, unsubscribed: true })
    await marketo.flowSteps.run({ name: 'x', type: 'batch', attributes: { table: 'cities' } })
    const [chunk = {}] = provider.chunks
    const body = { munchkinId: MUNCHKIN_ID, objectData: [about(id, { [field]: sent })] }
    assert.equal(await provider.call(chunk, body), 202)
    assert.equal(marketo.person(id)?.[field], kept, `${field}: ${JSON.stringify(sent)}`)
  }
})

test('defaults fill in what a person lacks', async () => {
  await using begun = await begin(2)
  const defaultValues = {
    leadDefaults: { dept: 'Default', points: 1 },
    activityDefaults: { success: true, found: 'maybe' },
  }
  const objectData = [
    { leadData: { id: 1001, dept: 'Own' } },
    about(1002, {}, { success: false, errorCode: 'NO' }),
  ]
  await begun.say(objectData, { defaultValues })
  const { marketo } = begun
  assert.deepEqual(
    marketo.people().map(({ department, leadScore }) => [department, leadScore]),
    [
      ['Own', 1],
      ['Default', 1],
    ],
  )
  const told = marketo
    .log()
    .filter(({ typeId }) => typeId === 100_001)
    .map(({ attributes }) =>
      Object.fromEntries((attributes ?? []).map(({ apiName, value }) => [apiName, value])),
    )
  assert.deepEqual(told, [
    { key: 'Rome', found: 'maybe', success: true },
    { key: 'Rome', found: 'maybe', success: false, errorCode: 'NO' },
  ])
  const { succeeded, failed } = begun.tally() ?? {}
  assert.deepEqual([succeeded, failed], [1, 1])
})

test('people without an id, of other chunks, twice or left out are counted, and the callback is not complete', async () => {
  await using begun = await begin(3)
  const objectData = [
    about(1001, { dept: 'first' }),
    about(1001, { dept: 'second' }),
    about(9999),
    about('1002'),
    { activityData: { success: true } },
    null,
  ]
  assert.equal(await begun.say(objectData), 202)
  const { ignored: _, ...tally } = begun.tally() ?? {}
  assert.deepEqual(tally, {
    ...{ succeeded: 1, failed: 0, nameless: 3 },
    ...{ strangers: [9999], repeated: [1001], missing: [1002, 1003] },
  })
  assert.equal(begun.marketo.person(1001)?.department, 'first')
  assert.equal(begun.flowSteps.runs()[0]?.chunks[0]?.callbacks[0]?.complete, false)
})

test('an error code of the whole chunk makes Marketo ignore its people', async () => {
  await using begun = await begin()
  const before = begun.marketo.log().length
  await begun.say([about(1001, { dept: 'x' })], { errorCode: 'DOWN', errorMessage: 'No tables today' })
  const { errorCode, errorMessage, missing } = begun.tally() ?? {}
  assert.deepEqual([errorCode, errorMessage, missing], ['DOWN', 'No tables today', [1001]])
  assert.equal(begun.marketo.log().length, before)
})

const bends: [how: BendHow, first: number | 'broken', second: number][] = [
  [{ kind: 'status', status: 500 }, 500, 202],
  [{ kind: 'status', status: 429, retryAfter: '1' }, 429, 202],
  [{ kind: 'reset' }, 'broken', 202],
  [{ kind: 'reset', commit: 'first' }, 'broken', 404],
  [{ kind: 'cut' }, 'broken', 404],
  [{ kind: 'html', status: 502, commit: 'first' }, 502, 404],
  [{ kind: 'delay', ms: 20 }, 202, 404],
]

test('one callback can be answered badly, before or after it was taken; bends of REST leave callbacks alone', async () => {
  for (const [how, first, second] of bends) {
    await using begun = await begin()
    const { marketo } = begun
    marketo.bend({ how: { kind: 'html' } })
    marketo.bend({ operation: 'flow-step-callback', how })
    const tried = await begun.say([about(1001)]).catch(() => 'broken')
    assert.deepEqual([tried, await begun.say([about(1001)])], [first, second], how.kind)
    const told = begun.flowSteps.callbacks().map(({ status }) => status)
    assert.deepEqual(told, [first === 'broken' ? 0 : first, second])
  }
})

test('a callback that hangs is let go when the other side leaves', async () => {
  await using begun = await begin()
  begun.marketo.bend({ operation: 'flow-step-callback', how: { kind: 'hang' } })
  const { callbackUrl, token, apiCallBackKey } = begun.chunk
  const headers = { 'x-callback-token': String(token), 'x-api-key': String(apiCallBackKey) }
  const call = fetch(String(callbackUrl), {
    method: 'POST',
    headers,
    body: '{}',
    signal: AbortSignal.timeout(50),
  })
  await assert.rejects(call, { name: 'TimeoutError' })
  assert.equal(await begun.say([about(1001)]), 202)
})

test('a callback may come before its call is answered, and for people who are gone by then', async () => {
  await using sandbox = await startSandbox()
  await using provider = await startProvider()
  const { marketo } = sandbox
  await marketo.flowSteps.install({ url: `${provider.url}/openapi.json`, credentials: KEY })
  const id = marketo.seed({ email: 'a@example.com' })
  provider.answers.set('/submitAsyncAction', (response) => {
    marketo.remove(id)
    const [chunk = {}] = provider.chunks
    const body = { munchkinId: MUNCHKIN_ID, objectData: [about(id)] }
    void provider.call(chunk, body).then((status) => response.writeHead(status === 202 ? 201 : 500).end())
  })
  const run = await marketo.flowSteps.run({ name: 'x', type: 'batch', attributes: { table: 'cities' } })
  const { chunks } = await marketo.flowSteps.settled(run)
  assert.deepEqual([chunks[0]?.status, chunks[0]?.state, chunks[0]?.tally?.succeeded], [201, 'done', 1])
  assert.deepEqual(
    marketo.log().map(({ typeId }) => typeId),
    [12, 37],
  )
})

test('no callback, however strange, is answered with a 5xx or leaves the sandbox deaf', async () => {
  await using begun = await begin(101)
  const { provider, flowSteps } = begun
  await flowSteps.run({ name: 'x', type: 'batch', attributes: { table: 'cities' }, chunkSize: 1 })
  const open = provider.chunks.slice(1)
  const value = fc.jsonValue({ maxDepth: 2 })
  const names = fc.constantFrom(
    'id',
    'dept',
    'points',
    'optedOut',
    'success',
    'found',
    'rows',
    '__proto__',
    'x',
  )
  const members = fc.oneof(value, fc.dictionary(names, value))
  const item = fc.oneof(value, fc.record({ leadData: members, activityData: members }))
  const body = fc.oneof(
    value,
    fc.record(
      {
        munchkinId: fc.constant(MUNCHKIN_ID),
        objectData: fc.oneof(value, fc.array(item)),
        defaultValues: fc.oneof(value, fc.record({ leadDefaults: members, activityDefaults: members })),
        errorCode: fc.oneof(value, fc.string()),
      },
      { requiredKeys: ['munchkinId'] },
    ),
  )
  await fc.assert(
    fc.asyncProperty(body, fc.boolean(), async (said, isRight) => {
      const chunk = open.pop() ?? {}
      const id = Object(chunk.objectData)[0]?.objectContext.id
      const right = JSON.parse(JSON.stringify(said), (key, each: unknown) =>
        isRight && key === 'leadData' && typeof each === 'object' && each ? { ...each, id } : each,
      )
      assert.ok([202, 404, 405].includes(await provider.call(chunk, JSON.stringify(right))))
    }),
    { numRuns: 100 },
  )
  assert.equal(await begun.say([about(1001)]), 202)
})

test('waiting for a run ends with the sandbox, and with its reset', async () => {
  for (const end of ['close', 'reset'] as const) {
    await using begun = await begin()
    const settled = begun.flowSteps.settled(begun.run)
    const told = assert.rejects(settled, end === 'close' ? /has closed/ : /was reset/)
    if (end === 'close') await begun.sandbox.close()
    else begun.marketo.reset()
    await told
  }
})

test('another process can install, run, look, send again and poll', async () => {
  await using client = await connectMarketo()
  await using provider = await startProvider()
  provider.answers.set('/openapi.json', { body: goodDocument() })
  const { marketo } = client
  const control = async (method: string, path: string, body?: unknown) => {
    const payload = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await fetch(`${marketo.url}/_sandbox/flow-steps${path}`, { method, ...payload })
    return [response.status, JSON.parse((await response.text()) || 'null')]
  }
  const install = {
    url: `${provider.url}/openapi.json`,
    credentials: KEY,
    mapping: { outgoing: { firm: null } },
  }
  const [, report] = await control('POST', '/install', install)
  assert.deepEqual([report.installed, report.mapping.outgoing], [true, { mail: 'email' }])
  marketo.seed({ email: 'a@example.com' })
  const campaign = { name: 'x', type: 'batch', attributes: { table: 'cities' }, chunkSize: 10 }
  assert.deepEqual(await control('POST', '/run', campaign), [201, { run: 1 }])
  const [, { chunks }] = await control('GET', '/runs?id=1')
  assert.deepEqual([chunks[0].people, chunks[0].state], [1, 'waiting'])
  assert.deepEqual(await control('POST', '/resend', { token: chunks[0].token }), [200, { status: 201 }])
  assert.deepEqual(await control('POST', '/poll', {}), [200, { violations: [] }])
  assert.equal((await control('GET', '/runs'))[1].length, 1)
  assert.equal((await control('GET', '/runs?id=7'))[0], 404)
  assert.equal((await control('GET', '/services'))[1][0].apiName, 'lookUp')
  assert.deepEqual(await control('GET', '/callbacks'), [200, []])
  const bend = await fetch(`${marketo.url}/_sandbox/bend`, {
    method: 'POST',
    body: JSON.stringify({ operation: 'flow-step-callback', how: { kind: 'status', status: 503 } }),
  })
  assert.equal(bend.status, 204)
  assert.equal(await provider.call(provider.chunks[0] ?? {}, {}), 503)
  for (const wrong of [
    { name: 'x', type: 'often' },
    { ...campaign, attributes: { table: null } },
    { ...campaign, personIds: [7] },
  ]) {
    assert.equal((await control('POST', '/run', wrong))[0], 400)
  }
  assert.equal((await control('POST', '/install', { url: 'x', credentials: { kind: 'magic' } }))[0], 400)
  const page = await (await fetch(`${marketo.url}/`)).text()
  assert.match(page, /<td>x<\/td><td>batch<\/td><td>lookUp<\/td><td>1<\/td><td>1<\/td><td>1 waiting<\/td>/)
})
