import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectMarketo, errorOf, outcomes, post, resultOf } from './marketo-client.ts'

const LEADS = '/rest/v1/leads.json'

async function connect() {
  const client = await connectMarketo()
  client.marketo.addField({ name: 'crmId', dataType: 'string', length: 36 })
  client.marketo.addField({ name: 'number', dataType: 'integer' })
  client.marketo.seed({ email: 'ann@example.com', lastName: 'Ek', crmId: 'A-1' })
  client.marketo.seed({ email: 'twin@example.com', crmId: 'T-1' })
  client.marketo.seed({ email: 'TWIN@example.com', crmId: 'T-2' })
  return client
}

test('records are answered in order, each by itself', async () => {
  await using client = await connect()
  const input = [
    { email: 'ANN@example.com', lastName: 'Alm' },
    { email: 'new@example.com', nope: 1 },
    { email: 'new@example.com', lastName: 'Bo' },
    { email: 'twin@example.com', lastName: 'x' },
  ]
  const answer = await post(client, LEADS, { input })
  assert.deepEqual(answer.json, {
    requestId: answer.json?.requestId,
    result: [
      { id: 1001, status: 'updated' },
      { status: 'skipped', reasons: [{ code: '1006', message: "Field 'nope' not found" }] },
      { id: 1004, status: 'created' },
      { status: 'skipped', reasons: [{ code: '1007', message: 'Multiple lead match lookup criteria' }] },
    ],
    success: true,
  })
  assert.deepEqual(
    client.marketo.people().map(({ lastName }) => lastName),
    ['Alm', undefined, undefined, 'Bo'],
  )
})

const actions: [name: string, body: object, outcome: string][] = [
  ['createOrUpdate finds by e-mail', { input: [{ email: 'ann@example.com' }] }, 'updated'],
  ['createOrUpdate finds by a custom text', { lookupField: 'crmId', input: [{ crmId: 'a-1' }] }, 'updated'],
  ['createOrUpdate makes who is not there', { lookupField: 'crmId', input: [{ crmId: 'N' }] }, 'created'],
  ['createOrUpdate wants the key', { lookupField: 'crmId', input: [{ lastName: 'x' }] }, 'skipped 1003'],
  ['createOrUpdate wants the key filled', { input: [{ email: null }] }, 'skipped 1003'],
  [
    'createOnly refuses who is there',
    { action: 'createOnly', input: [{ email: 'ann@example.com' }] },
    'skipped 1005',
  ],
  ['createOnly needs no key', { action: 'createOnly', input: [{ lastName: 'x' }] }, 'created'],
  ['createOnly refuses an id', { action: 'createOnly', input: [{ id: 1001 }] }, 'skipped 1003'],
  [
    'createDuplicate makes a twin',
    { action: 'createDuplicate', input: [{ email: 'ann@example.com' }] },
    'created',
  ],
  [
    'updateOnly finds by id',
    { action: 'updateOnly', lookupField: 'id', input: [{ id: 1001, title: 'x' }] },
    'updated',
  ],
  [
    'updateOnly refuses a stranger',
    { action: 'updateOnly', lookupField: 'id', input: [{ id: 9 }] },
    'skipped 1004',
  ],
  [
    'updateOnly refuses several',
    { action: 'updateOnly', input: [{ email: 'twin@example.com' }] },
    'skipped 1007',
  ],
  ['a wrong type', { input: [{ email: 'n@example.com', number: 'x' }] }, 'skipped 1001'],
  ['a text too long', { input: [{ email: 'n@example.com', lastName: 'x'.repeat(256) }] }, 'skipped 1001'],
  ['a read-only field', { input: [{ email: 'n@example.com', mktoName: 'x' }] }, 'skipped 1003'],
  ['an address that is not ASCII', { input: [{ email: 'å@example.com' }] }, 'skipped 1003'],
  ['a partition', { partitionName: 'Default', input: [{ email: 'n@example.com' }] }, 'created'],
]
for (const [name, body, outcome] of actions) {
  test(`Sync Leads, ${name}: ${outcome}`, async () => {
    await using client = await connect()
    const before = client.marketo.people()
    assert.deepEqual(outcomes(await post(client, LEADS, body)), [outcome])
    if (outcome.startsWith('skipped')) assert.deepEqual(client.marketo.people(), before)
  })
}

