import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { withoutPostgres } from '../postgres/cluster.ts'
import { openReplicas, until } from './rig.ts'

const sharing = { blockMs: 300, leaseMs: 1_500, retryMs: 50, patienceMs: 3_000 }

/** The most moments that lie in one window of that length. */
function mostWithin(momentsMs: readonly number[], windowMs: number): number {
  const sorted = momentsMs.toSorted((a, b) => a - b)
  return Math.max(
    0,
    ...sorted.map((from, index) => sorted.slice(index).filter((at) => at < from + windowMs).length),
  )
}

describe('three replicas that hammer at once', { skip: withoutPostgres, timeout: 120_000 }, () => {
  it('start no more in any window and have no more calls at a time than one would', async () => {
    await using all = await openReplicas(3)
    const changed = {
      ...{ windowCallsMax: 40, reservedWindowCalls: 10, windowMs: 1_500, concurrencyMax: 5, queueMax: 1_000 },
      ...{ queueWaitMaxMs: 60_000, sharing },
    }
    const limiters = all.replicas.map((one) => one.marketo(changed))
    const stopping = new AbortController()
    const startsMs: number[] = []
    const behindMs: number[] = []
    let inFlight = 0
    let mostInFlight = 0
    const callAgainAndAgain = async (limiter: (typeof limiters)[number], lane?: 'background') => {
      while (!stopping.signal.aborted) {
        await limiter.admit({ signal: stopping.signal, ...(lane && { lane }) })
        startsMs.push(systemClock.now())
        if (lane) behindMs.push(systemClock.now())
        inFlight += 1
        mostInFlight = Math.max(mostInFlight, inFlight)
        await systemClock.sleep(5 + (startsMs.length % 7) * 5)
        inFlight -= 1
        limiter.release()
      }
    }
    const callers = limiters.flatMap((limiter) => [
      ...Array.from({ length: 6 }, () => callAgainAndAgain(limiter)),
      callAgainAndAgain(limiter, 'background'),
    ])
    const ended = Promise.allSettled(callers)
    await until(() => startsMs.length >= 120, '120 starts', 20_000)
    stopping.abort(new Error('enough'))
    await ended
    assert(mostWithin(startsMs, 1_500) <= 40, `${mostWithin(startsMs, 1_500)} starts in a window`)
    assert(mostWithin(behindMs, 1_500) <= 30)
    assert(mostInFlight <= 5, `${mostInFlight} calls at a time`)
    const questions = all.replicas.map(({ wire }) => wire.asked)
    assert(Math.max(...questions) > 0)
  })

  it('ask the database much less than once for each call when many come', async () => {
    await using all = await openReplicas(3)
    const limiters = all.replicas.map((one) => one.dataverse({ concurrencyStart: 52, queueMax: 10_000 }))
    let started = 0
    const call = async (limiter: (typeof limiters)[number]) => {
      await limiter.admit(new AbortController().signal)
      started += 1
      await systemClock.sleep(10)
      limiter.release()
    }
    const calls = limiters.flatMap((limiter) => Array.from({ length: 1_000 }, () => call(limiter)))
    await Promise.all(calls)
    const questions = all.replicas.reduce((sum, { wire }) => sum + wire.asked, 0)
    assert.equal(started, 3_000)
    assert(questions < 300, `${questions} questions for 3,000 calls`)
  })

  it('stop within the time of a block when one of them is told to wait', async () => {
    await using all = await openReplicas(3)
    const limiters = all.replicas.map((one) =>
      one.dataverse({ concurrencyStart: 9, sharing: { ...sharing, blockMs: 200 } }),
    )
    const [first] = limiters
    assert(first)
    const stopping = new AbortController()
    const startsMs: number[] = []
    const callAgainAndAgain = async (limiter: (typeof limiters)[number]) => {
      while (!stopping.signal.aborted) {
        await limiter.admit(stopping.signal).then(
          async () => {
            startsMs.push(systemClock.now())
            await systemClock.sleep(3)
            limiter.release()
          },
          () => systemClock.sleep(5),
        )
      }
    }
    const callers = limiters.flatMap((limiter) => [callAgainAndAgain(limiter), callAgainAndAgain(limiter)])
    await until(() => startsMs.length > 100, '100 starts')
    const toldAtMs = systemClock.now()
    first.learn({ kind: 'throttled', cause: 'concurrency', startedAtMs: toldAtMs, retryAfterMs: 60_000 })
    await until(() => limiters.every(({ pausedForMs }) => pausedForMs > 0), 'everybody knows of the pause')
    await systemClock.sleep(300)
    stopping.abort(new Error('enough'))
    await Promise.all(callers)
    const lateMs = Math.max(...startsMs) - toldAtMs
    // The time that two questions under way take comes on top: the publisher's, and one that overtook it.
    assert(lateMs <= 200 + 250, `a start ${lateMs} ms after`)
  })

  it("take over a dead one's slots when its lease is over, not before", async () => {
    await using all = await openReplicas(2)
    const [dying, living] = all.replicas
    assert(dying && living)
    const dead = dying.dataverse({ sharing })
    for (let count = 0; count < 4; count += 1) await dead.admit(new AbortController().signal)
    const heardOfMs = systemClock.now()
    dying.die()
    const limiter = living.dataverse({ sharing })
    await limiter.admit(new AbortController().signal)
    const tookMs = systemClock.now() - heardOfMs
    assert(tookMs >= 1_400 && tookMs < 3_500, `after ${tookMs} ms`)
  })
})
