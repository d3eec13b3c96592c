import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Busy } from '../../src/errors.ts'
import { manualClock } from '../dataverse/manual-clock.ts'
import { withoutPostgres } from '../postgres/cluster.ts'
import { openReplicas, quiet } from './rig.ts'

const open = { signal: new AbortController().signal }
const behind = { ...open, lane: 'background' } as const
const beforeMidnight = Date.parse('2027-01-15T23:59:00-06:00')

async function under(startMs?: number) {
  const time = manualClock(startMs)
  const all = await openReplicas(2, time.clock)
  const [a, b] = all.replicas
  assert(a && b)
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 100) {
      await time.advance(Math.min(100, left))
      await quiet(all.replicas)
    }
  }
  return { time, a, b, pass, [Symbol.asyncDispose]: () => all[Symbol.asyncDispose]() }
}

describe("Marketo's calls of a day, shared", { skip: withoutPostgres, timeout: 120_000 }, () => {
  it('are counted together, and go on being counted after a restart', async () => {
    await using world = await under()
    const settings = { dailyCallsMax: 3 }
    const [one, other] = [world.a.marketo(settings), world.b.marketo(settings)]
    for (const limiter of [one, other]) {
      await limiter.admit(open)
      limiter.release()
    }
    assert.equal(other.callsToday, 2)
    world.a.die()
    const restarted = world.a.marketo(settings)
    await restarted.admit(open)
    restarted.release()
    assert.equal(restarted.callsToday, 3)
    await assert.rejects(restarted.admit(open), Busy)
    await assert.rejects(other.admit(open), Busy)
  })

  it('leave the last tenth to others than the background', async () => {
    await using world = await under()
    const settings = { dailyCallsMax: 4, reservedDailyPercent: 50 }
    const [one, other] = [world.a.marketo(settings), world.b.marketo(settings)]
    for (const limiter of [one, other]) {
      await limiter.admit(behind)
      limiter.release()
    }
    assert.equal(other.backgroundCallsLeft, 0)
    const refused = assert.rejects(one.admit(behind), Busy)
    await world.pass(2_000)
    await refused
    await one.admit(open)
    one.release()
  })

  it('begin anew at midnight in US Central time, and no block is used on both sides of it', async () => {
    await using world = await under(beforeMidnight)
    const limiter = world.a.marketo({ dailyCallsMax: 2 })
    await world.pass(59_000)
    await world.time.advance(900)
    const leaving = new AbortController()
    await world.a.answerLate(async () => {
      const gone = limiter.admit({ signal: leaving.signal }).catch(() => undefined)
      await quiet([world.a])
      leaving.abort(new Error('changed my mind'))
      await gone
    })
    await world.pass(100)
    assert.equal(limiter.callsToday, 0)
    await limiter.admit(open)
    assert.deepEqual([limiter.callsToday, world.a.wire.asked], [1, 2])
  })

  it('come back when nobody used them', async () => {
    await using world = await under()
    const limiter = world.a.marketo({ dailyCallsMax: 3 })
    const leaving = new AbortController()
    await world.a.answerLate(async () => {
      const gone = [1, 2, 3].map(() => limiter.admit({ signal: leaving.signal }).catch(() => undefined))
      await quiet([world.a])
      leaving.abort(new Error('changed my mind'))
      await Promise.all(gone)
    })
    await world.pass(1_000)
    for (let count = 0; count < 3; count += 1) {
      await limiter.admit(open)
      limiter.release()
    }
    assert.equal(limiter.callsToday, 3)
  })

  it('used up according to Marketo, they are so for every replica', async () => {
    await using world = await under()
    const [one, other] = [world.a.marketo(), world.b.marketo()]
    await one.admit(open)
    one.learn({ kind: 'day-used-up' })
    await quiet([world.a])
    await assert.rejects(other.admit(open), (error) => error instanceof Busy && error.retryAfterMs > 60_000)
    await assert.rejects(other.admit(behind), Busy)
  })

  it('too many at a time is learned once by all, and a full window is waited for by all', async () => {
    await using world = await under()
    const [one, other] = [world.a.marketo({ concurrencyMax: 8 }), world.b.marketo({ concurrencyMax: 8 })]
    await Promise.all([one.admit(open), other.admit(open)])
    const startedAtMs = world.time.clock.now()
    await world.pass(200)
    one.learn({ kind: 'too-many-at-once', startedAtMs })
    other.learn({ kind: 'too-many-at-once', startedAtMs })
    await quiet([world.a, world.b])
    await world.pass(1_100)
    assert.deepEqual([one.budget.concurrency, other.budget.concurrency], [4, 4])
    one.learn({ kind: 'window-full' })
    await quiet([world.a])
    await world.pass(1_000)
    await assert.rejects(other.admit(open), (error) => error instanceof Busy && error.retryAfterMs === 19_000)
  })
})

describe('a database whose clock is set back', { skip: withoutPostgres, timeout: 120_000 }, () => {
  it('keeps nobody from starts and slots until its time comes again', async () => {
    const time = manualClock()
    let wrongByMs = 3_600_000
    await using all = await openReplicas(2, { ...time.clock, now: () => time.clock.now() + wrongByMs })
    const [a, b] = all.replicas
    assert(a && b)
    const settings = { windowCallsMax: 2, windowMs: 2_000, concurrencyMax: 2 }
    const [dead, limiter] = [a.marketo(settings), b.marketo(settings)]
    await Promise.all([dead.admit(open), dead.admit(open)])
    a.die()
    wrongByMs = 0
    const admitted = limiter.admit(open)
    for (let waited = 0; waited < 4_000; waited += 100) {
      await time.advance(100)
      await quiet(all.replicas)
    }
    assert.equal(limiter.inFlight, 1)
    await admitted
  })
})
