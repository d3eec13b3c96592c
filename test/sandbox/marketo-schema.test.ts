import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectMarketo, errorOf, type MarketoClient, outcomes, post, resultOf } from './marketo-client.ts'

const FIELDS = '/rest/v1/leads/schema/fields.json'

async function describedField(client: MarketoClient, name: string): Promise<unknown> {
  const [described] = resultOf(await client.send('/rest/v1/leads/describe2.json'))
  assert.ok(Array.isArray(described?.fields))
  return described.fields.find((field) => Object(field).name === name)
}

test('custom fields are made over the API, and can be written and searched by at once', async () => {
  await using client = await connectMarketo()
  const input = [
    { name: 'crmId', displayName: 'CRM id', dataType: 'string', description: 'Key' },
    { name: 'email', displayName: 'x', dataType: 'string' },
    { name: 'crmText', displayName: 'x', dataType: 'text' },
    { name: '9', displayName: 'x', dataType: 'string' },
    { name: 'noLabel', dataType: 'string' },
    { name: 'crmDate', displayName: 'CRM date', dataType: 'datetime' },
  ]
  const answer = await post(client, FIELDS, { input })
  const codes = ['created', 'skipped 1017', 'skipped 1001', 'skipped 1001', 'skipped 1002', 'created']
  assert.deepEqual(outcomes(answer), codes)
  assert.equal(resultOf(answer)[0]?.name, 'crmId')
  assert.deepEqual(resultOf(await client.send('/rest/v1/leads/schema/fields/crmId.json')), [
    {
      displayName: 'CRM id',
      name: 'crmId',
      description: 'Key',
      dataType: 'string',
      length: 255,
      isHidden: false,
      isHtmlEncodingInEmail: true,
      isSensitive: false,
      isCustom: true,
      isApiCreated: true,
    },
  ])
  const person = { crmId: 'x', crmDate: '2026-01-02T03:04:05+01:00' }
  const sync = { lookupField: 'crmId', input: [person] }
  assert.deepEqual(outcomes(await post(client, '/rest/v1/leads.json', sync)), ['created'])
  const found = await client.send('/rest/v1/leads.json?filterType=crmId&filterValues=X&fields=crmDate')
  assert.deepEqual(resultOf(found), [{ id: 1001, crmDate: '2026-01-02T02:04:05Z' }])
  assert.equal(errorOf(await client.send('/rest/v1/leads/schema/fields/nope.json')).code, '1006')
})

test('the list of fields comes in pages', async () => {
  await using client = await connectMarketo()
  const all = client.marketo.subscription.schema.fields().length
  const names = new Set<unknown>()
  let next: unknown = ''
  let pages = 0
  for (; typeof next === 'string' && pages < 10; pages += 1) {
    const answer = await client.send(`${FIELDS}?batchSize=50&nextPageToken=${encodeURIComponent(next)}`)
    for (const { name } of resultOf(answer)) names.add(name)
    next = answer.json?.nextPageToken
  }
  assert.deepEqual([names.size, pages], [all, Math.ceil(all / 50)])
})

test('no more than 100 fields can be made', async () => {
  await using client = await connectMarketo()
  const make = (from: number, count: number) =>
    post(client, FIELDS, {
      input: Array.from({ length: count }, (_, at) => ({
        name: `f${from + at}`,
        displayName: 'x',
        dataType: 'string',
      })),
    })
  assert.equal(errorOf(await make(0, 101)).code, '1003')
  assert.equal(outcomes(await make(0, 100)).length, 100)
  assert.equal(errorOf(await make(100, 1)).code, '1003')
})

test('a field may be renamed, and what it held goes with it', async () => {
  await using client = await connectMarketo()
  const { marketo } = client
  marketo.addField({ name: 'old', dataType: 'string' })
  const id = marketo.seed({ old: 'x' })
  marketo.renameField('old', 'fresh')
  assert.equal(await describedField(client, 'old'), undefined)
  const read = await client.send(`/rest/v1/leads.json?filterType=fresh&filterValues=x&fields=fresh`)
  assert.deepEqual(resultOf(read), [{ id, fresh: 'x' }])
  assert.equal(errorOf(await client.send(`/rest/v1/lead/${id}.json?fields=old`)).code, '1006')
  assert.throws(() => marketo.renameField('fresh', 'email'))
  assert.throws(() => marketo.renameField('nope', 'other'))
})

