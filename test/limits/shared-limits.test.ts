import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { Limiter as DataverseLimiter } from '../../src/dataverse/limiter.ts'
import { Busy } from '../../src/errors.ts'
import { manualClock } from '../dataverse/manual-clock.ts'
import { withoutPostgres } from '../postgres/cluster.ts'
import { openReplicas, quiet, type Replica } from './rig.ts'

const open = new AbortController().signal
const time = manualClock()

describe('limits that replicas share', { skip: withoutPostgres, timeout: 120_000 }, () => {
  let all: Awaited<ReturnType<typeof openReplicas>>
  let a: Replica
  let b: Replica
  let c: Replica
  before(async () => {
    all = await openReplicas(3, time.clock)
  })
  beforeEach(() => {
    all.refresh()
    const [first, second, third] = all.replicas
    assert(first && second && third)
    a = first
    b = second
    c = third
    for (const { wire, log } of all.replicas) {
      wire.asked = 0
      log.length = 0
    }
  })
  after(() => all[Symbol.asyncDispose]())

  /** Time passes, and whatever it sets off is done before more of it does. */
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 50) {
      await time.advance(Math.min(50, left))
      await quiet(all.replicas)
    }
  }

  /** Asks for so many starts; gives how many there are so far. */
  const ask = async (limiter: DataverseLimiter, count: number, lane?: 'background') => {
    const tally = { started: 0, refused: 0 }
    for (let asked = 0; asked < count; asked += 1) {
      limiter.admit(open, lane).then(
        () => {
          tally.started += 1
        },
        () => {
          tally.refused += 1
        },
      )
    }
    await quiet(all.replicas)
    return tally
  }

  /** Those that count in the windows of this test. */
  const starts = async () => {
    const [row] = await all.postgres.query(
      'select sum(starts)::bigint as starts from quota_block where name = :name',
      { name: all.nameOf('marketo') },
    )
    return row?.starts
  }

  const throttled = (cause: 'requests' | 'concurrency', retryAfterMs: number) =>
    ({ kind: 'throttled', cause, startedAtMs: time.clock.now(), retryAfterMs }) as const

  it('both calls for a person cost one question, and a later person costs another', async () => {
    const limiter = a.dataverse()
    await limiter.admit(open)
    await pass(300)
    limiter.release()
    await limiter.admit(open)
    limiter.release()
    assert.equal(a.wire.asked, 1)
    await pass(200)
    await limiter.admit(open)
    limiter.release()
    assert.equal(a.wire.asked, 2)
    await pass(10_000)
    assert.equal(a.wire.asked, 2, 'who is idle asks nothing')
  })

  it('however many callers come together, few questions are asked', async () => {
    const limiter = a.dataverse({ concurrencyStart: 52 })
    const tally = await ask(limiter, 200)
    for (let ended = 0; ended < 150; ended += 1) limiter.release()
    await quiet(all.replicas)
    assert.deepEqual([tally.started, a.wire.asked <= 3], [200, true], `${a.wire.asked} questions`)
  })

  it('a Retry-After of one is obeyed by the others when their blocks are over', async () => {
    const [one, other] = [a.dataverse(), b.dataverse()]
    await Promise.all([one.admit(open), other.admit(open)])
    one.learn(throttled('concurrency', 30_000))
    await quiet(all.replicas)
    await pass(500)
    const asked = await ask(other, 1)
    assert.deepEqual([asked, other.pausedForMs], [{ started: 0, refused: 1 }, 29_500])
    await assert.rejects(other.admit(open), (error) => error instanceof Busy && error.retryAfterMs === 29_500)
    assert.equal(other.pace.concurrency, 2)
  })

  it('refusals that two meet at the same time lower the pace once, and the longer pause holds', async () => {
    const [one, other] = [a.dataverse({ concurrencyStart: 40 }), b.dataverse({ concurrencyStart: 40 })]
    await Promise.all([one.admit(open), other.admit(open)])
    one.learn(throttled('concurrency', 5_000))
    other.learn(throttled('concurrency', 60_000))
    await quiet(all.replicas)
    await pass(5_000)
    await ask(one, 1)
    assert.deepEqual([one.pace.concurrency, other.pace.concurrency], [20, 20])
    assert.deepEqual([one.pausedForMs, other.pausedForMs], [55_000, 55_000])
  })

  it('what two learn at the same time is known to a third with its next block', async () => {
    const [one, other, third] = [a.dataverse(), b.dataverse(), c.dataverse()]
    await Promise.all([one.admit(open), other.admit(open)])
    one.learn({ kind: 'slow', operations: 100 })
    other.learn(throttled('concurrency', 100))
    await quiet(all.replicas)
    await pass(100)
    await ask(third, 1)
    assert.deepEqual([third.pace.batchSize, third.pace.concurrency], [50, 2])
  })

  it('who has smaller settings than another keeps to its own', async () => {
    const [one, other] = [a.dataverse({ concurrencyStart: 40 }), b.dataverse({ concurrencyMax: 7 })]
    await one.admit(open)
    const tally = await ask(other, 20)
    assert.deepEqual([other.pace.concurrency, tally.started], [7, 6])
  })

  it('starts are spaced over all replicas', async () => {
    const limiters = all.replicas.map((one) => one.dataverse({ concurrencyStart: 50, spacingFirstMs: 100 }))
    const [one] = limiters
    assert(one)
    await one.admit(open)
    one.learn(throttled('requests', 0))
    await quiet(all.replicas)
    await pass(1_000)
    const tallies = await Promise.all(limiters.map((limiter) => ask(limiter, 30)))
    await pass(2_000)
    const started = tallies.reduce((sum, tally) => sum + tally.started, 0)
    assert(started >= 15 && started <= 26, `${started} starts in 2 s with 100 ms between them`)
  })

  it('one that has all slots gives way to others who want one, and each has one before anybody has more', async () => {
    const [one, other, third] = [a.dataverse(), b.dataverse(), c.dataverse()]
    const many = await ask(one, 100)
    const few = [await ask(other, 5), await ask(third, 5)]
    assert.deepEqual([many.started, few.map(({ started }) => started)], [4, [0, 0]])
    for (let ended = 0; ended < 20; ended += 1) {
      one.release()
      await pass(100)
    }
    assert.deepEqual([other.inFlight >= 1, third.inFlight >= 1], [true, true])
    assert.equal(one.inFlight + other.inFlight + third.inFlight, 4)
  })

  it('is full for each of them when others have the rest, which is a reason for more slots', async () => {
    const [one, other] = [a.dataverse(), b.dataverse()]
    await ask(one, 2)
    assert.equal(one.saturated(), false)
    await ask(other, 5)
    assert.deepEqual([other.inFlight, other.saturated()], [2, true])
    other.learn({ kind: 'served', saturated: other.saturated() })
    await pass(500)
    assert.equal(other.inFlight, 3)
  })

  it('an idle replica keeps no more slots than others can spare', async () => {
    const [one, other] = [a.dataverse(), b.dataverse()]
    await ask(one, 4)
    for (let ended = 0; ended < 4; ended += 1) one.release()
    const waiting = await ask(other, 4)
    assert.equal(waiting.started, 0)
    await pass(1_000)
    assert.equal(waiting.started, 4)
  })

  it("a dead replica's slots are free again when its lease is over", async () => {
    const [one, other] = [a.dataverse(), b.dataverse()]
    await ask(one, 4)
    a.die()
    const waiting = await ask(other, 4)
    await pass(2_900)
    assert.equal(waiting.started, 0)
    await pass(400)
    assert.equal(waiting.started, 4)
  })

  it('a replica at work keeps its slots as long as it lives', async () => {
    const [one, other] = [b.dataverse(), c.dataverse()]
    await ask(one, 4)
    const waiting = await ask(other, 1)
    await pass(10_000)
    assert.equal(waiting.started, 0)
  })

  it('one that wakes after its lease starts nothing without a new block', async () => {
    const [sleeper, other] = [a.dataverse(), b.dataverse()]
    await sleeper.admit(open)
    sleeper.release()
    await pass(3_000)
    await ask(other, 4)
    assert.equal(a.wire.asked, 1)
    const woken = await ask(sleeper, 1)
    assert.deepEqual([woken.started, a.wire.asked], [0, 2])
    other.release()
    await pass(1_500)
    assert.equal(woken.started, 1)
  })

  it('an answer that comes too late is no block, and another one is asked for', async () => {
    const limiter = a.dataverse()
    await a.answerLate(async () => {
      void limiter.admit(open)
      await pass(500)
    })
    await quiet(all.replicas)
    assert.deepEqual([limiter.inFlight, a.wire.asked], [1, 2])
  })

  it('while a question is under way nothing starts of the block before', async () => {
    const limiter = a.dataverse()
    await limiter.admit(open)
    limiter.release()
    await a.answerLate(async () => {
      limiter.learn(throttled('concurrency', 0))
      await ask(limiter, 1)
      assert.equal(limiter.inFlight, 0)
    })
    await quiet(all.replicas)
    assert.equal(limiter.inFlight, 1)
  })

  it('a block is over once its successor was asked for, even when none came', async () => {
    const limiter = a.dataverse()
    await limiter.admit(open)
    limiter.release()
    a.wire.broken = new Error('gone')
    limiter.learn({ kind: 'slow', operations: 100 })
    await quiet(all.replicas)
    await assert.rejects(limiter.admit(open), Busy)
    a.wire.broken = undefined
  })

  it('a question that is sent twice takes one block', async () => {
    const limiter = a.marketo()
    a.wire.twice = true
    await limiter.admit({ signal: open })
    a.wire.twice = false
    assert.deepEqual([await starts(), limiter.callsToday], [1, 1])
  })

  it('the background takes no more starts of a window than its share, whoever asks', async () => {
    const settings = { windowCallsMax: 6, reservedWindowCalls: 3, concurrencyMax: 20 }
    for (const limiter of [a.marketo(settings), b.marketo(settings)]) {
      for (let asked = 0; asked < 3; asked += 1) {
        limiter.admit({ signal: open, lane: 'background' }).catch(() => undefined)
      }
    }
    await quiet(all.replicas)
    assert.equal(await starts(), 3)
  })

  it('a late copy of an earlier question changes nothing', async () => {
    const limiter = a.marketo()
    await limiter.admit({ signal: open })
    limiter.release()
    const copy = a.wire.sent
    await pass(1_000)
    await limiter.admit({ signal: open })
    const state = () => all.postgres.query('select * from quota_block order by name, replica, number')
    const before = await state()
    const sql = `select ${all.functions}.take_quota(:ask::jsonb, ${time.clock.now()}) as answer`
    assert.deepEqual(await all.postgres.query(sql, copy), [{ answer: null }])
    assert.deepEqual(await state(), before)
  })

  it('a clock that was set back ends the block, and makes nobody wait for times that come again', async () => {
    let wrongByMs = 3_600_000
    const clock = { ...time.clock, now: () => time.clock.now() + wrongByMs }
    const limiter = a.dataverse({}, clock)
    await limiter.admit(open)
    wrongByMs = 0
    await limiter.admit(open)
    assert.equal(a.wire.asked, 2)
  })

  it('the background leaves its reserve to others on every replica', async () => {
    const [one, other] = [a.dataverse(), b.dataverse()]
    const behind = [await ask(one, 5, 'background'), await ask(other, 5, 'background')]
    await pass(2_000)
    assert.equal(
      behind.reduce((sum, { started }) => sum + started, 0),
      3,
    )
    const before = await ask(other, 1)
    await pass(300)
    assert.equal(before.started, 1)
  })

  it('who gives up while a question is under way leaves the line and nothing behind', async () => {
    const limiter = a.dataverse()
    const leaving = new AbortController()
    await a.answerLate(async () => {
      const gone = assert.rejects(limiter.admit(leaving.signal), /changed my mind/)
      await quiet(all.replicas)
      leaving.abort(new Error('changed my mind'))
      await gone
    })
    assert.deepEqual([limiter.queued, limiter.inFlight], [0, 0])
  })

  it('when the quota cannot be asked nothing starts, everybody is told Busy, and the log says it once', async () => {
    const limiter = a.dataverse()
    a.wire.broken = new Error('gone')
    for (let tries = 0; tries < 3; tries += 1) await assert.rejects(limiter.admit(open), Busy)
    assert.deepEqual([limiter.inFlight, a.log.map(({ event }) => event)], [0, ['quota-away']])
    a.wire.broken = undefined
    await limiter.admit(open)
    a.wire.broken = new Error('gone again')
    await pass(500)
    await assert.rejects(limiter.admit(open), Busy)
    a.wire.broken = undefined
    assert.equal(a.log.length, 2)
  })

  it('a quota that does not answer is waited for no longer than its time, then everybody is Busy at once', async () => {
    const limiter = a.dataverse()
    await a.answerLate(async () => {
      const waiting = await ask(limiter, 3)
      await pass(2_950)
      assert.equal(waiting.refused, 0)
      await pass(50)
      assert.equal(waiting.refused, 3)
      await assert.rejects(limiter.admit(open), Busy)
    })
    await limiter.admit(open)
  })

  it('what was learned while the quota was away is published when it is back', async () => {
    const [one, other] = [a.dataverse(), b.dataverse()]
    await one.admit(open)
    a.wire.broken = new Error('gone')
    one.learn(throttled('concurrency', 60_000))
    one.release()
    await pass(2_000)
    a.wire.broken = undefined
    await pass(1_100)
    await assert.rejects(other.admit(open), Busy)
  })
})
