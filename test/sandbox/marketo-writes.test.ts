import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import type { BendHow } from '../../sandbox/marketo/bends.ts'
import { connectMarketo, errorOf, type MarketoClient, outcomes, post } from './marketo-client.ts'

const LEADS = '/rest/v1/leads.json'
const BODY = { input: [{ email: 'ann@example.com', lastName: 'Ek' }] }

/** Whether the people hold who was written, once the sandbox had time enough. */
async function arrives(client: MarketoClient): Promise<boolean> {
  for (let turn = 0; turn < 100_000 && client.marketo.people().length === 0; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  return client.marketo.people().length === 1
}

const lost: Extract<BendHow, { kind: 'error' | 'status' | 'html' | 'reset' }>[] = [
  { kind: 'error', code: '604' },
  { kind: 'status', status: 500 },
  { kind: 'html' },
  { kind: 'reset' },
]
for (const how of lost) {
  test(`a write lost to ${how.kind} is not done, done already, or done later, as the bend says`, async () => {
    for (const commit of ['never', 'first', 'late'] as const) {
      await using client = await connectMarketo()
      client.marketo.bend({ operation: 'sync', how: { ...how, commit, afterMs: 5 } })
      await post(client, LEADS, BODY).catch(() => undefined)
      const atOnce = client.marketo.people().length
      if (commit !== 'late') assert.equal(atOnce, commit === 'first' ? 1 : 0, commit)
      else assert.ok(await arrives(client))
      assert.deepEqual(outcomes(await post(client, LEADS, BODY)), [
        commit === 'never' ? 'created' : 'updated',
      ])
    }
  })
}

test('without a word about it, a write that is refused is not done', async () => {
  await using client = await connectMarketo()
  client.marketo.bend({ operation: 'sync', how: { kind: 'error', code: '611' } })
  assert.equal(errorOf(await post(client, LEADS, BODY)).code, '611')
  assert.deepEqual(client.marketo.people(), [])
})

test('a write whose reply is cut, dripped, late or emptied is done', async () => {
  const suffering: BendHow[] = [
    { kind: 'cut' },
    { kind: 'cut', ending: 'clean' },
    { kind: 'drip', gapMs: 1 },
    { kind: 'delay', ms: 1 },
    { kind: 'body', body: 'x' },
    { kind: 'no-result' },
  ]
  for (const how of suffering) {
    await using client = await connectMarketo()
    client.marketo.bend({ operation: 'sync', how })
    await post(client, LEADS, BODY).catch(() => undefined)
    assert.equal(client.marketo.people().length, 1, how.kind)
  }
})

test('a late write finds the world as it is by then', async () => {
  await using client = await connectMarketo()
  const how = { kind: 'reset', commit: 'late', afterMs: 30 } as const
  client.marketo.bend({ operation: 'sync', how })
  await assert.rejects(post(client, LEADS, BODY))
  client.marketo.seed({ email: 'ann@example.com', lastName: 'Alm' })
  while (client.marketo.person(1001)?.lastName !== 'Ek') {
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(client.marketo.people().length, 1)
})

test('a late write does not outlive a reset', async () => {
  await using client = await connectMarketo()
  const how = { kind: 'reset', commit: 'late', afterMs: 20 } as const
  const writeLate = async (email: string) => {
    client.marketo.bend({ operation: 'sync', how })
    await assert.rejects(post(client, LEADS, { input: [{ email }] }))
  }
  await writeLate('before@example.com')
  client.marketo.reset()
  await writeLate('after@example.com')
  assert.ok(await arrives(client))
  assert.equal(client.marketo.person(1001)?.email, 'after@example.com')
})

const endpoints: [
  operation: NonNullable<Parameters<MarketoClient['marketo']['bend']>[0]['operation']>,
  string,
][] = [
  ['paging-token', '/rest/v1/activities/pagingtoken.json?sinceDatetime=2026-01-01'],
  ['activities', '/rest/v1/activities.json?activityTypeIds=12&nextPageToken=x'],
  ['lead-changes', '/rest/v1/activities/leadchanges.json?fields=email&nextPageToken=x'],
  ['deleted-leads', '/rest/v1/activities/deletedleads.json?nextPageToken=x'],
  ['activity-types', '/rest/v1/activities/types.json'],
  ['schema', '/rest/v1/leads/schema/fields.json'],
  ['external', '/rest/v1/activities/external/types.json'],
  ['crm', '/rest/v1/companies/describe.json'],
  ['stats', '/rest/v1/stats/usage.json'],
]
for (const [operation, path] of endpoints) {
  test(`${operation} can be bent by its name, and counts against the limits`, async () => {
    await using client = await connectMarketo()
    client.marketo.bend({ operation, how: { kind: 'error', code: '719' } })
    assert.equal(errorOf(await client.send(path)).code, '719')
    assert.equal(client.marketo.calls.at(-1)?.operation, operation)
    client.marketo.setLimits({ callsPerWindow: 1 })
    assert.equal(errorOf(await client.send(path)).code, '606')
    client.marketo.setLimits({ callsPerWindow: 100, dailyCallsMax: 1 })
    assert.equal(errorOf(await client.send(path)).code, '607')
  })
}

test('what a webhook answers is written and logged as its doing', async () => {
  await using client = await connectMarketo()
  const { marketo } = client
  const id = marketo.seed({ email: 'ann@example.com' })
  const hook = createServer((_, response) => response.end('{"outcome":"created"}'))
  hook.listen(0, '127.0.0.1')
  await once(hook, 'listening')
  const address = hook.address()
  assert.ok(address && typeof address === 'object')
  await marketo.callWebhook({
    name: 'Ours',
    url: `http://127.0.0.1:${address.port}/`,
    template: '{}',
    encoding: 'JSON',
    mappings: [{ path: 'outcome', field: 'Department' }],
    personId: id,
  })
  hook.close()
  while (marketo.person(id)?.department !== 'created') {
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { typeId, cause } = marketo.log().at(-1) ?? {}
  assert.deepEqual([typeId, cause], [13, { source: 'Webhook', reason: 'Response of Ours' }])
})
