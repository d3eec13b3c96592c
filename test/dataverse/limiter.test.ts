import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import test from 'node:test'
import { Limiter } from '../../src/dataverse/limiter.ts'
import { type DataverseSettings, defaultSettings } from '../../src/dataverse/settings.ts'
import { Busy } from '../../src/errors.ts'
import { manualClock, settled } from './manual-clock.ts'

const open = new AbortController().signal

function setUp(changed: Partial<DataverseSettings>) {
  const time = manualClock()
  const closing = new AbortController()
  const settings = { ...defaultSettings, ...changed }
  const limiter = new Limiter({ settings, clock: time.clock, closing: closing.signal })
  const started: string[] = []
  const ask = (name: string, signal = open) => limiter.admit(signal).then(() => started.push(name))
  return { time, closing, limiter, started, ask }
}

const throttle = (
  time: ReturnType<typeof manualClock>,
  cause: 'requests' | 'concurrency',
  retryAfterMs: number,
) => ({ kind: 'throttled', cause, startedAtMs: time.clock.now(), retryAfterMs }) as const

test('calls beyond the slots wait and start first come first served', async () => {
  const { limiter, started, ask } = setUp({ concurrencyStart: 2 })
  const all = ['a', 'b', 'c', 'd'].map((name) => ask(name))
  await settled()
  assert.deepEqual([started, limiter.inFlight, limiter.queued], [['a', 'b'], 2, 2])
  limiter.release()
  await settled()
  assert.deepEqual(started, ['a', 'b', 'c'])
  limiter.release()
  await Promise.all(all)
  assert.deepEqual(started, ['a', 'b', 'c', 'd'])
})

test('a newcomer does not overtake the queue when a slot comes free', async () => {
  const { limiter, started, ask } = setUp({ concurrencyStart: 1 })
  const all = [ask('a'), ask('b')]
  await settled()
  limiter.release()
  all.push(ask('c'))
  await settled()
  assert.deepEqual(started, ['a', 'b'])
  limiter.release()
  await Promise.all(all)
})

test('inside a Retry-After nothing starts: waiting and new calls are Busy with what is left', async () => {
  const { time, limiter, ask } = setUp({ concurrencyStart: 1 })
  await ask('a')
  const waiting = assert.rejects(ask('b'), (error) => error instanceof Busy && error.retryAfterMs === 400_000)
  limiter.learn(throttle(time, 'concurrency', 400_000))
  await waiting
  limiter.release()
  await time.advance(399_999)
  await assert.rejects(ask('c'), (error) => error instanceof Busy && error.retryAfterMs === 1)
  await time.advance(1)
  await ask('d')
})

test('after a request-count 429 starts are spaced in time', async () => {
  const { time, limiter, started, ask } = setUp({ concurrencyStart: 10, spacingFirstMs: 50 })
  limiter.learn(throttle(time, 'requests', 1_000))
  await time.advance(1_000)
  const all = ['a', 'b', 'c'].map((name) => ask(name))
  await settled()
  assert.deepEqual([started, time.sleeping], [['a'], 1])
  await time.advance(49)
  assert.deepEqual(started, ['a'])
  await time.advance(1)
  assert.deepEqual(started, ['a', 'b'])
  await time.advance(50)
  await Promise.all(all)
})

test('a full queue is Busy rather than longer', async () => {
  const { limiter, ask } = setUp({ concurrencyStart: 1, queueMax: 1, queueFullRetryMs: 700 })
  await ask('a')
  const waiting = ask('b')
  await assert.rejects(ask('c'), (error) => error instanceof Busy && error.retryAfterMs === 700)
  limiter.release()
  await waiting
})

test('a caller who gives up leaves the queue and takes no slot', async () => {
  const { limiter, started, ask } = setUp({ concurrencyStart: 1 })
  await ask('a')
  const leaving = new AbortController()
  const gone = assert.rejects(ask('b', leaving.signal), /changed my mind/)
  const staying = ask('c')
  leaving.abort(new Error('changed my mind'))
  await gone
  assert.equal(limiter.queued, 1)
  limiter.release()
  await staying
  assert.deepEqual([started, limiter.inFlight], [['a', 'c'], 1])
})

test('a caller who has given up before takes no slot and does not queue', async () => {
  const { limiter, ask } = setUp({ concurrencyStart: 1 })
  await assert.rejects(ask('a', AbortSignal.abort(new Error('too late'))), /too late/)
  assert.deepEqual([limiter.inFlight, limiter.queued], [0, 0])
})

test('nothing of a call that was admitted stays behind on its signal', async () => {
  const { limiter, ask } = setUp({ concurrencyStart: 1 })
  const caller = new AbortController()
  await ask('a')
  const waiting = ask('b', caller.signal)
  assert.equal(getEventListeners(caller.signal, 'abort').length, 1)
  limiter.release()
  await waiting
  assert.equal(getEventListeners(caller.signal, 'abort').length, 0)
})

test('when a timer is late, the next start still belongs to the first in the queue', async () => {
  let now = 0
  const lateClock = { now: () => now, sleep: () => new Promise<void>(() => undefined) }
  const settings = { ...defaultSettings, concurrencyStart: 10, spacingFirstMs: 50 }
  const limiter = new Limiter({ settings, clock: lateClock, closing: open })
  limiter.learn({ kind: 'throttled', cause: 'requests', startedAtMs: 0, retryAfterMs: 0 })
  const started: string[] = []
  const ask = (name: string) => void limiter.admit(open).then(() => started.push(name))
  for (const name of ['a', 'b']) ask(name)
  now = 60
  ask('c')
  await settled()
  assert.deepEqual(started, ['a', 'b'])
})

test('closing releases everybody who waits, and the timer', async () => {
  const { time, limiter, closing, ask } = setUp({ concurrencyStart: 10 })
  limiter.learn(throttle(time, 'requests', 0))
  await ask('a')
  const waiting = assert.rejects(ask('b'), Busy)
  assert.equal(time.sleeping, 1)
  closing.abort(new Error('closed'))
  await waiting
  assert.equal(time.sleeping, 0)
  await assert.rejects(ask('c'), /closed/)
})