const refusals: [name: string, body: unknown, code: string][] = [
  ['no input', {}, '1002'],
  ['an empty input', { input: [] }, '1002'],
  ['301 records', { input: Array.from({ length: 301 }, () => ({ email: 'a@example.com' })) }, '1003'],
  ['an unknown action', { action: 'nope', input: [{}] }, '1001'],
  ['an unknown lookup field', { lookupField: 'nope', input: [{}] }, '1006'],
  ['a lookup field that is not searchable', { lookupField: 'title', input: [{}] }, '1011'],
  ['an id as a key to create by', { lookupField: 'id', input: [{ id: 1 }] }, '1003'],
  ['a record that is none', { input: [7] }, '609'],
  ['a list', [], '609'],
  ['no JSON', '{"input":[', '609'],
  ['a key twice', '{"input":[{"email":"a@example.com","email":"b@example.com"}]}', '609'],
]
for (const [name, body, code] of refusals) {
  test(`Sync Leads with ${name} is refused whole with ${code}`, async () => {
    await using client = await connect()
    const before = client.marketo.people()
    assert.equal(errorOf(await post(client, LEADS, body)).code, code)
    assert.deepEqual(client.marketo.people(), before)
  })
}

test('a write of more than 1 MB is an HTTP 413, one without its content type a 612', async () => {
  await using client = await connect()
  const input = [{ email: 'n@example.com', address: 'x'.repeat(1024 * 1024) }]
  assert.equal((await post(client, LEADS, { input })).status, 413)
  const headers = { authorization: `Bearer ${client.token}`, 'content-type': 'text/plain' }
  const body = JSON.stringify({ input: [{ email: 'n@example.com' }] })
  assert.equal(errorOf(await client.send(LEADS, { method: 'POST', headers, body })).code, '612')
})

test('null and the empty string clear, and what is not named stays', async () => {
  await using client = await connect()
  const input = [{ email: 'ann@example.com', lastName: null, crmId: '' }]
  await post(client, LEADS, { input })
  const { lastName, crmId, email } = client.marketo.person(1001) ?? {}
  assert.deepEqual([lastName, crmId, email], [undefined, undefined, 'ann@example.com'])
})

test('the log knows a write by the request id of its reply', async () => {
  await using client = await connect()
  const answer = await post(client, LEADS, { input: [{ email: 'ann@example.com', lastName: 'Alm' }] })
  const last = client.marketo.log().at(-1)
  assert.deepEqual(
    [last?.typeId, last?.cause?.api?.requestId, last?.cause?.api?.method],
    [13, answer.json?.requestId, 'SyncLeads'],
  )
  await post(client, LEADS, { input: [{ email: 'new@example.com' }] })
  assert.equal(client.marketo.person(1004)?.originalSourceType, 'Web service API')
})

test('an update that changes nothing is still updated, and not logged', async () => {
  await using client = await connect()
  const before = client.marketo.log().length
  const input = [{ email: 'ann@example.com', lastName: 'Ek' }]
  assert.deepEqual(outcomes(await post(client, LEADS, { input })), ['updated'])
  assert.equal(client.marketo.log().length, before)
})

test('a blocked field is dropped without a word, for API writes only', async () => {
  await using client = await connect()
  client.marketo.blockField('lastName', true)
  const input = [{ email: 'ann@example.com', lastName: 'Alm', title: 'Buyer' }]
  assert.deepEqual(outcomes(await post(client, LEADS, { input })), ['updated'])
  const { lastName, title } = client.marketo.person(1001) ?? {}
  assert.deepEqual([lastName, title], ['Ek', 'Buyer'])
  client.marketo.update(1001, { lastName: 'Ask' })
  assert.equal(client.marketo.person(1001)?.lastName, 'Ask')
})

