import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Bend } from '../../sandbox/index.ts'
import { type Client, connect, rowsOf } from './client.ts'

const PREFER = { prefer: 'odata.track-changes,odata.maxpagesize=2' }

async function withLeads(how: Bend['how']): Promise<Client> {
  const client = await connect()
  for (const lastname of ['A', 'B', 'C', 'D', 'E']) client.sandbox.dataverse.seed('lead', { lastname })
  client.sandbox.dataverse.bend({ operation: 'changes', how })
  return client
}

/** Every page from the first to the delta link, as a client that trusts its links reads them. */
async function readAll(client: Client): Promise<unknown[][]> {
  const pages: unknown[][] = []
  let path: string | undefined = 'leads?$select=lastname'
  while (path !== undefined) {
    const answer = await client.send('GET', path, undefined, PREFER)
    pages.push(rowsOf(answer).map((row) => row.lastname))
    const next = answer.json?.['@odata.nextLink']
    path = typeof next === 'string' ? next.slice(next.indexOf('/v9.2/') + 6) : undefined
    if (path === undefined) assert.equal(typeof answer.json?.['@odata.deltaLink'], 'string')
  }
  return pages
}

const orders: [how: Bend['how'], pages: unknown[][]][] = [
  [{ kind: 'repeat-page' }, [['A', 'B'], ['A', 'B'], ['C', 'D'], ['E']]],
  [{ kind: 'swap-pages' }, [['C', 'D'], ['A', 'B'], ['E']]],
  [{ kind: 'reverse-rows' }, [['B', 'A'], ['C', 'D'], ['E']]],
  [{ kind: 'spoil-row', at: 1, set: { lastname: 7 } }, [['A', 7], ['C', 'D'], ['E']]],
]
for (const [how, pages] of orders) {
  test(`${JSON.stringify(how)} changes one page, and the reading ends well`, async () => {
    await using client = await withLeads(how)
    assert.deepEqual(await readAll(client), pages)
    assert.deepEqual(await readAll(client), [['A', 'B'], ['C', 'D'], ['E']])
  })
}

test('swapped pages end well where the second is the last one, and where there is no second', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  for (const lastname of ['A', 'B', 'C']) dataverse.seed('lead', { lastname })
  dataverse.bend({ operation: 'changes', how: { kind: 'swap-pages' } })
  assert.deepEqual(await readAll(client), [['C'], ['A', 'B']])
  dataverse.remove('lead', String(dataverse.rows('lead')[0]?.leadid))
  dataverse.bend({ operation: 'changes', how: { kind: 'swap-pages' } })
  assert.deepEqual(await readAll(client), [['B', 'C']])
})

test('a repeated page that nobody follows is forgotten', async () => {
  await using client = await withLeads({ kind: 'repeat-page' })
  const { dataverse } = client.sandbox
  await client.send('GET', 'leads?$select=lastname', undefined, PREFER)
  await client.send('GET', 'leads?$select=leadid', undefined, PREFER)
  dataverse.update('lead', String(dataverse.rows('lead')[0]?.leadid), { lastname: 'A2' })
  assert.deepEqual((await readAll(client))[0], ['A2', 'B'])
})

test('links lead to a foreign origin, nextLink and deltaLink alike', async () => {
  const how = { kind: 'foreign-link', origin: 'http://evil.example' } as const
  await using client = await withLeads(how)
  const next = await client.send('GET', 'leads?$select=lastname', undefined, PREFER)
  assert.match(String(next.json?.['@odata.nextLink']), /^http:\/\/evil\.example\/api\/data\/v9\.2\/leads\?/)
  client.sandbox.dataverse.bend({ operation: 'changes', how })
  const last = await client.send('GET', 'leads', undefined, { prefer: 'odata.track-changes' })
  assert.match(String(last.json?.['@odata.deltaLink']), /^http:\/\/evil\.example\/.*deltatoken/)
})

test('a spoiled row loses its id; a page of HTML is a 200', async () => {
  await using client = await withLeads({ kind: 'spoil-row', unset: ['leadid'] })
  const spoiled = await client.send('GET', 'leads?$select=lastname', undefined, PREFER)
  assert.deepEqual(
    rowsOf(spoiled).map((row) => 'leadid' in row),
    [false, true],
  )
  client.sandbox.dataverse.bend({ operation: 'changes', how: { kind: 'html-200' } })
  const html = await client.send('GET', 'leads?$select=lastname', undefined, PREFER)
  assert.deepEqual([html.status, html.headers.get('content-type'), html.json], [200, 'text/html', undefined])
})

test('a bend for changes leaves other reads alone, and a refusal stays a refusal', async () => {
  await using client = await withLeads({ kind: 'reverse-rows' })
  const plain = await client.send('GET', 'leads?$select=lastname')
  assert.deepEqual(rowsOf(plain)[0]?.lastname, 'A')
  const refused = await client.send('GET', 'leads?$top=1', undefined, PREFER)
  assert.equal(refused.status, 400)
  assert.deepEqual((await readAll(client))[0], ['A', 'B'])
})

const kinds: [operation: Bend['operation'], method: string, path: string][] = [
  ['update', 'PATCH', 'leads(5a0c2d9e-11aa-5b77-8c0e-64d5a7f0c222)'],
  ['delete', 'DELETE', 'leads(5a0c2d9e-11aa-5b77-8c0e-64d5a7f0c222)'],
  ['changes', 'GET', 'leads?$deltatoken=1'],
  ['changes', 'GET', 'leads?$skiptoken=%253Ccookie%2520istracking%253D%2522True%2522%253E'],
  ['read', 'GET', 'leads?$skiptoken=%253Ccookie%2520istracking%253D%2522False%2522%253E'],
]
for (const [operation, method, path] of kinds) {
  test(`${method} ${path} is met by a bend for ${operation}`, async () => {
    await using client = await connect()
    const how = { kind: 'error', status: 418, code: 'x', message: 'x' } as const
    const others = ['create', 'update', 'delete', 'batch', 'read', 'changes', 'metadata'] as const
    for (const other of others) {
      if (other !== operation) client.sandbox.dataverse.bend({ operation: other, how: { kind: 'deadlock' } })
    }
    client.sandbox.dataverse.bend({ ...(operation && { operation }), how })
    assert.equal((await client.send(method, path, method === 'PATCH' ? {} : undefined)).status, 418)
  })
}