test('a field may get another type, and values that do not fit it are lost', async () => {
  await using client = await connectMarketo()
  const { marketo } = client
  marketo.addField({ name: 'code', dataType: 'integer' })
  marketo.addField({ name: 'size', dataType: 'string' })
  const id = marketo.seed({ code: 7, size: 'large' })
  marketo.retypeField('code', 'string')
  marketo.retypeField('size', 'integer')
  const { code, size } = marketo.person(id) ?? {}
  assert.deepEqual([code, size], ['7', undefined])
  assert.equal(Object(await describedField(client, 'size')).dataType, 'integer')
  assert.equal(Object(await describedField(client, 'size')).length, undefined)
  assert.throws(() => marketo.update(id, { size: 'large' }), { code: '1001' })
})

test('a field may be shortened: what is too long stays, and nothing as long comes in', async () => {
  await using client = await connectMarketo()
  const { marketo } = client
  const id = marketo.seed({ title: 'Head of purchasing' })
  marketo.shortenField('title', 5)
  assert.equal(Object(await describedField(client, 'title')).length, 5)
  assert.equal(marketo.person(id)?.title, 'Head of purchasing')
  assert.throws(() => marketo.update(id, { title: 'Buyers' }), { code: '1001' })
})

test('a field that is gone is gone from replies, searches and writes', async () => {
  await using client = await connectMarketo()
  const { marketo } = client
  marketo.addField({ name: 'crmId', dataType: 'string' })
  const id = marketo.seed({ crmId: 'x' })
  marketo.removeField('crmId')
  assert.equal(marketo.person(id)?.crmId, undefined)
  const sync = { action: 'updateOnly', lookupField: 'id', input: [{ id, crmId: 'y' }] }
  assert.deepEqual(outcomes(await post(client, '/rest/v1/leads.json', sync)), ['skipped 1006'])
  const token = marketo.subscription.feed.tokenSince(0)
  const path = `/rest/v1/activities/leadchanges.json?fields=crmId&nextPageToken=${encodeURIComponent(token)}`
  assert.equal(errorOf(await client.send(path)).code, '1006')
})

test('a native CRM sync closes companies and marks their fields; without it they are described', async () => {
  await using client = await connectMarketo()
  const describe = '/rest/v1/companies/describe.json'
  assert.equal(resultOf(await client.send(describe))[0]?.idField, 'id')
  const write = () => post(client, '/rest/v1/companies.json', { input: [{ externalCompanyId: 'x' }] })
  assert.equal(errorOf(await write()).code, '610')
  client.marketo.setKnobs({ nativeCrmSync: true })
  assert.equal(errorOf(await write()).code, '1018')
  for (const name of ['companies', 'salespersons', 'opportunities', 'opportunities/roles']) {
    assert.equal(errorOf(await client.send(`/rest/v1/${name}/describe.json`)).code, '1018', name)
  }
  assert.equal(Object(await describedField(client, 'company')).crmManaged, true)
  assert.equal(Object(await describedField(client, 'lastName')).crmManaged, false)
})

test('usage counts calls and errors of the day', async () => {
  await using client = await connectMarketo()
  await client.send('/rest/v1/lead/1.json')
  await client.send('/rest/v1/leads/describe2.json')
  const [usage] = resultOf(await client.send('/rest/v1/stats/usage.json'))
  assert.match(String(usage?.date), /^\d{4}-\d\d-\d\d$/)
  assert.deepEqual([usage?.total, usage?.users], [2, [{ userId: 'sync.person@sandbox.example', count: 2 }]])
  const [errors] = resultOf(await client.send('/rest/v1/stats/errors/last7days.json'))
  assert.deepEqual([errors?.total, errors?.errors], [1, [{ errorCode: '1004', count: 1 }]])
})
