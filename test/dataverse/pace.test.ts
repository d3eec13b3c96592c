import assert from 'node:assert/strict'
import test from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { nextPace, type Pace, type PaceEvent, startingPace } from '../../src/dataverse/limiter.ts'
import { defaultSettings } from '../../src/dataverse/settings.ts'

const now = 1_000_000
const bounds = { concurrencyStart: 4, concurrencyMax: 52, batchSizeMax: 100, batchSizeStep: 10 }
const settings = { ...defaultSettings, ...bounds }
const level = { concurrency: 40, spacingMs: 0, batchSize: 100 }
const start: Pace = { ...startingPace(settings), ...level, before: level }
const throttled = (cause: 'concurrency' | 'requests' | 'execution-time' | 'other'): PaceEvent => ({
  kind: 'throttled',
  cause,
  startedAtMs: now - 10,
  retryAfterMs: 30_000,
})
const after = {
  ...start,
  proven: true,
  pausedUntilMs: now + 30_000,
  loweredAtMs: now,
  raisedAtMs: now + 30_000,
}
const calm: Pace = {
  ...start,
  proven: true,
  concurrency: 10,
  spacingMs: 50,
  batchSize: 50,
  before: { concurrency: 10, spacingMs: 50, batchSize: 50 },
  raisedAtMs: now - 10_000,
  loweredAtMs: now - 40_000,
}

const table: [string, Pace, PaceEvent, Pace][] = [
  ['a concurrency 429 halves parallelism', start, throttled('concurrency'), { ...after, concurrency: 20 }],
  ['a 429 without a code halves parallelism', start, throttled('other'), { ...after, concurrency: 20 }],
  ['a request-count 429 spaces the starts', start, throttled('requests'), { ...after, spacingMs: 50 }],
  [
    'a second request-count 429 doubles the spacing',
    { ...start, spacingMs: 80 },
    throttled('requests'),
    { ...after, spacingMs: 160, before: { ...level, spacingMs: 80 } },
  ],
  [
    'spacing has a ceiling',
    { ...start, spacingMs: 900 },
    throttled('requests'),
    { ...after, spacingMs: 1_000, before: { ...level, spacingMs: 900 } },
  ],
  [
    'an execution-time 429 asks for less per call and at a time',
    start,
    throttled('execution-time'),
    { ...after, concurrency: 20, batchSize: 50 },
  ],
  [
    'parallelism never falls below one',
    { ...start, concurrency: 1 },
    throttled('concurrency'),
    { ...after, concurrency: 1, before: { ...level, concurrency: 1 } },
  ],
  [
    'a 429 of a call that started before the last lowering only extends the pause',
    { ...after, concurrency: 20, pausedUntilMs: now + 5_000 },
    throttled('concurrency'),
    { ...after, concurrency: 20, pausedUntilMs: now + 30_000 },
  ],
  [
    'a shorter Retry-After never shortens a longer one',
    { ...after, pausedUntilMs: now + 400_000 },
    { kind: 'pause', retryAfterMs: 1_000 },
    { ...after, pausedUntilMs: now + 400_000 },
  ],
  [
    'a pause without a 429 lowers nothing',
    start,
    { kind: 'pause', retryAfterMs: 5_000 },
    { ...start, pausedUntilMs: now + 5_000 },
  ],
  [
    'a slow batch halves the next ones and nothing else',
    start,
    { kind: 'slow', operations: 100 },
    { ...start, proven: true, raisedAtMs: now, batchSize: 50, before: { ...level, batchSize: 50 } },
  ],
  [
    'a slow batch that was smaller than allowed counts with its own size',
    start,
    { kind: 'slow', operations: 30 },
    { ...start, proven: true, raisedAtMs: now, batchSize: 15, before: { ...level, batchSize: 15 } },
  ],
  [
    'a slow batch that was larger than what is allowed by now raises nothing',
    { ...calm, batchSize: 10 },
    { kind: 'slow', operations: 100 },
    { ...calm, raisedAtMs: now, batchSize: 10, before: { ...calm.before, batchSize: 10 } },
  ],
  [
    'a batch never falls below one operation',
    start,
    { kind: 'slow', operations: 1 },
    { ...start, proven: true, raisedAtMs: now, batchSize: 1, before: { ...level, batchSize: 1 } },
  ],
  [
    'a hint raises the start',
    startingPace(settings),
    { kind: 'hint', concurrency: 16 },
    { ...startingPace(settings), concurrency: 16 },
  ],
  ['a hint is no ceiling', start, { kind: 'hint', concurrency: 4 }, start],
  ['a hint is capped', start, { kind: 'hint', concurrency: 500 }, { ...start, concurrency: 52 }],
  ['a hint after a 429 is not heard', calm, { kind: 'hint', concurrency: 50 }, calm],
  [
    'before the first 429 a served call in a full house opens one more slot',
    start,
    { kind: 'served', saturated: true },
    { ...start, concurrency: 41 },
  ],
  ['an idle house opens no slot', start, { kind: 'served', saturated: false }, start],
  [
    'after a 429 each quiet interval gives one step back',
    calm,
    { kind: 'served', saturated: false },
    { ...calm, concurrency: 12, spacingMs: 40, batchSize: 70, raisedAtMs: now },
  ],
  [
    'a served call before the interval is over gives nothing back',
    { ...calm, raisedAtMs: now - 4_999 },
    { kind: 'served', saturated: true },
    { ...calm, raisedAtMs: now - 4_999 },
  ],
  [
    'recovery ends at the settings',
    { ...calm, raisedAtMs: now - 5_000_000 },
    { kind: 'served', saturated: true },
    { ...calm, concurrency: 52, spacingMs: 0, batchSize: 100, raisedAtMs: now },
  ],
]

for (const [name, pace, event, expected] of table) {
  test(name, () => {
    assert.deepEqual(nextPace(pace, event, now, settings), expected)
  })
}

for (const cause of ['concurrency', 'requests', 'execution-time', 'other'] as const) {
  test(`ten seconds after Dynamics lets us go on, the pace is what it was before a 429 for ${cause}`, () => {
    const busy = { ...start, proven: true }
    let pace = nextPace(busy, throttled(cause), now, settings)
    const resumedAt = pace.pausedUntilMs
    assert.notDeepEqual(levelOf(pace), levelOf(busy))
    let at = resumedAt
    while (!isDeepStrictEqual(levelOf(pace), levelOf(busy)) && at < resumedAt + 10_000) {
      at += 100
      pace = nextPace(pace, { kind: 'served', saturated: true }, at, settings)
    }
    assert.deepEqual(levelOf(pace), levelOf(busy))
  })
}

test('after several 429s in a row the way back is to the last of them, and careful from there', () => {
  let pace = { ...start, proven: true }
  for (const at of [now, now + 60_000, now + 120_000]) {
    const refusal = { ...throttled('concurrency'), startedAtMs: at - 10 } as PaceEvent
    pace = nextPace(pace, refusal, at, settings)
  }
  assert.equal(pace.concurrency, 5)
  const served: PaceEvent = { kind: 'served', saturated: true }
  pace = nextPace(pace, served, pace.pausedUntilMs + 10_000, settings)
  assert.equal(pace.concurrency, 10)
  pace = nextPace(pace, served, pace.raisedAtMs + settings.recoverEveryMs - 1, settings)
  assert.equal(pace.concurrency, 10)
  pace = nextPace(pace, served, pace.raisedAtMs + settings.recoverEveryMs, settings)
  assert.equal(pace.concurrency, 11)
})

function levelOf({ concurrency, spacingMs, batchSize }: Pace) {
  return { concurrency, spacingMs, batchSize }
}
