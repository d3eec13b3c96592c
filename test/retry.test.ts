import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Busy, Rejected, Unauthorized, Unavailable } from '../src/errors.ts'
import { retry, retryHint, waitMs } from '../src/retry.ts'
import { Scheduler } from './simulation/scheduler.ts'

const backoff = { baseMs: 100, maxMs: 1_000 }

describe('how long to wait', () => {
  it('grows to its cap, is jittered by at most half, and never cuts a server’s hint short', () => {
    const attempt = fc.integer({ min: 1, max: 2_000 })
    const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    const hint = fc.integer({ min: -5, max: 86_400_000 })
    fc.assert(
      fc.property(attempt, draw, hint, (tries, next, hintMs) => {
        const wait = waitMs(backoff, tries, { next: () => next, uuid: () => '' }, hintMs)
        const ceiling = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(tries - 1, 30))
        const own = wait - Math.max(hintMs, 0)
        assert.ok(own >= Math.floor(ceiling / 2) && own <= ceiling)
      }),
    )
  })

  it('is worth while only where trying again may help', () => {
    const detail = { code: 'c', advice: 'a' }
    assert.deepEqual(
      [
        new Busy('', 7),
        new Unavailable(''),
        new Rejected('', detail),
        new Unauthorized('', detail),
        new TypeError(),
      ].map(retryHint),
      [7, 0, undefined, undefined, undefined],
    )
  })
})

describe('the loop that waits', () => {
  const play = async (errors: unknown[], deadlineMs: number, abortAtMs?: number) => {
    const scheduler = new Scheduler(1)
    const abort = new AbortController()
    const start = scheduler.now()
    const tries: number[] = []
    const run = async () => {
      tries.push(scheduler.now() - start)
      const error = errors.shift()
      if (error !== undefined) throw error
      return 'done'
    }
    const options = { backoff, deadline: start + deadlineMs, signal: abort.signal, clock: scheduler }
    const ended = retry(run, { ...options, random: { next: () => 0.5, uuid: () => '' } }).then(
      (value) => value,
      (error: unknown) => error,
    )
    if (abortAtMs !== undefined) scheduler.at(abortAtMs, () => abort.abort('stopped'))
    await scheduler.run()
    return { ended: await ended, tries }
  }

  it('tries until it is done', async () => {
    const { ended, tries } = await play([new Unavailable(''), new Busy('', 500)], 10_000)
    assert.deepEqual([ended, tries], ['done', [0, 75, 75 + 500 + 150]])
  })

  it('gives up at once where trying again cannot help', async () => {
    const refusal = new Rejected('', { code: 'c', advice: 'a' })
    assert.deepEqual(await play([refusal], 10_000), { ended: refusal, tries: [0] })
  })

  it('gives up rather than wait beyond its deadline', async () => {
    const busy = new Busy('', 1_000)
    assert.deepEqual(await play([busy], 1_000), { ended: busy, tries: [0] })
  })

  it('stops waiting when it is told to', async () => {
    assert.deepEqual(await play([new Busy('', 5_000)], 10_000, 50), { ended: 'stopped', tries: [0] })
  })
})
