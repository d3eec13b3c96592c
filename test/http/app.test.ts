import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyPluginAsync } from 'fastify'
import { Unauthorized, Unavailable } from '../../src/errors.ts'
import type { HealthCheck } from '../../src/http/health.ts'
import { createEdge, KEY, OTHER_KEY, WITH_KEY } from './edge.ts'

const EVENT_LOOP = { name: 'event-loop', ok: true }
const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/

test('every answer carries our request id, and echoes a caller id that is harmless', async (t) => {
  const { app } = await createEdge(t)
  const ask = async (url: string, theirs: string) => {
    const { headers } = await app.inject({ url, headers: { 'x-request-id': theirs } })
    assert.match(String(headers['x-request-id']), UUID)
    return headers['x-client-request-id']
  }
  assert.equal(await ask('/livez', 'campaign-7.ann_1'), 'campaign-7.ann_1')
  assert.equal(await ask('/nowhere', 'abc'), 'abc')
  assert.equal(await ask('/metrics', 'abc'), 'abc')
  assert.equal(await ask('/livez', 'a b'), undefined)
  assert.equal(await ask('/livez', '<script>'), undefined)
  assert.equal(await ask('/livez', 'x'.repeat(129)), undefined)
})

test('an endpoint keeps its own body limit and its own way to read a body', async (t) => {
  const raw: FastifyPluginAsync = async (endpoint) => {
    endpoint.removeAllContentTypeParsers()
    endpoint.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) => body)
    endpoint.post('/raw', { bodyLimit: 1024 * 1024 }, async (request) => ({
      bytes: Buffer.isBuffer(request.body) ? request.body.length : -1,
    }))
  }
  const strict: FastifyPluginAsync = async (endpoint) => {
    endpoint.post('/strict', async (request) => request.body)
  }
  const { app } = await createEdge(t, { endpoints: [raw, strict] })
  const payload = Buffer.alloc(200_000, 'x')
  const big = await app.inject({ method: 'POST', url: '/raw', headers: WITH_KEY, payload })
  assert.deepEqual(big.json(), { bytes: 200_000 })
  const tooBig = await app.inject({
    method: 'POST',
    url: '/raw',
    headers: WITH_KEY,
    payload: Buffer.alloc(1048577),
  })
  assert.equal(tooBig.statusCode, 413)
  const json = { ...WITH_KEY, 'content-type': 'application/json' }
  const untouched = await app.inject({ method: 'POST', url: '/strict', headers: json, payload })
  assert.equal(untouched.statusCode, 413)
})

test('health is public: alive always, ready only while every check holds', async (t) => {
  let checks: HealthCheck[] = [{ name: 'store', ok: true }]
  const { app } = await createEdge(t, { health: async () => checks })
  const ask = async (url: string) => {
    const answer = await app.inject({ url })
    return [answer.statusCode, answer.json()]
  }
  assert.deepEqual(await ask('/livez'), [200, { status: 'alive' }])
  assert.deepEqual(await ask('/readyz'), [200, { status: 'ready', checks: [...checks, EVENT_LOOP] }])
  checks = [...checks, { name: 'draining', ok: false, detail: 'Shutting down.' }]
  assert.deepEqual(await ask('/readyz'), [503, { status: 'not-ready', checks: [...checks, EVENT_LOOP] }])
  assert.deepEqual(await ask('/livez'), [200, { status: 'alive' }])
})

test('a health check that throws makes the service not ready, and says nothing in public', async (t) => {
  const health = async () => {
    throw new Error('SECRET')
  }
  const { app, log } = await createEdge(t, { health })
  const answer = await app.inject({ url: '/readyz' })
  assert.deepEqual(
    [answer.statusCode, answer.json()],
    [503, { status: 'not-ready', checks: [{ name: 'health', ok: false }] }],
  )
  assert.match(log(), /health-check-failed/)
})

