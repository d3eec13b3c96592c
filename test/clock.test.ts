import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClock } from '../src/clock.ts'
import { reportStoreAhead, watchClock } from '../src/clock-watch.ts'
import { createMetrics } from '../src/http/metrics.ts'
import { createLog } from '../src/log.ts'
import { manualClock } from './dataverse/manual-clock.ts'

const HOUR_MS = 3_600_000
const START = Date.UTC(2026, 0, 1)

function listening() {
  const lines: Record<string, unknown>[] = []
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) }
  return { lines, log: createLog({ level: 'info', destination }) }
}

test('the clock says the time of its start and goes on with the monotonic clock, whatever is set', () => {
  let [wall, monotonic] = [START, 77.25]
  const { now, wall: machine } = createClock(
    () => wall,
    () => monotonic,
  )
  assert.equal(now(), START)
  for (const set of [-HOUR_MS, HOUR_MS, 48 * HOUR_MS, 0]) {
    wall = START + set
    monotonic += 1_000.5
    assert.deepEqual([now(), machine()], [START + Math.floor(monotonic - 77.25), START + set])
  }
})

test('each time the machine’s clock is set is logged once, and small corrections are not', async () => {
  const { lines, log } = listening()
  const time = manualClock()
  const stop = new AbortController()
  const metrics = createMetrics({ version: '0.0.0' })
  const running = watchClock({ clock: time.clock, log, metrics, intervalMs: 10_000 }, stop.signal)
  for (const byMs of [4_000, -HOUR_MS, 0, HOUR_MS]) {
    time.set(byMs)
    await time.advance(10_000)
  }
  assert.match(await metrics.render(), /^clock_offset_seconds 4$/m)
  stop.abort()
  await running
  assert.deepEqual(
    lines.map(({ event, byMs, offsetMs }) => ({ event, byMs, offsetMs })),
    [
      { event: 'clock-set', byMs: 4_000 - HOUR_MS, offsetMs: 4_000 - HOUR_MS },
      { event: 'clock-set', byMs: HOUR_MS, offsetMs: 4_000 },
    ],
  )
})

test('a store that is ahead of the clock at the start is logged, one that is not is no news', () => {
  const { lines, log } = listening()
  for (const aheadMs of [0, HOUR_MS]) reportStoreAhead({ log }, aheadMs)
  assert.deepEqual(
    lines.map(({ event, aheadMs }) => [event, aheadMs]),
    [['clock-behind-store', HOUR_MS]],
  )
})
