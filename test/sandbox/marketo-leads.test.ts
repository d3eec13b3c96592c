import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectMarketo, errorOf, resultOf } from './marketo-client.ts'

const LEADS = '/rest/v1/leads.json'

test('a found person has the default fields, empty ones as null, and no errors or warnings beside it', async () => {
  await using client = await connectMarketo()
  const id = client.marketo.seed({ email: 'ann@example.com', lastName: 'Ek' })
  const answer = await client.send(`${LEADS}?filterType=email&filterValues=ANN%40example.com`)
  const { createdAt, updatedAt } = client.marketo.person(id) ?? {}
  assert.match(String(createdAt), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  const person = { id, email: 'ann@example.com', firstName: null, lastName: 'Ek', createdAt, updatedAt }
  assert.deepEqual(answer.json, { requestId: answer.json?.requestId, result: [person], success: true })
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
})

test('the request id ends with the time of the server', async () => {
  await using client = await connectMarketo()
  const before = Date.now()
  const { json } = await client.send('/rest/v1/lead/1.json')
  const [, time = ''] = /^[0-9a-f]+#([0-9a-f]+)$/.exec(String(json?.requestId)) ?? []
  assert.ok(Number.parseInt(time, 16) >= before && Number.parseInt(time, 16) <= Date.now())
})

test('nobody found is a success with an empty list', async () => {
  await using client = await connectMarketo()
  const answer = await client.send(`${LEADS}?filterType=email&filterValues=nobody%40example.com`)
  assert.deepEqual(resultOf(answer), [])
})

test('a person is read by id with the fields that were asked for', async () => {
  await using client = await connectMarketo()
  const id = client.marketo.seed({ firstName: 'Ann', lastName: 'Ek', leadScore: 7, unsubscribed: true })
  const answer = await client.send(`/rest/v1/lead/${id}.json?fields=mktoName,leadScore,unsubscribed,phone`)
  assert.deepEqual(resultOf(answer), [
    { id, mktoName: 'Ann Ek', leadScore: 7, unsubscribed: true, phone: null },
  ])
})

test('ids may be asked for with commas, repeated, and percent-encoded', async () => {
  await using client = await connectMarketo()
  const [a, b, c] = ['A', 'B', 'C'].map((lastName) => client.marketo.seed({ lastName }))
  const query = `filterType=id&filterValues=${c}%2C${a}&filterValues=${b},9999&fields=lastName`
  assert.deepEqual(
    resultOf(await client.send(`${LEADS}?${query}`)).map((person) => person.lastName),
    ['A', 'B', 'C'],
  )
})

test('a custom text field can be filtered by, and is gone when it is removed', async () => {
  await using client = await connectMarketo()
  client.marketo.addField({ name: 'crmId', displayName: 'CRM id', dataType: 'string' })
  client.marketo.addField({ name: 'note', dataType: 'text' })
  const id = client.marketo.seed({ crmId: 'X-1', note: 'x' })
  const query = 'filterType=crmId&filterValues=x-1&fields=crmId'
  assert.deepEqual(resultOf(await client.send(`${LEADS}?${query}`)), [{ id, crmId: 'X-1' }])
  assert.equal(errorOf(await client.send(`${LEADS}?filterType=note&filterValues=x`)).code, '1011')
  client.marketo.removeField('crmId')
  assert.equal(errorOf(await client.send(`${LEADS}?${query}`)).code, '1006')
})

const many = (count: number) => Array.from({ length: count }, (_, at) => at + 1).join(',')
const refusals: [name: string, path: string, code: string, message?: RegExp][] = [
  ['no filter type', `${LEADS}?filterValues=1`, '1002'],
  ['no filter value', `${LEADS}?filterType=id&filterValues=`, '1002'],
  ['an unknown filter', `${LEADS}?filterType=nope&filterValues=1`, '1006'],
  ['a prototype for a filter', `${LEADS}?filterType=__proto__&filterValues=1`, '1006'],
  ['a filter by a field that is not searchable', `${LEADS}?filterType=phone&filterValues=1`, '1011'],
  ['more than 300 values', `${LEADS}?filterType=id&filterValues=${many(301)}`, '1003'],
  ['an unknown field', `${LEADS}?filterType=id&filterValues=1&fields=id,nope`, '1006', /'nope'/],
  ['an invented page', `${LEADS}?filterType=id&filterValues=1&nextPageToken=abc`, '1003'],
  ['an unknown id', '/rest/v1/lead/4711.json', '1004'],
  ['an id that is none', '/rest/v1/lead/x.json', '1004'],
  ['an unknown field of one person', '/rest/v1/lead/1.json?fields=nope', '1006'],
  ['an unknown resource', '/rest/v1/nope.json', '610'],
  ['a double slash', '/rest//v1/leads.json?filterType=id&filterValues=1', '610'],
]
for (const [name, path, code, message = /./] of refusals) {
  test(`${name} is refused with ${code} inside a 200`, async () => {
    await using client = await connectMarketo()
    const answer = await client.send(path)
    assert.deepEqual(Object.keys(answer.json ?? {}), ['requestId', 'success', 'errors'])
    assert.equal(errorOf(answer).code, code)
    assert.match(String(errorOf(answer).message), message)
  })
}

test('more than 1000 matches are refused, 1000 come in pages of 300', async () => {
  await using client = await connectMarketo()
  client.marketo.addField({ name: 'batch', dataType: 'string' })
  for (let at = 0; at < 1000; at += 1) client.marketo.seed({ batch: 'b' })
  const query = `${LEADS}?filterType=batch&filterValues=b&fields=id`
  const sizes: number[] = []
  const ids = new Set<unknown>()
  let next: unknown = ''
  while (typeof next === 'string') {
    const answer = await client.send(`${query}&nextPageToken=${encodeURIComponent(next)}`)
    const page = resultOf(answer)
    sizes.push(page.length)
    for (const person of page) ids.add(person.id)
    next = answer.json?.nextPageToken
  }
  assert.deepEqual([sizes, ids.size], [[300, 300, 300, 100], 1000])
  assert.equal(resultOf(await client.send(`${query}&batchSize=2`)).length, 2)
  client.marketo.seed({ batch: 'B' })
  assert.equal(errorOf(await client.send(query)).code, '1003')
})

test('a URI of more than 8 KB is an HTTP 414, and the same read goes through as a POST', async () => {
  await using client = await connectMarketo()
  client.marketo.addField({ name: 'crmId', dataType: 'string' })
  const id = client.marketo.seed({ crmId: 'x' })
  const values = [...Array.from({ length: 299 }, (_, at) => `${at}-${'v'.repeat(40)}`), 'x'].join(',')
  const query = `filterType=crmId&filterValues=${values}&fields=crmId`
  assert.equal((await client.send(`${LEADS}?${query}`)).status, 414)
  const headers = {
    authorization: `Bearer ${client.token}`,
    'content-type': 'application/x-www-form-urlencoded',
  }
  const post = (path: string, body: string) => client.send(path, { method: 'POST', headers, body })
  const ways = [await post(`${LEADS}?_method=GET`, query), await post(LEADS, `_method=GET&${query}`)]
  for (const answer of ways) assert.deepEqual(resultOf(answer), [{ id, crmId: 'x' }])
  assert.equal(errorOf(await post(LEADS, query)).code, '612')
  const asJson = { authorization: `Bearer ${client.token}`, 'content-type': 'application/json' }
  const wrong = await client.send(`${LEADS}?_method=GET`, { method: 'POST', headers: asJson, body: '{}' })
  assert.equal(errorOf(wrong).code, '612')
  assert.equal((await post(`${LEADS}?_method=GET`, 'x'.repeat(1024 * 1024 + 1))).status, 413)
})

test('describe and describe2 tell of the same fields', async () => {
  await using client = await connectMarketo()
  client.marketo.addField({ name: 'crmId', displayName: 'CRM id', dataType: 'string', length: 50 })
  const old = resultOf(await client.send('/rest/v1/leads/describe.json'))
  const [described] = resultOf(await client.send('/rest/v1/leads/describe2.json'))
  assert.equal(described?.name, 'API Lead')
  assert.ok(Array.isArray(described.fields) && Array.isArray(described.searchableFields))
  assert.deepEqual(
    described.fields.map(({ name }) => name),
    old.map(({ rest }) => Object(rest).name),
  )
  assert.deepEqual(described.fields.at(-1), {
    name: 'crmId',
    displayName: 'CRM id',
    dataType: 'string',
    length: 50,
    updateable: true,
    crmManaged: false,
  })
  const email = old.find(({ displayName }) => displayName === 'Email Address')
  assert.deepEqual(email, {
    id: email?.id,
    displayName: 'Email Address',
    dataType: 'email',
    length: 255,
    rest: { name: 'email', readOnly: false },
    soap: { name: 'Email', readOnly: false },
  })
  assert.deepEqual(described.searchableFields, [
    ['id'],
    ['email'],
    ['cookies'],
    ['leadPartitionId'],
    ['crmId'],
  ])
  assert.equal(new Set(old.map(({ id }) => id)).size, old.length)
})

test('requests in the shapes of node-marketo-rest 0.7 and of its pages are understood', async () => {
  await using client = await connectMarketo()
  client.marketo.addField({ name: 'crmId', dataType: 'string' })
  const ids = ['a+b@example.com', 'c@example.com'].map((email) => client.marketo.seed({ email, crmId: 'X' }))
  const found = await client.send(
    `${LEADS}?filterType=email&filterValues=a%2Bb%40example.com%2Cc%40example.com&fields=id%2CcrmId&_method=GET`,
  )
  assert.deepEqual(
    resultOf(found),
    ids.map((id) => ({ id, crmId: 'X' })),
  )
  const query = `${LEADS}?filterType=crmId&filterValues=x&batchSize=1&fields%5B0%5D=id`
  const first = await client.send(query)
  assert.match(String(first.json?.nextPageToken), /^[0-9A-F]+====$/)
  const token = String(first.json?.nextPageToken).replaceAll('=', '%3D')
  const second = await client.send(`${query}&nextPageToken=${token}`)
  assert.deepEqual(
    [first, second].map((answer) => resultOf(answer)[0]?.email),
    ['a+b@example.com', 'c@example.com'],
  )
  assert.equal(second.json?.nextPageToken, undefined)
})
