import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectMarketo, errorOf, type MarketoClient, post, resultOf } from './marketo-client.ts'

const ACTIVITIES = '/rest/v1/activities'

async function tokenOf(client: MarketoClient, since = '2026-01-01T00:00:00Z'): Promise<string> {
  const answer = await client.send(
    `${ACTIVITIES}/pagingtoken.json?sinceDatetime=${encodeURIComponent(since)}`,
  )
  assert.deepEqual(Object.keys(answer.json ?? {}), ['requestId', 'nextPageToken', 'success'])
  return encodeURIComponent(String(answer.json?.nextPageToken))
}

test('a feed with nothing to say has a token, no more to come, and no result', async () => {
  await using client = await connectMarketo()
  const token = await tokenOf(client)
  assert.match(token, /%3D$/)
  const paths = [
    '.json?activityTypeIds=12',
    '/leadchanges.json?fields=email',
    '/deletedleads.json?batchSize=1',
  ]
  for (const path of paths) {
    const { json } = await client.send(`${ACTIVITIES}${path}&nextPageToken=${token}`)
    assert.deepEqual(
      [Object.keys(json ?? {}), json?.moreResult],
      [['requestId', 'nextPageToken', 'moreResult', 'success'], false],
    )
  }
})

test('a client pages through a change with the token that each page gives', async () => {
  await using client = await connectMarketo()
  let token = await tokenOf(client)
  const id = client.marketo.seed({ lastName: 'A' })
  for (const lastName of ['B', 'C', 'D']) client.marketo.update(id, { lastName, title: lastName })
  const pages: unknown[][] = []
  for (let more = true; more; ) {
    const answer = await client.send(
      `${ACTIVITIES}/leadchanges.json?fields=lastName&batchSize=2&nextPageToken=${token}`,
    )
    pages.push(resultOf(answer).map((item) => Object(item.fields)[0]?.newValue ?? item.activityTypeId))
    token = encodeURIComponent(String(answer.json?.nextPageToken))
    more = answer.json?.moreResult === true
  }
  assert.deepEqual(pages, [
    [12, 'B'],
    ['C', 'D'],
  ])
  client.marketo.update(id, { lastName: 'E' })
  const later = await client.send(`${ACTIVITIES}/leadchanges.json?fields=lastName&nextPageToken=${token}`)
  assert.equal(resultOf(later).length, 1)
})

test('a date alone, an offset and no zone are all understood, and mean UTC unless they say so', async () => {
  await using client = await connectMarketo()
  client.marketo.seed({ lastName: 'A' })
  const now = Date.now()
  const written = (ms: number) => new Date(ms).toISOString()
  const past = [
    written(now - 60_000).slice(0, 19),
    written(now - 60_000 + 3_600_000).replace(/\.\d+Z/, '+01:00'),
    written(now - 60_000 - 3_600_000).replace(/\.\d+Z/, '-0100'),
    written(now).slice(0, 10),
  ]
  const future = [written(now + 60_000), written(now + 60_000).slice(0, 19)]
  for (const [dates, found] of [
    [past, 1],
    [future, 0],
  ] as const) {
    for (const since of dates) {
      const token = await tokenOf(client, since)
      const { json } = await client.send(`${ACTIVITIES}.json?activityTypeIds=12&nextPageToken=${token}`)
      assert.equal(Array.isArray(json?.result) ? json.result.length : 0, found, since)
    }
  }
})

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1).join(',')
const refusals: [name: string, path: string, code: string][] = [
  ['no date', '/pagingtoken.json', '1002'],
  ['a date that is none', '/pagingtoken.json?sinceDatetime=yesterday', '1001'],
  ['a date whose plus became a space', '/pagingtoken.json?sinceDatetime=2026-01-01T00:00:00+01:00', '1001'],
  ['no token', '.json?activityTypeIds=12', '1002'],
  ['an invented token', '.json?activityTypeIds=12&nextPageToken=ABCDEF%3D', '1003'],
  ['no type', '.json?nextPageToken=x', '1002'],
  ['11 types', `.json?nextPageToken=x&activityTypeIds=${numbers(11)}`, '1003'],
  ['a type that is none', '.json?nextPageToken=x&activityTypeIds=new', '1001'],
  ['31 people', `.json?nextPageToken=x&activityTypeIds=12&leadIds=${numbers(31)}`, '1003'],
  ['no fields', '/leadchanges.json?nextPageToken=x', '1002'],
  ['an unknown field', '/leadchanges.json?nextPageToken=x&fields=email,nope', '1006'],
  ['a deletion feed without token', '/deletedleads.json', '1002'],
]
for (const [name, path, code] of refusals) {
  test(`the change log, asked with ${name}, refuses with ${code}`, async () => {
    await using client = await connectMarketo()
    assert.equal(errorOf(await client.send(`${ACTIVITIES}${path}`)).code, code)
  })
}

