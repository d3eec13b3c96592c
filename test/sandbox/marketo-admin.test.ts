import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSandbox } from '../../sandbox/index.ts'
import { toAnswer } from './client.ts'
import { connectMarketo, errorOf, resultOf } from './marketo-client.ts'

async function control(url: string, method: string, path: string, body?: unknown) {
  const payload = body === undefined ? {} : { body: JSON.stringify(body) }
  return toAnswer(await fetch(`${url}/_sandbox${path}`, { method, ...payload }))
}

test('another process can seed, look, edit, merge, delete and reset', async () => {
  await using sandbox = await startSandbox()
  const { url } = sandbox.marketo
  const field = { name: 'crmId', displayName: 'CRM id', dataType: 'string', length: 50 }
  assert.equal((await control(url, 'POST', '/fields', field)).status, 204)
  const seeded = await control(url, 'POST', '/seed', { lastName: 'Ek', crmId: 'x' })
  assert.deepEqual([seeded.status, seeded.json], [201, { id: 1001 }])
  await control(url, 'POST', '/seed', { phone: '1' })
  assert.equal((await control(url, 'PATCH', '/people/1001', { lastName: 'Alm' })).status, 204)
  assert.equal((await control(url, 'POST', '/merge', { winner: 1001, losers: [1002] })).status, 204)
  const { lastName, phone, crmId } = (await control(url, 'GET', '/people/1001')).json ?? {}
  assert.deepEqual([lastName, phone, crmId], ['Alm', '1', 'x'])
  assert.match((await control(url, 'GET', '/people')).text, /^\[\{"id":1001,[^{]+\}\]$/)
  assert.equal((await control(url, 'GET', '/people/1002')).status, 404)
  assert.equal((await control(url, 'DELETE', '/fields/crmId')).status, 204)
  assert.equal((await control(url, 'DELETE', '/people/1001')).status, 204)
  assert.deepEqual(sandbox.marketo.people(), [])
  await control(url, 'POST', '/seed', { lastName: 'Ek' })
  await control(url, 'POST', '/reset')
  assert.deepEqual(sandbox.marketo.people(), [])
})

test('another process can bend replies, set limits, revoke the token and read the calls', async () => {
  await using client = await connectMarketo()
  const { marketo } = client
  const path = '/rest/v1/leads/describe2.json'
  const bend = {
    operation: 'describe',
    method: 'GET',
    path: 'describe2',
    how: { kind: 'error', code: '611' },
  }
  assert.equal((await control(marketo.url, 'POST', '/bend', bend)).status, 204)
  assert.equal(errorOf(await client.send(path)).code, '611')
  await control(marketo.url, 'POST', '/limits', { callsPerWindow: 2 })
  assert.equal(resultOf(await client.send(path)).length, 1)
  assert.equal(errorOf(await client.send(path)).code, '606')
  await control(marketo.url, 'POST', '/revoke-token')
  assert.equal(errorOf(await client.send(path)).code, '602')
  const calls = await control(marketo.url, 'GET', '/calls')
  assert.match(calls.text, /"operation":"describe","status":200,"errorCode":"606"/)
})

test('another process can play a human, a campaign and an admin', async () => {
  await using sandbox = await startSandbox()
  const { marketo } = sandbox
  const { url } = marketo
  await control(url, 'POST', '/fields', { name: 'crmId', dataType: 'string' })
  await control(url, 'POST', '/seed?source=List%20import', { lastName: 'Ek', crmId: '7' })
  await control(url, 'POST', '/seed', { phone: '1' })
  const by = 'source=Marketo%20Flow%20Action&reason=Spring&campaignId=2044'
  assert.equal((await control(url, 'PATCH', `/people/1001?${by}`, { lastName: 'Alm' })).status, 204)
  assert.equal((await control(url, 'POST', '/people/1001/score', { amount: 5 })).status, 204)
  assert.equal((await control(url, 'POST', `/merge?${by}`, { winner: 1001, losers: [1002] })).status, 204)
  assert.equal((await control(url, 'DELETE', `/people/1001?${by}`)).status, 204)
  const log: unknown = JSON.parse((await control(url, 'GET', '/log')).text)
  assert.ok(Array.isArray(log))
  assert.deepEqual(
    log.map((entry) => [entry.typeId, entry.leadId, entry.campaignId]),
    [
      [12, 1001, undefined],
      [12, 1002, undefined],
      [13, 1001, 2044],
      [22, 1001, undefined],
      [13, 1001, undefined],
      [32, 1001, 2044],
      [37, 1002, 2044],
      [37, 1001, 2044],
    ],
  )
  assert.deepEqual(Object(log[0]).attributes[0], { name: 'Source Type', value: 'List import' })
  assert.deepEqual(Object(log[2]).cause, {
    source: 'Marketo Flow Action',
    reason: 'Spring',
    campaignId: 2044,
  })
})

test('another process can change the schema, turn the knobs and hold the log back', async () => {
  await using sandbox = await startSandbox()
  const { marketo } = sandbox
  const { url } = marketo
  await control(url, 'POST', '/fields', { name: 'crmId', dataType: 'string' })
  await control(url, 'POST', '/seed', { crmId: '7' })
  const changes = { name: 'crmKey', dataType: 'integer', isBlocked: true }
  assert.equal((await control(url, 'PATCH', '/fields/crmId', changes)).status, 204)
  assert.equal((await control(url, 'PATCH', '/fields/title', { length: 9 })).status, 204)
  assert.equal(marketo.person(1001)?.crmKey, 7)
  const { dataType, isBlocked } = marketo.subscription.schema.field('crmKey') ?? {}
  assert.deepEqual(
    [dataType, isBlocked, marketo.subscription.schema.field('title')?.length],
    ['integer', true, 9],
  )
  const knobs = { pageItemsMax: 2, overlong: 'truncate', nativeCrmSync: true }
  assert.equal((await control(url, 'POST', '/knobs', knobs)).status, 204)
  const known = (await control(url, 'GET', '/knobs')).json
  assert.deepEqual([known?.pageItemsMax, known?.overlong, known?.nativeCrmSync], [2, 'truncate', true])
  await control(url, 'POST', '/delay-activities', { ms: 60_000 })
  await control(url, 'PATCH', '/people/1001', { title: 'Buyer' })
  const { at = 0, visibleAt } = marketo.log().at(-1) ?? {}
  assert.equal(visibleAt, at + 60_000)
  const token = marketo.subscription.feed.tokenSince(0)
  assert.equal((await control(url, 'POST', '/expire-paging-tokens')).status, 204)
  assert.throws(() => marketo.subscription.feed.deletedLeads({ token }), { code: '1003' })
  marketo.reset()
  assert.deepEqual([marketo.knobs.pageItemsMax, marketo.log()], [300, []])
})

const bends = [
  { kind: 'reset', commit: 'first' },
  { kind: 'error', code: '611', commit: 'late', afterMs: 1 },
  { kind: 'status', status: 503, body: 'x', retryAfter: '1' },
  { kind: 'html' },
  { kind: 'body', body: 'x' },
  { kind: 'cut', ending: 'clean' },
  { kind: 'drip', gapMs: 1 },
  { kind: 'delay', ms: 1 },
  { kind: 'omit-nulls' },
  { kind: 'empty-result' },
  { kind: 'no-result' },
]
for (const how of bends) {
  test(`a bend of kind ${how.kind} may come from outside`, async () => {
    await using client = await connectMarketo()
    const usual = (await client.send('/rest/v1/lead/1.json')).json
    assert.equal((await control(client.marketo.url, 'POST', '/bend', { how })).status, 204)
    await client.send('/rest/v1/lead/1.json').catch(() => undefined)
    assert.equal(client.marketo.calls.length, 3)
    assert.deepEqual((await client.send('/rest/v1/lead/1.json')).json?.errors, usual?.errors)
  })
}

test('another process can have a webhook called', async () => {
  await using sandbox = await startSandbox()
  const { url } = sandbox.marketo
  const id = sandbox.marketo.seed({ email: 'ann@example.com' })
  const webhook = {
    name: 'Ours',
    url: `${url}/rest/v1/nope.json`,
    template: '{"email": {{lead.Email Address}}}',
    encoding: 'JSON',
    method: 'POST',
    headers: { 'x-api-key': 'k' },
    contentType: 'application/json',
    mappings: [{ path: 'requestId', field: 'Department' }],
    campaign: { id: 7, name: 'Spring' },
    tokens: { 'my.x': '1' },
    timeoutMs: 5_000,
    personId: id,
  }
  const answer = await control(url, 'POST', '/call-webhook', webhook)
  assert.deepEqual(answer.json, {
    sent: {
      method: 'POST',
      url: webhook.url,
      headers: { 'content-type': 'application/json', 'x-api-key': 'k' },
      body: '{"email": "ann@example.com"}',
    },
    status: 200,
    response: answer.json?.response,
    errorType: '',
    mapped: ['department'],
  })
  assert.match((await control(url, 'GET', '/activities')).text, /"activityTypeId":110,"campaignId":7/)
})

const mistakes: [method: string, path: string, body: unknown][] = [
  ['GET', '/nope', undefined],
  ['POST', '/nope', undefined],
  ['POST', '/seed', { nope: 1 }],
  ['POST', '/seed', []],
  ['PATCH', '/people/1', { lastName: 'x' }],
  ['DELETE', '/people/1', undefined],
  ['POST', '/merge', { winner: 1001, losers: 1002 }],
  ['POST', '/merge', { winner: '1001', losers: [] }],
  ['POST', '/fields', { name: 'x', dataType: 'nope' }],
  ['POST', '/fields', { name: 7, dataType: 'string' }],
  ['POST', '/limits', { nope: 1 }],
  ['POST', '/limits', { windowMs: '1' }],
  ['POST', '/bend', { how: { kind: 'nope' } }],
  ['POST', '/bend', { how: { kind: 'error' } }],
  ['POST', '/bend', { operation: 'nope', how: { kind: 'hang' } }],
  ['POST', '/bend', { path: '(', how: { kind: 'hang' } }],
  ['POST', '/bend', {}],
  ['POST', '/bend', { how: { kind: 'reset', commit: 'soon' } }],
  ['PATCH', '/people/1001?campaignId=x', { lastName: 'x' }],
  ['POST', '/people/1001/score', { amount: '5' }],
  ['POST', '/people/1001/score', { amount: 5, field: 'lastName' }],
  ['POST', '/people/9/score', { amount: 5 }],
  ['PATCH', '/fields/nope', { length: 1 }],
  ['PATCH', '/fields/title', { dataType: 'nope' }],
  ['PATCH', '/fields/title', { name: 'email', length: 1 }],
  ['PATCH', '/fields/title', { isBlocked: 'yes' }],
  ['PATCH', '/fields/title', { nope: 1 }],
  ['DELETE', '/fields/nope', undefined],
  ['POST', '/knobs', { nope: 1 }],
  ['POST', '/knobs', { overlong: 'x' }],
  ['POST', '/knobs', { visibleAfterMs: -1 }],
  ['POST', '/knobs', { nativeCrmSync: 1 }],
  ['POST', '/knobs', { webhookFoldsLines: 1 }],
  ['POST', '/knobs', { beyondBmp: 'x' }],
  ['POST', '/delay-activities', {}],
  ['POST', '/call-webhook', { url: 'nope', personId: 1001 }],
  ['POST', '/call-webhook', { url: 'http://example.com/', personId: 1001 }],
  ['POST', '/call-webhook', { url: 'http://127.0.0.1/', personId: 1001, encoding: 'nope' }],
  ['POST', '/call-webhook', { url: 'http://127.0.0.1/', personId: 1001, headers: { x: 1 } }],
  ['POST', '/call-webhook', { url: 'http://127.0.0.1/', personId: 1001, mappings: {} }],
]
for (const [method, path, body] of mistakes) {
  test(`${method} ${path} ${JSON.stringify(body) ?? ''} is told what is wrong and changes nothing`, async () => {
    await using client = await connectMarketo()
    client.marketo.seed({ lastName: 'Ek' })
    const before = client.marketo.people()
    const answer = await control(client.marketo.url, method, path, body)
    assert.ok(answer.status === 400 || answer.status === 404, String(answer.status))
    assert.equal(typeof answer.json?.error, 'string')
    assert.deepEqual([client.marketo.people(), client.marketo.log().length], [before, 1])
    assert.equal(resultOf(await client.send('/rest/v1/lead/1001.json')).length, 1)
  })
}

test('the pages show people and webhook calls to a human, escaped', async () => {
  await using sandbox = await startSandbox()
  const { marketo } = sandbox
  const id = marketo.seed({ lastName: '<script>alert("1")</script>', company: 'Bo & Co' })
  await marketo.callWebhook({
    name: '<i>hook</i>',
    url: 'http://127.0.0.1:1/',
    template: '',
    encoding: 'JSON',
    personId: id,
  })
  const overview = await fetch(marketo.url)
  const html = await overview.text()
  assert.match(overview.headers.get('content-type') ?? '', /^text\/html/)
  assert.match(html, /&lt;script&gt;alert\(&quot;1&quot;\)&lt;\/script&gt;/)
  assert.match(html, /Bo &amp; Co/)
  assert.match(html, /&lt;i&gt;hook&lt;\/i&gt;.*Error Type: <code>Connection failed/)
  assert.doesNotMatch(html, /<script>|<i>/)
  const person = await (await fetch(`${marketo.url}/people/${id}`)).text()
  assert.match(person, /<th>company<\/th><td>Bo &amp; Co<\/td>/)
  assert.match(person, /What happened[\s\S]*&lt;i&gt;hook&lt;\/i&gt;[\s\S]*<td>12<\/td>/)
  assert.doesNotMatch(person, /<script>|<i>/)
  assert.match(await (await fetch(`${marketo.url}/people/9`)).text(), /There is no such person/)
})

test('Marketo has a port of its own, which closing frees', async () => {
  const sandbox = await startSandbox()
  const { MARKETO_URL = '', ...rest } = sandbox.marketoEnvironment()
  assert.deepEqual(Object.keys(rest), ['MARKETO_CLIENT_ID', 'MARKETO_CLIENT_SECRET', 'MARKETO_MUNCHKIN_ID'])
  const marketoPort = Number(new URL(MARKETO_URL).port)
  await assert.rejects(startSandbox({ marketoPort }), { code: 'EADDRINUSE' })
  await Promise.all([sandbox.close(), sandbox.close()])
  await (await startSandbox({ marketoPort })).close()
})
