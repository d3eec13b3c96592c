import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, type Client, connect, isRecord, rowsOf } from './client.ts'

const TRACK = { prefer: 'odata.track-changes' }
const SELECT = 'leads?$select=lastname'

/** GET of a link as the vendor gave it. */
function follow(client: Client, link: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const url = String(link)
  assert.ok(url.startsWith(`${client.sandbox.dataverse.url}/api/data/v9.2/leads?`), url)
  return client.send('GET', url.slice(url.indexOf('/v9.2/') + 6), undefined, headers)
}

const delta = (answer: Answer) => answer.json?.['@odata.deltaLink']
const next = (answer: Answer) => answer.json?.['@odata.nextLink']

/** Rows by last name in their order, tombstones as `-id`. */
function told(answer: Answer): unknown[] {
  return rowsOf(answer).map((row) => (row.reason === 'deleted' ? `-${row.id}` : row.lastname))
}

async function tracked(lastnames: readonly string[]) {
  const client = await connect()
  const ids = lastnames.map((lastname) => client.sandbox.dataverse.seed('lead', { lastname }))
  const first = await client.send('GET', SELECT, undefined, TRACK)
  return { client, dataverse: client.sandbox.dataverse, ids, first }
}

test('a first read gives every row, page by page, and the delta link on the last page only', async () => {
  await using client = await connect()
  for (const lastname of ['A', 'B', 'C', 'D', 'E']) client.sandbox.dataverse.seed('lead', { lastname })
  const prefer = { prefer: 'odata.track-changes,odata.maxpagesize=2' }
  const first = await client.send('GET', SELECT, undefined, prefer)
  assert.equal(first.headers.get('preference-applied'), 'odata.track-changes,odata.maxpagesize=2')
  assert.match(String(first.json?.['@odata.context']), /\$metadata#leads\(lastname\)$/)
  assert.match(String(next(first)), /\$skiptoken=.*istracking/)
  const second = await follow(client, next(first), { prefer: 'odata.maxpagesize=2' })
  const third = await follow(client, next(second), { prefer: 'odata.maxpagesize=2' })
  assert.deepEqual(
    [first, second, third].map((page) => [told(page), delta(page) !== undefined]),
    [
      [['A', 'B'], false],
      [['C', 'D'], false],
      [['E'], true],
    ],
  )
  assert.equal(next(third), undefined)
})

test('a delta gives new and updated rows alike, by version, then tombstones, and a new delta link', async () => {
  const { client, dataverse, ids, first } = await tracked(['A', 'B', 'C'])
  await using _ = client
  const [a = '', b = '', c = ''] = ids
  dataverse.seed('lead', { lastname: 'New' })
  dataverse.remove('lead', b)
  dataverse.update('lead', a, { lastname: 'A1' })
  dataverse.update('lead', a, { lastname: 'A2' })
  const answer = await follow(client, delta(first))
  assert.deepEqual(told(answer), ['New', 'A2', `-${b}`])
  assert.match(String(answer.json?.['@odata.context']), /#leads\(lastname\)\/\$delta$/)
  const [made, , gone] = rowsOf(answer)
  assert.deepEqual(gone, {
    '@odata.context': `${dataverse.url}/api/data/v9.2/$metadata#leads/$deletedEntity`,
    id: b,
    reason: 'deleted',
  })
  assert.deepEqual(Object.keys(made ?? {}), ['@odata.etag', 'lastname', 'leadid'])
  const idle = await follow(client, delta(answer))
  assert.deepEqual([told(idle), typeof delta(idle)], [[], 'string'])
  assert.equal(dataverse.row('lead', c)?.lastname, 'C')
})

test('a delta of many pages is what had changed when it began; the rest is in the next one', async () => {
  const { client, dataverse, ids, first } = await tracked(['A', 'B', 'C', 'D'])
  await using _ = client
  const [a = '', b = '', c = '', d = ''] = ids
  for (const id of [a, b, c]) dataverse.update('lead', id, { jobtitle: 'x' })
  dataverse.remove('lead', d)
  const prefer = { prefer: 'odata.maxpagesize=2' }
  const page1 = await follow(client, delta(first), prefer)
  dataverse.update('lead', c, { lastname: 'C2' })
  dataverse.update('lead', a, { lastname: 'A2' })
  const page2 = await follow(client, next(page1), prefer)
  assert.deepEqual([told(page1), told(page2)], [['A', 'B'], [`-${d}`]])
  assert.deepEqual(told(await follow(client, delta(page2))), ['C2', 'A2'])
})

test('what changes while a first read is paged is in the first delta', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const ids = ['A', 'B', 'C'].map((lastname) => dataverse.seed('lead', { lastname }))
  const prefer = { prefer: 'odata.track-changes,odata.maxpagesize=2' }
  const page1 = await client.send('GET', SELECT, undefined, prefer)
  dataverse.update('lead', String(ids[0]), { lastname: 'A2' })
  dataverse.remove('lead', String(ids[1]))
  dataverse.update('lead', String(ids[2]), { lastname: 'C2' })
  const page2 = await follow(client, next(page1), { prefer: 'odata.maxpagesize=2' })
  assert.deepEqual([told(page1), told(page2)], [['A', 'B'], ['C2']])
  assert.deepEqual(told(await follow(client, delta(page2))), ['A2', 'C2', `-${ids[1]}`])
})

test('created and deleted in between is a tombstone; deleted and restored is a row', async () => {
  const { client, dataverse, ids, first } = await tracked(['A'])
  await using _ = client
  const [a = ''] = ids
  const brief = dataverse.seed('lead', { lastname: 'Brief' })
  dataverse.remove('lead', brief)
  dataverse.remove('lead', a)
  dataverse.restore('lead', a)
  assert.deepEqual(told(await follow(client, delta(first))), ['A', `-${brief}`])
})

test('$count with a delta token counts rows and tombstones', async () => {
  const { client, dataverse, ids, first } = await tracked(['A', 'B'])
  await using _ = client
  dataverse.update('lead', String(ids[0]), { lastname: 'A2' })
  dataverse.remove('lead', String(ids[1]))
  const token = /\$deltatoken=[^&]+/.exec(String(delta(first)))?.[0]
  const answer = await client.send('GET', `leads/$count?${token}`)
  assert.deepEqual([answer.status, answer.text], [200, '2'])
})

test('a version that moves alone is a change, and so is a write that was answered to nobody', async () => {
  const { client, dataverse, ids, first } = await tracked(['A', 'B'])
  await using _ = client
  dataverse.touch('lead', String(ids[0]))
  dataverse.bend({ operation: 'update', how: { kind: 'commit-late', afterMs: 300, answer: '504' } })
  const lost = await client.send('PATCH', `leads(${ids[1]})`, { lastname: 'Late' })
  assert.equal(lost.status, 504)
  const early = await follow(client, delta(first))
  while (dataverse.row('lead', String(ids[1]))?.lastname !== 'Late') await client.send('GET', 'WhoAmI')
  const late = await follow(client, delta(early))
  assert.deepEqual([told(early), told(late)], [['A'], ['Late']])
})

for (const option of ["$filter=lastname eq 'A'", '$orderby=lastname', '$expand=ownerid', '$top=5']) {
  test(`${option} is refused when changes are tracked`, async () => {
    await using client = await connect()
    const answer = await client.send('GET', `${SELECT}&${option}`, undefined, TRACK)
    const name = option.slice(0, option.indexOf('='))
    assert.equal(answer.status, 400)
    assert.match(answer.text, new RegExp(`The \\\\"\\${name}\\\\" query parameter isn't supported`))
  })
}

test('a table without change tracking refuses, and its metadata say so', async () => {
  const { client, dataverse, first } = await tracked(['A'])
  await using _ = client
  dataverse.setChangeTracking('lead', false)
  const refused = [
    await client.send('GET', SELECT, undefined, TRACK),
    await follow(client, delta(first)),
    await client.send('GET', 'accounts?$select=name', undefined, TRACK),
  ]
  assert.deepEqual(
    refused.map(({ status, code }) => [status, code]),
    Array(3).fill([400, '0x80072491']),
  )
  const metadata = await client.send(
    'GET',
    "EntityDefinitions?$select=LogicalName,ChangeTrackingEnabled&$filter=LogicalName eq 'lead' or LogicalName eq 'contact'",
  )
  assert.deepEqual(
    rowsOf(metadata).map((row) => [row.LogicalName, row.ChangeTrackingEnabled]),
    [
      ['lead', false],
      ['contact', true],
    ],
  )
})

test('a delta token grows too old after the days that the organisation allows', async () => {
  const { client, dataverse, first } = await tracked(['A'])
  await using _ = client
  const token = (at: Date) => {
    const [, month, day, year] = /(\d+)\/(\d+)\/(\d+)/.exec(at.toLocaleDateString('en-US')) ?? []
    const padded = [month, day].map((part) => String(part).padStart(2, '0')).join('/')
    const version = /deltatoken=(\d+)/.exec(String(delta(first)))?.[1]
    return client.send('GET', `${SELECT}&$deltatoken=${version}!${padded}/${year} 12:00:00`)
  }
  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000)
  assert.equal((await token(daysAgo(5))).status, 200)
  const expired = await token(daysAgo(9))
  assert.deepEqual([expired.status, expired.code], [400, '0x80044352'])
  dataverse.setKnobs({ trackingDays: 3, expiredStatus: 410 })
  assert.equal((await token(daysAgo(5))).status, 410)
})

for (const bad of ['$deltatoken=x', '$deltatoken=1!13/45/2026 25:00:00', '$skiptoken=istracking="True"']) {
  test(`${bad} is refused as malformed`, async () => {
    await using client = await connect()
    const answer = await client.send('GET', `${SELECT}&${bad}`)
    assert.deepEqual([answer.status, answer.code], [400, '0x80060888'])
  })
}

test('a read without tracking has no delta link and may filter', async () => {
  await using client = await connect()
  client.sandbox.dataverse.seed('lead', { lastname: 'A' })
  const answer = await client.send('GET', `${SELECT}&$filter=lastname eq 'A'`)
  assert.deepEqual([told(answer), delta(answer), isRecord(answer.json)], [['A'], undefined, true])
})
