import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { FastifyPluginAsync } from 'fastify'
import { DEFAULT_HTTP_LIMITS } from '../../src/http/app.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { createEdge, KEY, WITH_KEY } from './edge.ts'

const BYTES_MAX = 100_000
const PATIENCE_MS = 10_000
const LARGE = JSON.stringify({ text: 'x'.repeat(60_000) })
const SMALL = JSON.stringify({ text: 'x'.repeat(10_000) })

/** An edge that answers a large body when it is told to, and `held` by its gauge. */
async function openEdge(t: TestContext) {
  const metrics = createMetrics({ version: '0.0.0' })
  const answers: (() => void)[] = []
  const endpoint: FastifyPluginAsync = async (scope) => {
    scope.post('/held', async () => {
      const answered = Promise.withResolvers<string>()
      answers.push(() => answered.resolve('done'))
      return answered.promise
    })
    scope.post('/echo', async () => 'done')
    scope.post('/streamed', { config: { streamsBody: true } }, async () => 'done')
  }
  const limits = { ...DEFAULT_HTTP_LIMITS, bodiesBytesMax: BYTES_MAX }
  const { app } = await createEdge(t, { endpoints: [endpoint], limits, metrics })
  const post = (url: string, payload: string) =>
    app.inject({
      method: 'POST',
      url,
      headers: { ...WITH_KEY, 'content-type': 'application/json' },
      payload,
    })
  const held = async () => Number(/^http_bodies_bytes (\d+)$/m.exec(await metrics.render())?.[1])
  /** Waits for events of the server, of which no promise tells. */
  const until = async (bytes: number) => {
    for (const deadline = performance.now() + PATIENCE_MS; (await held()) !== bytes; ) {
      assert.ok(performance.now() < deadline, `${await held()} bytes are held instead of ${bytes}`)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return { app, post, held, until, answers }
}

test('large bodies are held until their answer, and one that finds no room is refused with 503', async (t) => {
  const { post, until, answers } = await openEdge(t)
  const first = post('/held', LARGE)
  await until(LARGE.length)
  const refused = await post('/echo', LARGE)
  assert.deepEqual([refused.statusCode, refused.json().code], [503, 'too-many-uploads'])
  assert.equal(refused.headers['retry-after'], '1')
  assert.equal((await post('/echo', SMALL)).statusCode, 200, 'small ones are not counted')
  assert.equal((await post('/streamed', LARGE)).statusCode, 200, 'nor those that the route bounds')
  while (answers.length === 0) await new Promise((resolve) => setImmediate(resolve))
  answers[0]?.()
  assert.equal((await first).statusCode, 200)
  await until(0)
  assert.equal((await post('/echo', LARGE)).statusCode, 200)
})

test('a body that is cut off leaves its room', async (t) => {
  const { app, until } = await openEdge(t)
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect(Number(port), '127.0.0.1')
  await once(socket, 'connect')
  const head = ['POST /echo HTTP/1.1', 'Host: x', `x-api-key: ${KEY}`, 'Content-Type: application/json']
  socket.write(`${head.join('\r\n')}\r\nTransfer-Encoding: chunked\r\n\r\n5000\r\n${'x'.repeat(0x5000)}`)
  await until(0x5000)
  socket.destroy()
  await until(0)
})
