import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Quota, STOCK_LIMITS } from '../../sandbox/marketo/limits.ts'
import { connectMarketo, errorOf, requestToken, resultOf } from './marketo-client.ts'

const PATH = '/rest/v1/lead/1001.json?fields=lastName,phone'

for (const code of ['601', '602', '606', '607', '608', '611', '615', '1006']) {
  test(`an error ${code} is told once, inside a 200`, async () => {
    await using client = await connectMarketo()
    client.marketo.seed({ lastName: 'Ek' })
    client.marketo.bend({ how: { kind: 'error', code } })
    const error = errorOf(await client.send(PATH))
    assert.equal(error.code, code)
    assert.notEqual(error.message, '')
    assert.deepEqual(resultOf(await client.send(PATH)), [{ id: 1001, lastName: 'Ek', phone: null }])
    assert.deepEqual(
      client.marketo.calls.slice(-2).map(({ status, errorCode }) => [status, errorCode]),
      [
        [200, code],
        [200, undefined],
      ],
    )
  })
}

test('a reply can be another status, a page, any text, empty of results, or without nulls', async () => {
  await using client = await connectMarketo()
  client.marketo.seed({ lastName: 'Ek' })
  client.marketo.bend({ how: { kind: 'status', status: 503, retryAfter: '7', body: 'later' } })
  const busy = await client.send(PATH)
  assert.deepEqual([busy.status, busy.headers.get('retry-after'), busy.text], [503, '7', 'later'])
  client.marketo.bend({ how: { kind: 'html' } })
  const page = await client.send(PATH)
  assert.deepEqual([page.status, page.headers.get('content-type')], [502, 'text/html'])
  client.marketo.bend({ how: { kind: 'body', body: '{"success":tr' } })
  assert.equal((await client.send(PATH)).text, '{"success":tr')
  client.marketo.bend({ how: { kind: 'empty-result' } })
  assert.deepEqual(resultOf(await client.send(PATH)), [])
  client.marketo.bend({ how: { kind: 'no-result' } })
  assert.deepEqual(Object.keys((await client.send(PATH)).json ?? {}), ['requestId', 'success'])
  client.marketo.bend({ how: { kind: 'omit-nulls' } })
  assert.deepEqual(resultOf(await client.send(PATH)), [{ id: 1001, lastName: 'Ek' }])
  assert.deepEqual(resultOf(await client.send(PATH)), [{ id: 1001, lastName: 'Ek', phone: null }])
})

test('a reply can be cut, reset, hung, dripped or late', async () => {
  await using client = await connectMarketo()
  client.marketo.seed({ lastName: 'Ek' })
  client.marketo.bend({ how: { kind: 'reset' } })
  await assert.rejects(client.send(PATH))
  client.marketo.bend({ how: { kind: 'cut' } })
  await assert.rejects(client.send(PATH))
  client.marketo.bend({ how: { kind: 'cut', ending: 'clean' } })
  assert.equal((await client.send(PATH)).json, undefined)
  client.marketo.bend({ how: { kind: 'hang' } })
  const headers = { authorization: `Bearer ${client.token}` }
  await assert.rejects(client.send(PATH, { headers, signal: AbortSignal.timeout(100) }))
  for (const how of [{ kind: 'drip', gapMs: 1 } as const, { kind: 'delay', ms: 20 } as const]) {
    client.marketo.bend({ how })
    const from = performance.now()
    assert.equal(resultOf(await client.send(PATH)).length, 1)
    assert.ok(performance.now() - from >= 19, how.kind)
  }
  assert.deepEqual(
    client.marketo.calls.slice(1).map(({ status }) => status),
    [0, 0, 0, 0, 200, 200],
  )
})

