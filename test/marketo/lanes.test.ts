import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Busy } from '../../src/errors.ts'
import { Limiter, shareOf } from '../../src/marketo/limiter.ts'
import { defaultSettings, type MarketoSettings } from '../../src/marketo/settings.ts'
import { manualClock, settled } from '../dataverse/manual-clock.ts'
import { call } from '../dataverse/rig.ts'
import { found, openRoom } from './rig.ts'

const background = { ...call, lane: 'background' } as const

function setUp(changed: Partial<MarketoSettings>) {
  const time = manualClock()
  const settings = { ...defaultSettings, ...changed }
  const limiter = new Limiter({ settings, clock: time.clock, closing: call.signal })
  const started: string[] = []
  const ask = (name: string) => limiter.admit(call).then(() => started.push(name))
  const askSlowly = (name: string) => limiter.admit(background).then(() => started.push(name))
  return { time, limiter, started, ask, askSlowly }
}

const busyFor = (ms: number) => (error: unknown) => error instanceof Busy && error.retryAfterMs === ms

test('of 5 calls at a time, 50 in a window and 25,000 a day, the background may use 4, 40 and 22,500', () => {
  const { windowCallsMax, dailyCallsMax, reservedConcurrency } = shareOf('background', defaultSettings)
  assert.deepEqual([windowCallsMax, dailyCallsMax, reservedConcurrency], [40, 22_500, 1])
  assert.deepEqual(shareOf(undefined, defaultSettings).windowCallsMax, 50)
})

test('a share that is smaller than the reserve still leaves the background one call', () => {
  const settings = { ...defaultSettings, windowCallsMax: 5, reservedWindowCalls: 10 }
  assert.equal(shareOf('background', settings).windowCallsMax, 1)
})

test('the last slot is left to others, who are served before a background that came first', async () => {
  const { limiter, started, ask, askSlowly } = setUp({ concurrencyMax: 3 })
  const all = [askSlowly('s1'), askSlowly('s2'), askSlowly('s3')]
  await settled()
  assert.deepEqual([started, limiter.queued], [['s1', 's2'], 1])
  all.push(ask('a'), ask('b'))
  await settled()
  assert.deepEqual(started, ['s1', 's2', 'a'])
  limiter.release()
  await settled()
  assert.deepEqual(started, ['s1', 's2', 'a', 'b'])
  limiter.release()
  await settled()
  assert.deepEqual(started.length, 4, 'two are in flight, and the third slot is not for the background')
  limiter.release()
  await Promise.all(all)
  assert.deepEqual(started, ['s1', 's2', 'a', 'b', 's3'])
})

test('with one slot left after refusals the background still moves, when nobody else does', async () => {
  const { limiter, started, askSlowly } = setUp({ concurrencyMax: 2 })
  limiter.learn({ kind: 'too-many-at-once', startedAtMs: 1_800_000_000_000 })
  assert.equal(limiter.budget.concurrency, 1)
  await askSlowly('s')
  assert.deepEqual(started, ['s'])
})

test('the last calls of a window are left to others; the background waits until its share is free', async () => {
  const changed = { windowCallsMax: 4, reservedWindowCalls: 2, windowMs: 20_000, concurrencyMax: 9 }
  const { time, started, ask, askSlowly } = setUp(changed)
  const all = [askSlowly('s1'), askSlowly('s2'), askSlowly('s3')]
  await time.advance(10_000)
  await Promise.all([ask('a'), ask('b')])
  assert.deepEqual(started, ['s1', 's2', 'a', 'b'])
  await time.advance(9_999)
  assert.equal(started.length, 4)
  await time.advance(1)
  assert.equal(started.length, 4, "a and b are within the window and use up the background's share")
  await time.advance(10_000)
  await Promise.all(all)
  assert.deepEqual(started, ['s1', 's2', 'a', 'b', 's3'])
})

test('who comes while the background waits for long is woken as soon as its own share is free', async () => {
  const changed = { windowCallsMax: 3, reservedWindowCalls: 2, windowMs: 20_000, concurrencyMax: 9 }
  const { time, started, ask, askSlowly } = setUp(changed)
  await ask('a')
  await time.advance(10_000)
  await ask('b')
  const slow = askSlowly('s')
  await ask('c')
  await time.advance(6_000)
  const quick = ask('d')
  await time.advance(4_000)
  await quick
  assert.deepEqual(started, ['a', 'b', 'c', 'd'])
  await time.advance(30_000)
  await slow
})

