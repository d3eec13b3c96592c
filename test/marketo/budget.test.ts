import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  type Budget,
  type BudgetEvent,
  freeAtMs,
  fullBudget,
  nextBudget,
  quotaResetMs,
} from '../../src/marketo/limiter.ts'
import { defaultSettings, type MarketoSettings } from '../../src/marketo/settings.ts'

const noon = Date.parse('2026-07-15T12:00:00-05:00')
const midnight = Date.parse('2026-07-16T00:00:00-05:00')

function after(events: [atMs: number, event: BudgetEvent][], settings: MarketoSettings): Budget {
  return events.reduce((budget, [at, event]) => nextBudget(budget, event, at, settings), fullBudget(settings))
}

const starts = (...times: number[]) => times.map((at): [number, BudgetEvent] => [at, { kind: 'started' }])

test('a call is free when the oldest of a full window leaves it, and each one behind when the next leaves', () => {
  const settings = { ...defaultSettings, windowCallsMax: 3, windowMs: 20_000 }
  const budget = after(starts(noon, noon + 1_000, noon + 5_000), settings)
  const at = noon + 6_000
  const frees = [0, 1, 2, 3].map((ahead) => freeAtMs(budget, at, ahead, settings) - noon)
  assert.deepEqual(frees, [20_000, 21_000, 25_000, 26_000])
  assert.equal(freeAtMs(budget, noon + 20_000, 0, settings), noon + 20_000)
})

test('the share of a day is used up until midnight in US Central time, and then full again', () => {
  const settings = { ...defaultSettings, dailyCallsMax: 2 }
  const one = after(starts(noon), settings)
  assert.equal(freeAtMs(one, noon, 0, settings), noon)
  assert.equal(freeAtMs(one, noon, 1, settings), midnight)
  const two = after(starts(noon, noon), settings)
  assert.equal(freeAtMs(two, noon, 0, settings), midnight)
  assert.equal(freeAtMs(two, midnight, 0, settings), midnight)
  assert.deepEqual(nextBudget(two, { kind: 'started' }, midnight, settings).day.calls, 1)
})

test('606 stops all calls for a window, 607 until after the next reset', () => {
  const full = after([[noon, { kind: 'window-full' }]], defaultSettings)
  assert.equal(freeAtMs(full, noon + 5_000, 0, defaultSettings), noon + 20_000)
  const used = after([[noon, { kind: 'day-used-up' }]], defaultSettings)
  assert.equal(freeAtMs(used, noon, 0, defaultSettings), midnight + 60_000)
  const both = nextBudget(used, { kind: 'window-full' }, noon, defaultSettings)
  assert.equal(freeAtMs(both, noon, 0, defaultSettings), midnight + 60_000)
})

test('a day that is refused as used up just after midnight, by clocks that differ, is still the old one', () => {
  assert.equal(quotaResetMs(midnight + 30_000, defaultSettings), midnight + 60_000)
  assert.equal(quotaResetMs(midnight + 60_000, defaultSettings), midnight + 86_460_000)
})

test('615 halves the calls at a time once for all that were in flight, and quiet time brings them back', () => {
  const tooMany = (startedAtMs: number): BudgetEvent => ({ kind: 'too-many-at-once', startedAtMs })
  const settings = { ...defaultSettings, concurrencyMax: 5, recoverEveryMs: 60_000 }
  const lowered = after(
    [
      [noon, tooMany(noon - 500)],
      [noon + 10, tooMany(noon - 400)],
    ],
    settings,
  )
  assert.equal(lowered.concurrency, 2)
  const again = [1, 2, 3].reduce(
    (budget, turn) => nextBudget(budget, tooMany(noon + turn * 1_000), noon + turn * 1_000 + 1, settings),
    lowered,
  )
  assert.equal(again.concurrency, 1)
  const served = (budget: Budget, at: number) => nextBudget(budget, { kind: 'served' }, at, settings)
  assert.equal(served(lowered, noon + 59_999).concurrency, 2)
  assert.equal(served(lowered, noon + 60_000).concurrency, 3)
  assert.equal(served(served(lowered, noon + 60_000), noon + 90_000).concurrency, 3)
  assert.equal(served(lowered, noon + 3_600_000).concurrency, 5)
})

test('a clock that is set back does not make calls wait for an hour that comes again', () => {
  const settings = { ...defaultSettings, windowCallsMax: 1 }
  const budget = after(starts(noon), settings)
  assert.equal(freeAtMs(budget, noon - 3_600_000, 0, settings), noon - 3_600_000)
})

test('no window and no day ever holds more than its share, however calls are asked for', () => {
  const settings = { ...defaultSettings, windowCallsMax: 5, windowMs: 20_000, dailyCallsMax: 40 }
  const gaps = fc.array(fc.oneof(fc.nat(3_000), fc.nat(9_000_000)), { minLength: 60, maxLength: 200 })
  fc.assert(
    fc.property(gaps, (gapsMs) => {
      let budget = fullBudget(settings)
      let now = noon
      const started: number[] = []
      for (const gap of gapsMs) {
        now = Math.max(now + gap, freeAtMs(budget, now, 0, settings))
        if (freeAtMs(budget, now, 0, settings) > now) continue
        budget = nextBudget(budget, { kind: 'started' }, now, settings)
        started.push(now)
      }
      const perDay = Map.groupBy(started, (at) =>
        new Date(at).toLocaleDateString('en-US', { timeZone: 'America/Chicago' }),
      )
      for (const calls of perDay.values()) assert.ok(calls.length <= 40, `${calls.length} calls in a day`)
      for (const at of started) {
        const inWindow = started.filter((other) => other > at - 20_000 && other <= at)
        assert.ok(inWindow.length <= 5, `${inWindow.length} calls in a window`)
      }
    }),
    { numRuns: 100 },
  )
})