const EMAIL = 'ann.secret@example.org'
const talkative: FastifyPluginAsync = async (endpoint) => {
  endpoint.post('/v1/talk/:who', async (request) => request.body)
  endpoint.post('/v1/fail/:how', async (request) => {
    request.log.warn({
      event: 'odd',
      headers: request.headers,
      body: request.body,
      req: request,
      url: request.url,
    })
    request.log.warn(request.body, `asked by ${EMAIL}`)
    const cause = new Error(`cannot use "HUSH" for ${EMAIL}`)
    const detail = { code: 'x', advice: 'y' }
    if (request.url.includes('unauthorized')) throw new Unauthorized('no', detail, { cause })
    if (request.url.includes('unavailable')) throw new Unavailable('no', { cause })
    throw cause
  })
}

test('no line holds a key, an e-mail, a name or a query, wherever a caller puts them', async (t) => {
  const { app, log } = await createEdge(t, { endpoints: [talkative] })
  const payload = JSON.stringify({
    email: EMAIL,
    person: { firstName: 'HUSH' },
    lastName: 'HUSH',
    token: 'HUSH',
  })
  const json = {
    ...WITH_KEY,
    'content-type': 'application/json',
    cookie: 'session=HUSH',
    'user-agent': 'HUSH',
  }
  const query = `?email=${encodeURIComponent(EMAIL)}&name=HUSH&token=${KEY}`
  const basic = `Basic ${Buffer.from(`${EMAIL}:${OTHER_KEY}`).toString('base64')}`
  const post = (url: string, headers: Record<string, string>, body = payload) =>
    app.inject({ method: 'POST', url: `${url}${query}`, headers, payload: body })
  await post(`/v1/talk/${encodeURIComponent(EMAIL)}`, json)
  await post('/v1/fail/HUSH', json)
  await post('/v1/fail/unauthorized-HUSH', json)
  await post('/v1/fail/unavailable-HUSH', json)
  await post('/v1/talk/HUSH', json, `{"email": "${EMAIL}", "email": "HUSH"}`)
  await post('/v1/talk/HUSH', json, `{"email": ${EMAIL} HUSH}`)
  await post('/v1/talk/HUSH', { ...json, 'x-api-key': 'HUSH' })
  await post('/v1/talk/HUSH', { authorization: basic, 'content-type': 'text/HUSH' })
  await post('/v1/nowhere/HUSH', json)
  await post('/v1/%zz/HUSH', json)
  await app.inject({ method: 'DELETE', url: `/v1/talk/HUSH${query}`, headers: json })
  assert.doesNotMatch(log(), /HUSH/)
  assert.doesNotMatch(log(), /secret@|secret%40/)
  assert.doesNotMatch(log(), new RegExp(`${KEY}|${OTHER_KEY}|${basic.slice(6)}`))
  assert.match(log(), /"route":"\/v1\/talk\/:who"/)
  assert.match(log(), /"event":"request-failed"/)
})

test('each answer is one line with its request id, route pattern, status and duration', async (t) => {
  const { app, log } = await createEdge(t)
  const { headers } = await app.inject({ url: '/openapi.json?x=1' })
  const lines = log()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.equal(lines.length, 1)
  const { time: _, durationMs, ...rest } = lines[0]
  assert.equal(typeof durationMs, 'number')
  assert.deepEqual(rest, {
    level: 'info',
    event: 'request-answered',
    requestId: headers['x-request-id'],
    method: 'GET',
    route: '/openapi.json',
    status: 200,
  })
})

test('probes are logged at level debug, a refused key at level info', async (t) => {
  const { app, log } = await createEdge(t)
  for (const url of ['/livez', '/readyz', '/metrics']) await app.inject({ url, headers: WITH_KEY })
  await app.inject({ url: '/metrics' })
  const answered = log()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === 'request-answered')
  assert.deepEqual(
    answered.map(({ level, route, status }) => [level, route, status]),
    [
      ['debug', '/livez', 200],
      ['debug', '/readyz', 200],
      ['debug', '/metrics', 200],
      ['info', '/metrics', 401],
    ],
  )
})
