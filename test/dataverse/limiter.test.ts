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
  const askBehind = (name: string, signal = open) =>
    limiter.admit(signal, 'background').then(() => started.push(name))
  return { time, closing, limiter, started, ask, askBehind }
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
  const lateClock = { now: () => now, wall: () => now, sleep: () => new Promise<void>(() => undefined) }
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

const reserves: [number, number][] = [
  [1, 1],
  [2, 1],
  [3, 2],
  [4, 3],
  [8, 6],
  [52, 39],
]

for (const [concurrency, forBackground] of reserves) {
  test(`of ${concurrency} slots the background takes ${forBackground}, and everybody else the rest`, async () => {
    const { limiter, started, ask, askBehind } = setUp({ concurrencyStart: concurrency })
    const waiting = Array.from({ length: 60 }, () => askBehind('b').catch(() => undefined))
    await settled()
    assert.equal(started.length, forBackground)
    const others = Array.from({ length: concurrency - forBackground }, () => ask('f'))
    await Promise.all(others)
    assert.equal(limiter.inFlight, concurrency)
    limiter.learn({ kind: 'pause', retryAfterMs: 1 })
    await Promise.all(waiting)
  })
}

test('however small its share, the reserve is a whole slot', async () => {
  const { started, askBehind, closing } = setUp({ concurrencyStart: 4, backgroundReserveShare: 0.01 })
  const all = Array.from({ length: 4 }, () => askBehind('b').catch(() => undefined))
  await settled()
  assert.equal(started.length, 3)
  closing.abort(new Error('closed'))
  await Promise.all(all)
})

test('the background counts the slots that others hold, so that its reserve stays free', async () => {
  const { started, ask, askBehind, limiter } = setUp({ concurrencyStart: 4 })
  await Promise.all(['a', 'b', 'c'].map((name) => ask(name)))
  const waiting = askBehind('x')
  await settled()
  assert.deepEqual([started, limiter.queued], [['a', 'b', 'c'], 1])
  limiter.release()
  await waiting
})

test('who comes later passes the background that waits, and is passed by nobody', async () => {
  const { limiter, started, ask, askBehind } = setUp({ concurrencyStart: 1 })
  const all = [ask('a'), askBehind('x'), ask('b'), askBehind('y'), ask('c')]
  for (let count = 0; count < 4; count += 1) {
    await settled()
    limiter.release()
  }
  await Promise.all(all)
  assert.deepEqual(started, ['a', 'b', 'c', 'x', 'y'])
})

test('a full lane of background calls keeps nobody else out', async () => {
  const { limiter, ask, askBehind } = setUp({ concurrencyStart: 1, queueMax: 1 })
  await ask('a')
  const waiting = [askBehind('x'), ask('b')]
  await assert.rejects(askBehind('y'), Busy)
  await assert.rejects(ask('c'), Busy)
  limiter.release()
  await settled()
  limiter.release()
  await Promise.all(waiting)
})

test('inside a Retry-After the background is Busy like everybody else', async () => {
  const { time, limiter, ask, askBehind } = setUp({ concurrencyStart: 1 })
  await ask('a')
  const waiting = assert.rejects(askBehind('x'), Busy)
  limiter.learn(throttle(time, 'concurrency', 9_000))
  await waiting
  await assert.rejects(askBehind('y'), (error) => error instanceof Busy && error.retryAfterMs === 9_000)
  assert.equal(limiter.pausedForMs, 9_000)
})

test('background calls that wait for their share are a reason to open more slots', async () => {
  const { limiter, started, askBehind } = setUp({ concurrencyStart: 4 })
  const all = ['a', 'b', 'c', 'd'].map((name) => askBehind(name))
  await settled()
  assert.deepEqual([started.length, limiter.saturated()], [3, true])
  limiter.learn({ kind: 'served', saturated: limiter.saturated() })
  await Promise.all(all)
  assert.equal(limiter.saturated(), false)
})

test('a clock that is set back makes no call wait until its time comes again', async () => {
  const { time, closing } = setUp({})
  let wrongByMs = 86_400_000
  const clock = { ...time.clock, now: () => time.clock.now() + wrongByMs }
  const limiter = new Limiter({ settings: defaultSettings, clock, closing: closing.signal })
  await limiter.admit(open)
  wrongByMs = 0
  await limiter.admit(open)
  assert.equal(limiter.inFlight, 2)
})
