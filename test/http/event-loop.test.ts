import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyPluginAsync } from 'fastify'
import { DEFAULT_HTTP_LIMITS } from '../../src/http/app.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { createEdge, WITH_KEY } from './edge.ts'

const DELAY_MAX_MS = 100
const TURN_MS = 400
/** Longer than what is measured at a time. */
const TURNS = 4

/** Each turn of the event loop takes TURN_MS. */
async function holdUp(): Promise<void> {
  const never = new Int32Array(new SharedArrayBuffer(4))
  for (let turn = 0; turn < TURNS; turn += 1) {
    Atomics.wait(never, 0, 0, TURN_MS)
    await delay(1)
  }
}

test('while the event loop is late, real-time requests are refused and nothing else, and it recovers', async (t) => {
  const handled: string[] = []
  const endpoint = (path: string): FastifyPluginAsync => {
    return async (scope) => {
      scope.post(path, async ({ body }) => {
        handled.push(path)
        return body
      })
    }
  }
  const metrics = createMetrics({ version: '0.0.0' })
  const { app } = await createEdge(t, {
    realTimeEndpoints: [endpoint('/real-time')],
    endpoints: [endpoint('/later')],
    limits: { ...DEFAULT_HTTP_LIMITS, eventLoopDelayMaxMs: DELAY_MAX_MS },
    metrics,
  })
  const post = (url: string, headers: Record<string, string> = WITH_KEY) =>
    app.inject({ method: 'POST', url, headers, payload: {} })
  assert.equal((await post('/real-time')).statusCode, 200)

  await holdUp()
  const refused = await post('/real-time')
  assert.deepEqual(
    [refused.statusCode, refused.json().code, refused.headers['retry-after']],
    [503, 'overloaded', '1'],
  )
  const ready = await app.inject('/readyz')
  assert.equal(ready.statusCode, 503)
  const [check] = ready.json().checks
  assert.deepEqual([check.name, check.ok], ['event-loop', false])
  assert.match(check.detail, /EVENT_LOOP_DELAY_MS \(100 ms\)/)
  assert.equal((await app.inject('/livez')).statusCode, 200)
  assert.equal((await post('/later')).statusCode, 200)
  assert.equal((await post('/real-time', {})).statusCode, 401, 'who has no key learns nothing')
  const numbers = await metrics.render()
  assert.match(numbers, /^requests_shed_total 1$/m)
  assert(Number(/^event_loop_delay_seconds ([\d.]+)$/m.exec(numbers)?.[1]) > DELAY_MAX_MS / 1_000)
  assert.match(numbers, /^event_loop_utilization [\d.]+$/m)

  while ((await app.inject('/readyz')).statusCode !== 200) await delay(10)
  assert.equal((await post('/real-time')).statusCode, 200)
  assert.deepEqual(handled, ['/real-time', '/later', '/real-time'])
})
