import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import test from 'node:test'
import type { ApiRequest } from '../../src/dataverse/client.ts'
import { Busy, Rejected, Unauthorized, Unavailable } from '../../src/errors.ts'
import { type Answer, bareClient, call, inTurn, json, refusal, scriptedServer } from './rig.ts'

const create: ApiRequest = { method: 'POST', path: 'leads', body: '{"lastname":"Ng"}', name: 'create lead' }
const read: ApiRequest = { method: 'GET', path: 'leads', name: 'read lead' }
const noContent: Answer = (response) => response.writeHead(204, { REQ_ID: 'req-1' }).end()

async function setUp(answer: Answer, settings: Parameters<typeof bareClient>[1] = {}) {
  const stack = new AsyncDisposableStack()
  const server = stack.use(await scriptedServer(answer))
  const rig = stack.use(bareClient(server.origin, settings))
  return { server, ...rig, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

test('every request carries the headers of the Web API and no cookie', async () => {
  const withCookie: Answer = (response) =>
    response.writeHead(204, { 'set-cookie': 'ARRAffinity=344c; path=/; HttpOnly' }).end()
  await using rig = await setUp(withCookie)
  await rig.client.send(create, call)
  await rig.client.send(create, call)
  const { headers, path, body } = rig.server.seen[1] ?? assert.fail()
  assert.deepEqual([path, body], ['/api/data/v9.2/leads', create.body])
  assert.deepEqual(
    [headers.accept, headers['odata-maxversion'], headers['odata-version'], headers['if-none-match']],
    ['application/json', '4.0', '4.0', 'null'],
  )
  assert.deepEqual(
    [headers.authorization, headers['content-type'], headers.cookie],
    ['Bearer token-1', 'application/json', undefined],
  )
})

test('a 401 is answered with one fresh token and one more request', async () => {
  await using rig = await setUp(inTurn((response) => response.writeHead(401).end(), noContent))
  assert.equal((await rig.client.send(create, call)).status, 204)
  const tokens = rig.server.seen.map(({ headers }) => headers.authorization)
  assert.deepEqual(tokens, ['Bearer token-1', 'Bearer token-2'])
})

test('a second 401 is Unauthorized, with no third request', async () => {
  await using rig = await setUp((response) => response.writeHead(401).end('<html>'))
  await assert.rejects(
    rig.client.send(create, call),
    (error) => error instanceof Unauthorized && error.detail.code === 'token-refused',
  )
  assert.equal(rig.server.seen.length, 2)
})

test('a refusal carries the code, the request id and advice', async () => {
  const message = "The length of the 'lastname' attribute of the 'lead' entity exceeded the maximum."
  await using rig = await setUp(refusal(400, '0x80044331', message, { REQ_ID: 'req-9' }))
  await assert.rejects(rig.client.send(create, call), (error) => {
    assert.ok(error instanceof Rejected)
    const { code, field, vendorCode, vendorRequestId } = error.detail
    assert.deepEqual(
      [code, field, vendorCode, vendorRequestId],
      ['field-too-long', 'lastname', '0x80044331', 'req-9'],
    )
    return true
  })
})

test('without REQ_ID the last of the service request ids is kept', async () => {
  await using rig = await setUp(refusal(500, '', 'x', { 'x-ms-service-request-id': 'one,two' }))
  await assert.rejects(
    rig.client.send(create, call),
    (error) => error instanceof Unavailable && error.vendorRequestId === 'two',
  )
})

const inFourHundredSeconds = () => new Date(Date.now() + 400_000).toUTCString()
const throttles: [string, string, string | undefined, [number, number]][] = [
  ['request count, in seconds', '0x80072322', '30', [29_000, 30_000]],
  ['execution time, with a thousands separator', '0x80072321', '1,200', [1_199_000, 1_200_000]],
  ['concurrency, as a date', '0x80072326', inFourHundredSeconds(), [395_000, 400_000]],
  ['without a Retry-After', '0x80072322', undefined, [9_000, 10_000]],
  ['with a Retry-After of nothing', '0x80072322', '0', [1_000, 1_000]],
]

for (const [name, code, retryAfter, [least, most]] of throttles) {
  test(`a 429 (${name}) is Busy, and no call starts until it is over`, async () => {
    const headers: Record<string, string> = retryAfter === undefined ? {} : { 'retry-after': retryAfter }
    await using rig = await setUp(refusal(429, code, 'slow down', headers))
    const waits: number[] = []
    for (const request of [create, read]) {
      await assert.rejects(rig.client.send(request, call), (error) => {
        assert.ok(error instanceof Busy)
        waits.push(error.retryAfterMs)
        return true
      })
    }
    assert.ok(
      waits.every((ms) => ms >= least - 100 && ms <= most),
      `${waits}`,
    )
    assert.deepEqual([rig.server.seen.length, rig.stats], [1, { calls: 1, operations: 1, throttled: 1 }])
  })
}

test('a 503 with a Retry-After is an unknown outcome, and the next call waits', async () => {
  await using rig = await setUp(refusal(503, '0x8005f103', 'busy', { 'retry-after': '60' }))
  await assert.rejects(rig.client.send(create, call), Unavailable)
  await assert.rejects(rig.client.send(create, call), Busy)
  assert.equal(rig.server.seen.length, 1)
})

test('the first dop hint says where parallelism starts', async () => {
  await using rig = await setUp(
    inTurn(json(200, {}, { 'x-ms-dop-hint': '16' }), json(200, {}, { 'x-ms-dop-hint': '40' })),
  )
  await rig.client.send(read, call)
  await rig.client.send(read, call)
  assert.equal(rig.limiter.pace.concurrency, 16)
})

const unknowns: [string, Answer][] = [
  ['an HTML 502', (response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<html>')],
  ['a reset', (response) => response.socket?.resetAndDestroy()],
  [
    'a body shorter than announced',
    (response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('{"value":', () => response.socket?.destroy())
    },
  ],
  ['a deadlock', refusal(500, '0x80044150', 'Sql Number: 1205')],
  ['a body beyond the bound', json(200, { value: 'x'.repeat(20_000) })],
]

for (const [name, answer] of unknowns) {
  test(`${name} is an unknown outcome, and the client itself does not send again`, async () => {
    await using rig = await setUp(answer, { replyBytesMax: 10_000 })
    await assert.rejects(rig.client.send(create, call), Unavailable)
    assert.deepEqual([rig.server.seen.length, rig.limiter.inFlight], [1, 0])
  })
}

const endless: [string, Answer][] = [
  ['a server that never answers', () => undefined],
  [
    'a drip of single bytes',
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const drip = setInterval(() => response.write(' '), 10)
      response.on('close', () => clearInterval(drip))
    },
  ],
]

for (const [name, answer] of endless) {
  test(`${name} is bounded by the overall time of a call, and its slot comes free`, async () => {
    await using rig = await setUp(answer, { callTimeoutMs: 150 })
    const startedAt = performance.now()
    await assert.rejects(rig.client.send(create, call), Unavailable)
    assert.ok(performance.now() - startedAt < 1_000)
    assert.equal(rig.limiter.inFlight, 0)
  })
}

test("a caller's own signal ends the call at once", async () => {
  await using rig = await setUp(() => undefined)
  const leaving = new AbortController()
  const gone = assert.rejects(rig.client.send(create, { signal: leaving.signal }), Unavailable)
  leaving.abort(new Error('deadline'))
  await gone
  await assert.rejects(rig.client.send(create, { signal: leaving.signal }), Unavailable)
  assert.equal(rig.limiter.inFlight, 0)
})

test('a host that accepts a connection and never shakes hands is bounded by the overall time', async () => {
  const sockets: Socket[] = []
  const mute = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const address = mute.address()
  const port = typeof address === 'object' && address !== null ? address.port : assert.fail()
  await using rig = bareClient(`https://127.0.0.1:${port}`, { callTimeoutMs: 150 })
  const startedAt = performance.now()
  await assert.rejects(rig.client.send(create, call), Unavailable)
  assert.ok(performance.now() - startedAt < 1_000)
  assert.equal(rig.limiter.inFlight, 0)
  for (const socket of sockets) socket.destroy()
  mute.close()
})

test('a call that was given up leaves its connection to nobody, and the next call gets another', async () => {
  await using rig = await setUp(
    inTurn(() => undefined, noContent),
    { callTimeoutMs: 500, concurrencyMax: 1 },
  )
  await assert.rejects(rig.client.send(read, call), Unavailable)
  assert.equal((await rig.client.send(create, call)).status, 204)
})

test('a call of somebody who may not call any more does not leave, and gives its slot back', async () => {
  await using server = await scriptedServer(noContent)
  await using rig = bareClient(server.origin, { concurrencyMax: 1 })
  const over = new AbortController()
  const beforeCall = () => over.abort(new Error('over'))
  await assert.rejects(rig.client.send(create, { signal: over.signal, beforeCall }), Unavailable)
  assert.deepEqual(server.seen, [])
  assert.equal((await rig.client.send(create, call)).status, 204)
})

test('a throttled part of a batch is Busy for the whole, and the limiter hears of it', async () => {
  const part = JSON.stringify({ error: { code: '0x80072326', message: 'x' } })
  const lines = ['--b', '', 'HTTP/1.1 429 Too Many Requests', 'Retry-After: 5', '', part, '--b--', '']
  const answer: Answer = (response) =>
    response.writeHead(200, { 'content-type': 'multipart/mixed; boundary=b' }).end(lines.join('\r\n'))
  await using rig = await setUp(answer)
  await assert.rejects(
    rig.client.batch({ name: 'find people', parts: [{ method: 'GET', path: 'leads' }] }, call),
    Busy,
  )
  assert.deepEqual([rig.limiter.pace.proven, rig.stats.throttled], [true, 1])
})

test('no event of the log holds a URL, a token or a value', async () => {
  await using rig = await setUp(inTurn(json(200, { value: [] }), (response) => response.socket?.destroy()))
  const request = { ...read, path: "leads?$filter=emailaddress1%20eq%20'ada%40example.invalid'" }
  await rig.client.send(request, call)
  await assert.rejects(rig.client.send(request, call), Unavailable)
  assert.equal(rig.lines.length, 2)
  assert.doesNotMatch(rig.lines.join('\n'), /ada|example|token-|filter|127\.0\.0\.1/)
})