test('company values are closed once a person belongs to a company', async () => {
  await using client = await connect()
  const sync = async (fields: object) =>
    outcomes(await post(client, LEADS, { input: [{ email: 'ann@example.com', ...fields }] }))[0]
  assert.equal(await sync({ company: 'Ek AB' }), 'updated')
  assert.equal(await sync({ externalCompanyId: 'C-1' }), 'updated')
  assert.equal(await sync({ company: 'Alm AB' }), 'skipped 1021')
  assert.equal(await sync({ externalCompanyId: 'C-2', title: 'x' }), 'updated')
})

test('a text too long is cut, and an unknown field fails the call, where the knobs say so', async () => {
  await using client = await connect()
  client.marketo.setKnobs({ overlong: 'truncate', unknownField: 'call' })
  const long = [{ email: 'ann@example.com', lastName: 'x'.repeat(300), address: 'å'.repeat(15_001) }]
  assert.deepEqual(outcomes(await post(client, LEADS, { input: long })), ['updated'])
  const { lastName, address } = client.marketo.person(1001) ?? {}
  assert.deepEqual([lastName, address], ['x'.repeat(255), 'å'.repeat(15_000)])
  const unknown = [{ email: 'a@example.com' }, { email: 'b@example.com', nope: 1 }]
  assert.equal(errorOf(await post(client, LEADS, { input: unknown })).code, '1006')
  assert.equal(client.marketo.people().length, 3)
})

test('people are deleted in bulk, strangers skipped', async () => {
  await using client = await connect()
  const answer = await post(client, '/rest/v1/leads/delete.json', {
    input: [{ id: 1002 }, { id: 9 }, { id: '1003' }, { id: 'x' }],
  })
  assert.deepEqual(outcomes(answer), ['deleted', 'skipped 1004', 'deleted', 'skipped 1001'])
  assert.deepEqual(
    client.marketo.people().map(({ id }) => id),
    [1001],
  )
})

test('a merge answers without a result, and the losers are gone', async () => {
  await using client = await connect()
  const merge = (query: string) => post(client, `/rest/v1/leads/1001/merge.json?${query}`, '')
  assert.deepEqual(Object.keys((await merge('leadIds=1002,1003')).json ?? {}), ['requestId', 'success'])
  assert.deepEqual(
    client.marketo.people().map(({ id }) => id),
    [1001],
  )
  assert.deepEqual(
    client.marketo
      .log()
      .slice(-3)
      .map(({ typeId }) => typeId),
    [32, 37, 37],
  )
  assert.equal(errorOf(await merge('')).code, '1002')
  assert.equal(errorOf(await merge('leadId=1001')).code, '1003')
  assert.equal(errorOf(await merge('leadId=4711')).code, '1004')
})

test('a mistyped verb is refused, and the right one works', async () => {
  await using client = await connect()
  const headers = { authorization: `Bearer ${client.token}` }
  const wrong = await client.send('/rest/v1/leads/delete.json', { headers })
  assert.equal(errorOf(wrong).code, '605')
  assert.equal(resultOf(await client.send('/rest/v1/lead/1001.json')).length, 1)
})

test('two calls at once make one person, or two when the knob opens the gap that Adobe warns of', async () => {
  for (const [syncGapMs, made] of [
    [0, ['created', 'updated']],
    [30, ['created', 'created']],
  ] as const) {
    await using client = await connect()
    client.marketo.setKnobs({ syncGapMs })
    const body = { lookupField: 'crmId', input: [{ crmId: 'N' }, { crmId: 'n', title: 'x' }] }
    const answers = await Promise.all([post(client, LEADS, body), post(client, LEADS, body)])
    const [first = [], second = []] = answers.map((answer) => outcomes(answer)).sort()
    assert.deepEqual([first[0], second[0]], made)
    assert.deepEqual([first[1], second[1]], ['updated', 'updated'])
    const next = outcomes(await post(client, LEADS, { ...body, input: [{ crmId: 'N' }] }))
    assert.deepEqual(next, syncGapMs === 0 ? ['updated'] : ['skipped 1007'])
  }
})