test('a lost token is refused, and a new one for the same time goes on', async () => {
  await using client = await connectMarketo()
  const id = client.marketo.seed({ lastName: 'A' })
  const token = await tokenOf(client)
  client.marketo.expirePagingTokens()
  const read = (from: string) => client.send(`${ACTIVITIES}.json?activityTypeIds=12&nextPageToken=${from}`)
  assert.equal(errorOf(await read(token)).code, '1003')
  assert.deepEqual(
    resultOf(await read(await tokenOf(client))).map(({ leadId }) => leadId),
    [id],
  )
})

test('a long read of the log goes through as a POST', async () => {
  await using client = await connectMarketo()
  client.marketo.seed({ lastName: 'A' })
  const headers = {
    authorization: `Bearer ${client.token}`,
    'content-type': 'application/x-www-form-urlencoded',
  }
  const body = `nextPageToken=${await tokenOf(client)}&fields=${Array.from({ length: 2_000 }, () => 'email')}`
  const path = `${ACTIVITIES}/leadchanges.json`
  assert.equal((await client.send(`${path}?${body}`)).status, 414)
  const answer = await client.send(`${path}?_method=GET`, { method: 'POST', headers, body })
  assert.equal(resultOf(answer).length, 1)
})

test('writes over the API, by humans and by webhooks all meet in one log', async () => {
  await using client = await connectMarketo()
  const token = await tokenOf(client)
  const { marketo } = client
  marketo.setKnobs({ deletionsInActivities: true })
  const id = marketo.seed({ email: 'ann@example.com' })
  await post(client, '/rest/v1/leads.json', { input: [{ email: 'ann@example.com', title: 'Buyer' }] })
  marketo.changeScore(id, 5)
  const webhook = { name: 'Ours', url: 'http://127.0.0.1:1/', template: '', encoding: 'JSON' as const }
  await marketo.callWebhook({ ...webhook, personId: id })
  marketo.remove(id)
  const path = `${ACTIVITIES}.json?activityTypeIds=12,13,22,37&activityTypeIds=110&nextPageToken=${token}`
  const items = resultOf(await client.send(path))
  assert.deepEqual(
    items.map(({ activityTypeId, primaryAttributeValue }) => [activityTypeId, primaryAttributeValue]),
    [
      [12, 'ann@example.com'],
      [13, 'Job Title'],
      [22, 'Lead Score'],
      [13, 'Lead Score'],
      [110, 'Ours'],
      [37, 'ann@example.com'],
    ],
  )
  assert.equal(new Set(items.map(({ marketoGUID }) => marketoGUID)).size, 6)
})

test('the types of activities are described, custom ones once they are approved', async () => {
  await using client = await connectMarketo()
  const types = resultOf(await client.send(`${ACTIVITIES}/types.json`))
  assert.deepEqual(
    types.map(({ id }) => id),
    [12, 13, 22, 32, 37, 110],
  )
})
