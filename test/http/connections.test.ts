import assert from 'node:assert/strict'
import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test as testAtAll } from 'node:test'
import type { FastifyPluginAsync } from 'fastify'
import { DEFAULT_HTTP_LIMITS } from '../../src/http/app.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { createEdge } from './edge.ts'

/** Without its bound a caller waits for ever. */
const test = (name: string, run: (t: TestContext) => Promise<void>) =>
  testAtAll(name, { timeout: 15_000 }, run)
const BIG = Buffer.alloc(64 * 1024 * 1024, 'x')

/** `/hold` answers when it is released, `/big` with more than a connection's buffers take. */
async function listen(t: TestContext, limits: Partial<typeof DEFAULT_HTTP_LIMITS> = {}) {
  const released = Promise.withResolvers<void>()
  t.after(() => released.resolve())
  const asked: string[] = []
  let atOnce = 0
  let mostAtOnce = 0
  const endpoint: FastifyPluginAsync = async (scope) => {
    scope.get('/hold/:name', async ({ params }) => {
      asked.push(String(Object(params).name))
      atOnce += 1
      mostAtOnce = Math.max(mostAtOnce, atOnce)
      await released.promise
      atOnce -= 1
      return params
    })
    // The next request arrives while the turn of this one has not ended.
    scope.get('/followed', async (request, reply) => {
      const next = Buffer.from(get('/hold/next') + get('/hold/last', 'Connection: close\r\n'))
      reply.raw.once('close', () => request.raw.socket.emit('data', next))
      return {}
    })
    scope.get('/big', async (_request, reply) => reply.type('text/plain').send(BIG))
  }
  const metrics = createMetrics({ version: '0.0.0' })
  const { app, log } = await createEdge(t, {
    openEndpoints: [endpoint],
    limits: { ...DEFAULT_HTTP_LIMITS, ...limits },
    metrics,
  })
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const open = async () => {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => {})
    t.after(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  return {
    open,
    log,
    asked,
    mostAtOnce: () => mostAtOnce,
    release: released.resolve,
    closedBy: async (reason: string) =>
      new RegExp(`^http_connections_closed_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(
        await metrics.render(),
      )?.[1],
  }
}

const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`

async function closed(socket: Socket): Promise<void> {
  socket.resume()
  if (!socket.closed) await once(socket, 'close')
}

test('a request that arrives at the end of the one before it is handled once', async (t) => {
  const { open, asked, release } = await listen(t)
  const socket = await open()
  socket.write(get('/followed'))
  const answered = text(socket)
  while (!asked.includes('next')) await new Promise(setImmediate)
  for (let turns = 0; turns < 3; turns += 1) await new Promise(setImmediate)
  release()
  const answers = (await answered).match(/"name":"\w+"/g)
  assert.deepEqual(
    [asked, answers],
    [
      ['next', 'last'],
      ['"name":"next"', '"name":"last"'],
    ],
  )
})

test('requests of one connection are handled one at a time and answered in order', async (t) => {
  const { open, asked, mostAtOnce, release } = await listen(t)
  const socket = await open()
  socket.write(get('/hold/a') + get('/hold/b') + get('/hold/c', 'Connection: close\r\n'))
  const other = await open()
  other.write(get('/hold/z', 'Connection: close\r\n'))
  const answers = Promise.all([text(socket), text(other)])
  while (!asked.includes('z')) await new Promise(setImmediate)
  assert.deepEqual(asked, ['a', 'z'])
  release()
  const [mine, theirs] = await answers
  assert.deepEqual(mine.match(/"name":"."/g), ['"name":"a"', '"name":"b"', '"name":"c"'])
  assert.match(theirs, /"name":"z"/)
  assert.equal(mostAtOnce(), 2, 'one of each connection')
})

test('a connection with more open requests than the limit is closed, and a log line says so', async (t) => {
  const { open, asked, log, closedBy } = await listen(t, { connectionRequestsMax: 3 })
  const socket = await open()
  for (const name of ['a', 'b', 'c']) socket.write(get(`/hold/${name}`))
  while (asked.length === 0) await new Promise(setImmediate)
  socket.write(get('/hold/d'))
  await closed(socket)
  assert.deepEqual(asked, ['a'])
  assert.match(log(), /"event":"connection-closed","code":"too-many-requests"/)
  assert.equal(await closedBy('too-many-requests'), '1')
})

test('of a piece with more requests than the limit not one is parsed', async (t) => {
  const { open, asked, closedBy } = await listen(t, { connectionRequestsMax: 3 })
  let parsed = 0
  const count = () => {
    parsed += 1
  }
  diagnostics.subscribe('http.server.request.start', count)
  t.after(() => diagnostics.unsubscribe('http.server.request.start', count))
  const socket = await open()
  socket.write(get('/hold/a').repeat(1_000))
  await closed(socket)
  assert.deepEqual([parsed, asked], [0, []])
  assert.equal(await closedBy('too-many-requests'), '1')
})

test('a caller who does not read an answer is closed, one who reads slowly is not', async (t) => {
  const { open, log, closedBy } = await listen(t, { writeTimeoutMs: 4_000 })
  const idle = await open()
  idle.pause()
  idle.write(get('/big'))
  const slow = await open()
  slow.write(get('/big', 'Connection: close\r\n'))
  let bytes = 0
  for await (const piece of slow) bytes += piece.length
  assert(bytes > BIG.length)
  while ((await closedBy('answer-not-read')) === undefined) await new Promise(setImmediate)
  assert.equal(await closedBy('answer-not-read'), '1')
  assert.match(log(), /"event":"connection-closed","code":"answer-not-read"/)
})

test('beyond the limit of connections a new one is closed, and room is made for the next', async (t) => {
  const { open, closedBy } = await listen(t, { connectionsMax: 2 })
  const busy = await open()
  busy.write(get('/hold/a'))
  const idle = await open()
  idle.write(get('/livez'))
  await once(idle, 'data')
  const refused = await open()
  await Promise.all([closed(refused), closed(idle)])
  assert.equal(await closedBy('too-many-connections'), '1')
  const next = await open()
  next.write(get('/livez', 'Connection: close\r\n'))
  assert.match(await text(next), /"alive"/)
  assert.equal(busy.closed, false)
})
