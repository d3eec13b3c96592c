import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import test from 'node:test'
import { Busy } from '../../src/errors.ts'
import { Limiter } from '../../src/marketo/limiter.ts'
import { defaultSettings, type MarketoSettings } from '../../src/marketo/settings.ts'
import { manualClock, settled } from '../dataverse/manual-clock.ts'

const open = new AbortController().signal

function setUp(changed: Partial<MarketoSettings>) {
  const time = manualClock()
  const closing = new AbortController()
  const settings = { ...defaultSettings, ...changed }
  const limiter = new Limiter({ settings, clock: time.clock, closing: closing.signal })
  const started: string[] = []
  const ask = (name: string, signal = open) => limiter.admit({ signal }).then(() => started.push(name))
  return { time, closing, limiter, started, ask }
}

const busyFor = (ms: number) => (error: unknown) => error instanceof Busy && error.retryAfterMs === ms

test('calls beyond the slots wait and start first come first served', async () => {
  const { limiter, started, ask } = setUp({ concurrencyMax: 2 })
  const all = ['a', 'b', 'c', 'd'].map((name) => ask(name))
  await settled()
  assert.deepEqual([started, limiter.inFlight, limiter.queued], [['a', 'b'], 2, 2])
  limiter.release()
  all.push(ask('e'))
  await settled()
  assert.deepEqual(started, ['a', 'b', 'c'])
  for (let count = 0; count < 2; count += 1) limiter.release()
  await Promise.all(all.slice(0, 4))
  limiter.release()
  await Promise.all(all)
  assert.deepEqual(started, ['a', 'b', 'c', 'd', 'e'])
})

test('a short wait for the window is waited, a long one is Busy with the time until a call is free', async () => {
  const { time, limiter, started, ask } = setUp({
    windowCallsMax: 1,
    windowMs: 20_000,
    queueWaitMaxMs: 5_000,
  })
  await ask('a')
  limiter.release()
  await time.advance(14_999)
  await assert.rejects(ask('b'), busyFor(5_001))
  await time.advance(1)
  const waiting = ask('c')
  await assert.rejects(ask('d'), busyFor(20_000))
  await time.advance(4_999)
  assert.deepEqual(started, ['a'])
  await time.advance(1)
  await waiting
  assert.deepEqual([started, limiter.budget.day.calls], [['a', 'c'], 2])
})

test('when a timer is late, the next start still belongs to the first in the queue', async () => {
  let now = 0
  const lateClock = { now: () => now, wall: () => now, sleep: () => new Promise<void>(() => undefined) }
  const settings = { ...defaultSettings, windowCallsMax: 2, windowMs: 1_000 }
  const limiter = new Limiter({ settings, clock: lateClock, closing: open })
  const started: string[] = []
  const ask = (name: string) => void limiter.admit({ signal: open }).then(() => started.push(name))
  for (const name of ['a', 'b', 'c']) ask(name)
  now = 1_000
  ask('d')
  await settled()
  assert.deepEqual(started, ['a', 'b', 'c', 'd'])
})

test('a refusal by Marketo reaches those who wait too', async () => {
  const { limiter, ask } = setUp({ concurrencyMax: 1 })
  await ask('a')
  const waiting = assert.rejects(ask('b'), busyFor(20_000))
  limiter.learn({ kind: 'window-full' })
  await waiting
  assert.deepEqual([limiter.queued, limiter.waitMs()], [0, 20_000])
})

test('the calls of a day are counted from midnight in US Central time', async () => {
  const { time, limiter, ask } = setUp({})
  await ask('a')
  assert.equal(limiter.callsToday, 1)
  await time.advance(86_400_000)
  assert.equal(limiter.callsToday, 0)
})

test('a full queue is Busy rather than longer', async () => {
  const { limiter, ask } = setUp({ concurrencyMax: 1, queueMax: 1, queueFullRetryMs: 700 })
  await ask('a')
  const waiting = ask('b')
  await assert.rejects(ask('c'), busyFor(700))
  limiter.release()
  await waiting
})

test('a caller who gives up leaves the queue and takes no slot, and one who is served leaves nothing', async () => {
  const { limiter, started, ask } = setUp({ concurrencyMax: 1 })
  await ask('a')
  const leaving = new AbortController()
  const staying = new AbortController()
  const gone = assert.rejects(ask('b', leaving.signal), /changed my mind/)
  const served = ask('c', staying.signal)
  leaving.abort(new Error('changed my mind'))
  await gone
  await assert.rejects(ask('d', leaving.signal), /changed my mind/)
  limiter.release()
  await served
  assert.deepEqual([started, limiter.inFlight, limiter.queued], [['a', 'c'], 1, 0])
  assert.equal(getEventListeners(staying.signal, 'abort').length, 0)
})

test('closing releases everybody who waits, and the timer', async () => {
  const { time, limiter, closing, ask } = setUp({ windowCallsMax: 1, windowMs: 1_000 })
  await ask('a')
  limiter.release()
  const waiting = assert.rejects(ask('b'), Busy)
  assert.equal(time.sleeping, 1)
  closing.abort(new Error('closed'))
  await waiting
  assert.equal(time.sleeping, 0)
  await assert.rejects(ask('c'), /closed/)
})
