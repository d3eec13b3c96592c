import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectMarketo, errorOf, type MarketoClient, outcomes, post, resultOf } from './marketo-client.ts'

const EXTERNAL = '/rest/v1/activities/external'
const TYPE = {
  apiName: 'syncResult',
  name: 'Sync Result',
  triggerName: 'Sync Result happens',
  filterName: 'Sync Result happened',
  primaryAttribute: { apiName: 'outcome', name: 'Outcome', dataType: 'string' },
}
const ATTRIBUTES = [
  { apiName: 'code', name: 'Code', dataType: 'string' },
  { apiName: 'attempts', name: 'Attempts', dataType: 'integer' },
]

async function define(client: MarketoClient): Promise<void> {
  resultOf(await post(client, `${EXTERNAL}/type.json`, TYPE))
  resultOf(
    await post(client, `${EXTERNAL}/type/syncResult/attributes/create.json`, { attributes: ATTRIBUTES }),
  )
  resultOf(await post(client, `${EXTERNAL}/type/syncResult/approve.json`, ''))
}

const statusOf = async (client: MarketoClient) =>
  resultOf(await client.send(`${EXTERNAL}/types.json`)).map(({ id, status }) => [id, status])

test('a type is drafted, given attributes and approved, and can then be written', async () => {
  await using client = await connectMarketo()
  const { marketo } = client
  const leadId = marketo.seed({ lastName: 'Ek' })
  assert.deepEqual(await statusOf(client), [])
  const [made] = resultOf(await post(client, `${EXTERNAL}/type.json`, TYPE))
  assert.deepEqual(
    [made?.id, made?.status, made?.primaryAttribute],
    [100_001, 'draft', TYPE.primaryAttribute],
  )
  const activity = { leadId, activityTypeId: 100_001, activityDate: '2026-01-02T03:04:05Z' }
  const add = async (changes: object) =>
    outcomes(
      await post(client, `${EXTERNAL}.json`, {
        input: [{ ...activity, primaryAttributeValue: 'created', ...changes }],
      }),
      'errors',
    )
  assert.deepEqual(await add({}), ['skipped 1013'])
  await post(client, `${EXTERNAL}/type/syncResult/attributes/create.json`, { attributes: ATTRIBUTES })
  await post(client, `${EXTERNAL}/type/syncResult/approve.json`, '')
  assert.deepEqual(await statusOf(client), [[100_001, 'approved']])
  const attributes = [
    { apiName: 'code', value: 'ok' },
    { name: 'Attempts', value: 2 },
  ]
  assert.deepEqual(await add({ attributes }), ['added'])
  const token = encodeURIComponent(marketo.subscription.feed.tokenSince(Date.parse('2026-01-01')))
  const path = `/rest/v1/activities.json?activityTypeIds=100001&nextPageToken=${token}`
  const [seen] = resultOf(await client.send(path))
  assert.deepEqual(
    [seen?.leadId, seen?.activityDate, seen?.primaryAttributeValue, seen?.attributes],
    [
      leadId,
      '2026-01-02T03:04:05Z',
      'created',
      [
        { name: 'Code', apiName: 'code', value: 'ok' },
        { name: 'Attempts', apiName: 'attempts', value: 2 },
      ],
    ],
  )
})

test('a described type has the names of its attributes, and not their types', async () => {
  await using client = await connectMarketo()
  await define(client)
  const [type] = resultOf(await client.send(`${EXTERNAL}/type/syncResult/describe.json`))
  const named = ATTRIBUTES.map(({ apiName, name }) => ({ apiName, name }))
  assert.deepEqual(type?.attributes, named)
})

test('an attribute that comes later waits for the next approval', async () => {
  await using client = await connectMarketo()
  await define(client)
  const more = [{ apiName: 'field', name: 'Field', dataType: 'string' }]
  await post(client, `${EXTERNAL}/type/syncResult/attributes/create.json`, { attributes: more })
  assert.deepEqual(await statusOf(client), [[100_001, 'approved with draft']])
  const attributesOf = async (query: string) => {
    const path = `${EXTERNAL}/type/syncResult/describe.json${query}`
    const [type] = resultOf(await client.send(path))
    assert.ok(Array.isArray(type?.attributes))
    return type.attributes.map((attribute) => Object(attribute).apiName)
  }
  assert.deepEqual(await attributesOf(''), ['code', 'attempts'])
  assert.deepEqual(await attributesOf('?draft=true'), ['code', 'attempts', 'field'])
  await post(client, `${EXTERNAL}/type/syncResult/approve.json`, '')
  assert.deepEqual(await attributesOf(''), ['code', 'attempts', 'field'])
  const types = resultOf(await client.send('/rest/v1/activities/types.json'))
  assert.equal(types.at(-1)?.apiName, 'syncResult')
})