test('when a timer is late, the background does not slip in before those who wait', async () => {
  let now = 0
  const lateClock = { now: () => now, wall: () => now, sleep: () => new Promise<void>(() => undefined) }
  const settings = { ...defaultSettings, windowCallsMax: 2, reservedWindowCalls: 0, windowMs: 1_000 }
  const limiter = new Limiter({ settings, clock: lateClock, closing: call.signal })
  const started: string[] = []
  for (const name of ['a', 'b', 'c']) void limiter.admit(call).then(() => started.push(name))
  now = 1_000
  void limiter.admit(background).then(() => started.push('s'))
  await settled()
  assert.deepEqual(started, ['a', 'b', 'c', 's'])
})

test('606 is waited out by the background and is Busy for everybody else', async () => {
  const { time, limiter, started, ask, askSlowly } = setUp({})
  limiter.learn({ kind: 'window-full' })
  const slow = askSlowly('s')
  await assert.rejects(ask('a'), busyFor(20_000))
  await time.advance(19_999)
  assert.deepEqual(started, [])
  await time.advance(1)
  await slow
  assert.deepEqual(started, ['s'])
})

test('607 is Busy for the background too, for those who wait already as well', async () => {
  const { limiter, ask, askSlowly } = setUp({ concurrencyMax: 1 })
  await ask('a')
  const waiting = assert.rejects(askSlowly('s1'), Busy)
  limiter.learn({ kind: 'day-used-up' })
  await waiting
  await assert.rejects(askSlowly('s2'), (error) => error instanceof Busy && error.retryAfterMs > 60_000)
  assert.equal(limiter.queued, 0)
})

test("the last tenth of a day is left to others, and the background's share is told", async () => {
  const { limiter, ask, askSlowly } = setUp({
    dailyCallsMax: 20,
    reservedDailyPercent: 10,
    concurrencyMax: 99,
  })
  for (let count = 0; count < 18; count += 1) await askSlowly('s')
  assert.equal(limiter.backgroundCallsLeft, 0)
  await assert.rejects(askSlowly('s'), Busy)
  await ask('a')
  await ask('b')
  await assert.rejects(ask('c'), Busy)
})

test('a full queue of the background refuses nobody else', async () => {
  const { limiter, started, ask, askSlowly } = setUp({
    concurrencyMax: 1,
    queueMax: 1,
    queueFullRetryMs: 700,
  })
  await ask('a')
  const all = [askSlowly('s')]
  await assert.rejects(askSlowly('t'), busyFor(700))
  all.push(ask('b'))
  for (let count = 0; count < 2; count += 1) {
    limiter.release()
    await settled()
  }
  await Promise.all(all)
  assert.deepEqual(started, ['a', 'b', 's'])
})

test('whatever comes when, the background never takes the last of a window or of the slots', async () => {
  const steps = fc.array(
    fc.oneof(
      fc.constant('ask' as const),
      fc.constant('slow' as const),
      fc.constant('slow' as const),
      fc.constant('release' as const),
      fc.nat(9_000),
    ),
    { maxLength: 120 },
  )
  await fc.assert(
    fc.asyncProperty(steps, async (taken) => {
      const { time, limiter } = setUp({
        windowCallsMax: 8,
        reservedWindowCalls: 3,
        concurrencyMax: 4,
        queueMax: 500,
      })
      const startsMs: number[] = []
      const admit = async (lane: typeof call | typeof background) => {
        await limiter.admit(lane).catch(() => assert.fail('refused'))
      }
      const pending: Promise<void>[] = []
      for (const step of taken) {
        if (typeof step === 'number') await time.advance(step)
        else if (step === 'release') {
          if (limiter.inFlight > 0) limiter.release()
        } else if (step === 'slow') {
          const asked = admit(background).then(() => {
            startsMs.push(time.clock.now())
          })
          pending.push(asked.catch(() => undefined))
        } else pending.push(admit(call).catch(() => undefined))
        await settled()
        const now = time.clock.now()
        const inWindow = startsMs.filter((at) => at > now - 20_000)
        assert.ok(inWindow.length <= 5, `${inWindow.length} of the background in a window`)
        assert.ok(limiter.budget.startsMs.filter((at) => at > now - 20_000).length <= 8)
        assert.ok(limiter.inFlight <= 4)
      }
    }),
    { numRuns: 60, endOnFailure: true },
  )
})

test('calls of the room go by their lane, and stats tell what is left for the background', async () => {
  const settings = { dailyCallsMax: 10, reservedDailyPercent: 50 }
  await using room = await openRoom(found([{ id: 1 }]), { settings })
  for (let count = 0; count < 5; count += 1) await room.people.read([1], [], background)
  await assert.rejects(room.people.read([1], [], background), Busy)
  await room.people.read([1], [], call)
  const { callsToday, dailyCallsMax, backgroundCallsLeft } = room.stats()
  assert.deepEqual([callsToday, dailyCallsMax, backgroundCallsLeft], [6, 10, 0])
})
