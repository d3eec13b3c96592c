import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { FastifyPluginAsync } from 'fastify'
import { DEFAULT_HTTP_LIMITS } from '../../src/http/app.ts'
import { createEdge, KEY, WITH_KEY } from './edge.ts'

const LIMITS = {
  ...DEFAULT_HTTP_LIMITS,
  requestTimeoutMs: 150,
  headersTimeoutMs: 100,
  connectionsCheckingIntervalMs: 20,
}

async function listen(t: TestContext, limits = LIMITS) {
  let calls = 0
  const endpoint: FastifyPluginAsync = async (scope) => {
    scope.post('/echo', async (request) => {
      calls += 1
      return request.body
    })
  }
  const { app, log } = await createEdge(t, { endpoints: [endpoint], limits })
  const origin = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  return { port: Number(origin.port), calls: () => calls, log }
}

/** Sends `start`, then `drip` every 10 ms for as long as the server listens; gives all that it said. */
async function send(port: number, start: string, drip?: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(start)
  const timer = setInterval(() => drip !== undefined && socket.writable && socket.write(drip), 10)
  socket.on('error', () => {})
  try {
    return await text(socket)
  } finally {
    clearInterval(timer)
    socket.destroy()
  }
}

const TRIES_MAX = 5
const HEAD = `POST /echo HTTP/1.1\r\nHost: x\r\nx-api-key: ${KEY}\r\nContent-Type: application/json\r\n`
const SLOW: readonly [string, string, string?][] = [
  ['stops in the middle of the headers', 'POST /echo HTTP/1.1\r\nHost:'],
  ['drips headers', 'POST /echo HTTP/1.1\r\nHost: x\r\n', 'x-a: b\r\n'],
  ['stops in the middle of the body', `${HEAD}Content-Length: 1000\r\n\r\n{"a":`],
  ['drips a body of known length', `${HEAD}Content-Length: 1000\r\n\r\n"`, 'x'],
  ['drips a chunked body', `${HEAD}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'],
]
for (const [what, start, drip] of SLOW) {
  test(`closes on a sender who ${what}, with 408`, async (t) => {
    const { port, calls, log } = await listen(t)
    // A drip that meets the closed connection makes the kernel reset it, and an answer that was not read is gone.
    let answer = ''
    for (let tries = 0; answer === '' && tries < TRIES_MAX; tries += 1)
      answer = await send(port, start, drip).catch(() => '')
    assert.match(answer, /^HTTP\/1\.1 408 Request Timeout\r\n/)
    assert.match(answer, /"code":"request-timeout"/)
    assert.equal(calls(), 0)
    assert.doesNotMatch(log(), /"level":"error"/)
  })
}

test('closes on a sender who says nothing at all', async (t) => {
  const { port } = await listen(t)
  assert.match(await send(port, ''), /^(HTTP\/1\.1 408 |$)/)
})

const MALFORMED: readonly [string, string, number, string][] = [
  ['bytes that are not HTTP', '\x16\x03\x01\x00\xa5\r\n\r\n', 400, 'malformed-request'],
  ['two lengths', `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 400, 'malformed-request'],
  ['endless headers', `${HEAD}x: ${'y'.repeat(20_000)}\r\n\r\n`, 431, 'headers-too-large'],
]
for (const [what, bytes, status, code] of MALFORMED) {
  test(`answers ${what} with ${status} and closes`, async (t) => {
    const { port, calls, log } = await listen(t)
    const answer = await send(port, bytes)
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    assert.match(head, new RegExp(`^HTTP/1.1 ${status} `))
    assert.match(head, /Connection: close/)
    const problem = JSON.parse(body)
    assert.partialDeepStrictEqual(problem, { status, code })
    assert.match(head, new RegExp(`X-Request-Id: ${problem.requestId}`))
    assert.match(log(), new RegExp(`"event":"request-unreadable","requestId":"${problem.requestId}"`))
    assert.equal(calls(), 0)
  })
}

test('answers a body that outgrows its limit on the way with 413 and closes', async (t) => {
  const { port, calls } = await listen(t, { ...DEFAULT_HTTP_LIMITS, bodyLimitBytes: 1024 })
  const chunk = `200\r\n${'x'.repeat(512)}\r\n`
  const answer = await send(port, `${HEAD}Transfer-Encoding: chunked\r\n\r\n`, chunk)
  assert.match(answer, /^HTTP\/1\.1 413 /)
  assert.match(answer, /connection: close/i)
  assert.equal(calls(), 0)
})

test('a handler may take longer than the sender may', async (t) => {
  const slow: FastifyPluginAsync = async (scope) => {
    scope.get('/slow', async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      setTimeout(resolve, 300)
      await promise
      return { done: true }
    })
  }
  const { app } = await createEdge(t, { endpoints: [slow], limits: LIMITS })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const answer = await fetch(`${origin}/slow`, { headers: WITH_KEY })
  assert.deepEqual(await answer.json(), { done: true })
})

test('a request on an open connection is answered by its endpoint while the service closes', async (t) => {
  const entered = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const endpoint: FastifyPluginAsync = async (scope) => {
    scope.get('/hold', async () => {
      entered.resolve()
      await release.promise
      return { held: true }
    })
    scope.get('/next', async () => ({ next: true }))
  }
  const { app } = await createEdge(t, { endpoints: [endpoint] })
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect(Number(port), '127.0.0.1')
  const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\nx-api-key: ${KEY}\r\n\r\n`
  socket.write(request('/hold'))
  await entered.promise
  const closed = app.close()
  while (app.server.listening) await setImmediate()
  const arrived = once(app.server, 'request')
  socket.write(request('/next'))
  await arrived
  release.resolve()
  const answers = await text(socket)
  await closed
  assert.match(answers, /\{"held":true\}/)
  assert.match(answers, /\{"next":true\}/)
})