const skipped: [name: string, changes: object, code: string][] = [
  ['an unknown person', { leadId: 9 }, '1004'],
  ['no date', { activityDate: undefined }, '1002'],
  ['a date that is none', { activityDate: 'soon' }, '1001'],
  ['no primary value', { primaryAttributeValue: '' }, '1002'],
  ['an unknown type', { activityTypeId: 100_002 }, '1013'],
  ['an unknown attribute', { attributes: [{ apiName: 'nope', value: 'x' }] }, '1006'],
  ['an attribute of another type', { attributes: [{ apiName: 'attempts', value: '2' }] }, '1001'],
  ['attributes of more than 64 KB', { attributes: [{ apiName: 'code', value: 'x'.repeat(65_536) }] }, '1049'],
]
test('each activity is answered by itself, in order, with errors in place of reasons', async () => {
  await using client = await connectMarketo()
  await define(client)
  const leadId = client.marketo.seed({ lastName: 'Ek' })
  const good = {
    leadId,
    activityTypeId: 100_001,
    activityDate: '2026-01-02T03:04:05Z',
    primaryAttributeValue: 'created',
  }
  const input = [...skipped.map(([, changes]) => ({ ...good, ...changes })), good]
  const answer = await post(client, `${EXTERNAL}.json`, { input })
  assert.deepEqual(outcomes(answer, 'errors'), [...skipped.map(([, , code]) => `skipped ${code}`), 'added'])
  const last = resultOf(answer).at(-1)
  const logged = client.marketo.log().at(-1)
  assert.deepEqual(last, { id: logged?.id, marketoGUID: logged?.guid, status: 'added' })
  assert.equal(client.marketo.log().length, 2)
})

const refusals: [name: string, path: string, body: unknown, code: string][] = [
  ['a type twice', `${EXTERNAL}/type.json`, TYPE, '1017'],
  ['a type without a trigger', `${EXTERNAL}/type.json`, { ...TYPE, triggerName: '' }, '1002'],
  ['a type with a strange name', `${EXTERNAL}/type.json`, { ...TYPE, apiName: 'a b' }, '1001'],
  ['an approval of nothing new', `${EXTERNAL}/type/syncResult/approve.json`, {}, '1003'],
  ['an approval of a stranger', `${EXTERNAL}/type/nope/approve.json`, {}, '1013'],
  [
    'an attribute twice',
    `${EXTERNAL}/type/syncResult/attributes/create.json`,
    { attributes: [ATTRIBUTES[0]] },
    '1017',
  ],
  [
    'an attribute of an unknown type',
    `${EXTERNAL}/type/syncResult/attributes/create.json`,
    { attributes: [{ apiName: 'x', name: 'x', dataType: 'nope' }] },
    '1001',
  ],
  [
    'more than 20 attributes',
    `${EXTERNAL}/type/syncResult/attributes/create.json`,
    {
      attributes: Array.from({ length: 19 }, (_, at) => ({
        apiName: `a${at}`,
        name: 'x',
        dataType: 'string',
      })),
    },
    '1028',
  ],
  [
    'more than 300 activities',
    `${EXTERNAL}.json`,
    { input: Array.from({ length: 301 }, () => ({})) },
    '1003',
  ],
]
for (const [name, path, body, code] of refusals) {
  test(`custom activities: ${name} is refused with ${code}`, async () => {
    await using client = await connectMarketo()
    await define(client)
    assert.equal(errorOf(await post(client, path, body)).code, code)
  })
}

test('no more than ten types can be made', async () => {
  await using client = await connectMarketo()
  const make = (at: number) => post(client, `${EXTERNAL}/type.json`, { ...TYPE, apiName: `t${at}` })
  for (let at = 0; at < 10; at += 1) resultOf(await make(at))
  assert.equal(errorOf(await make(10)).code, '1027')
})
