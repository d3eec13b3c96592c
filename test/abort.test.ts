import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import test from 'node:test'
import { withDeadline } from '../src/abort.ts'
import { manualClock } from './dataverse/manual-clock.ts'

const forever = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

test('work that ends in time leaves no timer and no listener behind', async () => {
  const time = manualClock()
  const caller = new AbortController()
  assert.equal(await withDeadline(time.clock, 1_000, caller.signal, async () => 'done'), 'done')
  assert.deepEqual([time.sleeping, getEventListeners(caller.signal, 'abort').length], [0, 0])
})

test('work that takes too long is aborted at the deadline and not before', async () => {
  const time = manualClock()
  let ended = false
  const work = assert.rejects(
    withDeadline(time.clock, 1_000, new AbortController().signal, forever).finally(() => {
      ended = true
    }),
    /no answer within 1000 ms/,
  )
  await time.advance(999)
  assert.equal(ended, false)
  await time.advance(1)
  await work
})

test("the caller's own abort comes through, before the start and after it", async () => {
  const time = manualClock()
  const early = AbortSignal.abort(new Error('before'))
  await assert.rejects(
    withDeadline(time.clock, 1_000, early, async (signal) => signal.throwIfAborted()),
    /before/,
  )
  const caller = new AbortController()
  const late = assert.rejects(withDeadline(time.clock, 1_000, caller.signal, forever), /after/)
  caller.abort(new Error('after'))
  await late
})