test('a bend waits for the reply that it is for, and tokens are bent only when said so', async () => {
  await using client = await connectMarketo()
  client.marketo.seed({ lastName: 'Ek' })
  client.marketo.bend({ operation: 'leads', how: { kind: 'error', code: '608' } })
  client.marketo.bend({ path: /lead\/1002/, how: { kind: 'error', code: '611' } })
  client.marketo.bend({ operation: 'token', how: { kind: 'error', code: 'unauthorized', message: 'no' } })
  assert.equal(resultOf(await client.send(PATH)).length, 1)
  assert.equal(errorOf(await client.send('/rest/v1/lead/1002.json')).code, '611')
  const found = await client.send('/rest/v1/leads.json?filterType=id&filterValues=1')
  assert.equal(errorOf(found).code, '608')
  const refused = await requestToken(client.marketo)
  assert.deepEqual([refused.status, refused.json?.error], [401, 'unauthorized'])
  assert.equal((await requestToken(client.marketo)).status, 200)
})

test('a bend is not used up by a caller without a token', async () => {
  await using client = await connectMarketo()
  client.marketo.seed({ lastName: 'Ek' })
  client.marketo.bend({ how: { kind: 'error', code: '608' } })
  assert.equal(errorOf(await client.send(PATH, { headers: {} })).code, '600')
  assert.equal(errorOf(await client.send(PATH)).code, '608')
})

test('too many calls in the window are 606, and the limit is told in its own words', async () => {
  await using client = await connectMarketo({ marketo: { limits: { callsPerWindow: 2, windowMs: 150 } } })
  client.marketo.seed({ lastName: 'Ek' })
  const answers = [await client.send(PATH), await client.send(PATH), await client.send(PATH)]
  assert.deepEqual(
    answers.map(({ json }) => json?.success),
    [true, true, false],
  )
  const error = errorOf(answers[2] ?? assert.fail())
  assert.deepEqual(error, { code: '606', message: "Max rate limit '2' exceeded with in '0.15' secs" })
  let answer = await client.send(PATH)
  while (answer.json?.success === false) answer = await client.send(PATH)
  assert.equal(resultOf(answer).length, 1)
})

test('the daily quota is 607; tokens and refused callers do not count', async () => {
  await using client = await connectMarketo()
  client.marketo.seed({ lastName: 'Ek' })
  client.marketo.setLimits({ dailyCallsMax: 1 })
  await requestToken(client.marketo)
  await client.send(PATH, { headers: {} })
  await client.send(PATH, { method: 'DELETE', headers: { authorization: `Bearer ${client.token}` } })
  assert.equal(resultOf(await client.send(PATH)).length, 1)
  assert.equal(errorOf(await client.send(PATH)).code, '607')
})

test('the daily quota is whole again at midnight, US Central', (context) => {
  const quota = new Quota({ ...STOCK_LIMITS, dailyCallsMax: 1 })
  const isAdmitted = () => typeof quota.enter() === 'function'
  context.mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-01-02T05:59:58Z') })
  assert.deepEqual([isAdmitted(), isAdmitted()], [true, false])
  context.mock.timers.setTime(Date.parse('2026-01-02T05:59:59Z'))
  assert.equal(isAdmitted(), false)
  context.mock.timers.setTime(Date.parse('2026-01-02T06:00:00Z'))
  assert.deepEqual([isAdmitted(), isAdmitted()], [true, false])
})

test('too many calls at once are 615, and a hung one counts until its connection ends', async () => {
  await using client = await connectMarketo({ marketo: { limits: { concurrentMax: 1 } } })
  client.marketo.seed({ lastName: 'Ek' })
  client.marketo.bend({ how: { kind: 'hang' } })
  const gone = new AbortController()
  const headers = { authorization: `Bearer ${client.token}` }
  const hung = assert.rejects(client.send(PATH, { headers, signal: gone.signal }))
  while (client.marketo.calls.length < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(errorOf(await client.send(PATH)).code, '615')
  gone.abort()
  await hung
  let answer = await client.send(PATH)
  while (answer.json?.success === false) answer = await client.send(PATH)
  assert.equal(resultOf(answer).length, 1)
})
