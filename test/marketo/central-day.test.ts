import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { nextCentralMidnightMs } from '../../src/marketo/limiter.ts'

const days: [what: string, now: string, midnight: string][] = [
  ['a winter evening', '2026-01-15T23:00:00-06:00', '2026-01-16T00:00:00-06:00'],
  ['a summer evening', '2026-07-15T23:00:00-05:00', '2026-07-16T00:00:00-05:00'],
  ['the last moment of a day', '2026-07-15T23:59:59.999-05:00', '2026-07-16T00:00:00-05:00'],
  ['midnight itself', '2026-07-16T00:00:00-05:00', '2026-07-17T00:00:00-05:00'],
  ['the eve of the change in spring', '2026-03-07T12:00:00-06:00', '2026-03-08T00:00:00-06:00'],
  ['before the change in spring', '2026-03-08T00:30:00-06:00', '2026-03-09T00:00:00-05:00'],
  ['after the change in spring', '2026-03-08T03:00:00-05:00', '2026-03-09T00:00:00-05:00'],
  ['the eve of the change in autumn', '2026-10-31T12:00:00-05:00', '2026-11-01T00:00:00-05:00'],
  ['before the change in autumn', '2026-11-01T00:30:00-05:00', '2026-11-02T00:00:00-06:00'],
  ['the hour that comes twice, first', '2026-11-01T01:30:00-05:00', '2026-11-02T00:00:00-06:00'],
  ['the hour that comes twice, again', '2026-11-01T01:30:00-06:00', '2026-11-02T00:00:00-06:00'],
  ['the end of a leap February', '2028-02-29T20:00:00-06:00', '2028-03-01T00:00:00-06:00'],
  ['the end of a year', '2026-12-31T12:00:00-06:00', '2027-01-01T00:00:00-06:00'],
]

for (const [what, now, midnight] of days) {
  test(`the next midnight in US Central time, from ${what}`, () => {
    assert.equal(
      new Date(nextCentralMidnightMs(Date.parse(now))).toISOString(),
      new Date(midnight).toISOString(),
    )
  })
}

test('it is midnight on the wall, in the future, and at most 25 hours away', () => {
  const wall = new Intl.DateTimeFormat('en-GB', { timeZone: 'America/Chicago', timeStyle: 'medium' })
  const times = fc.integer({ min: Date.parse('2020-01-01'), max: Date.parse('2037-12-31') })
  fc.assert(
    fc.property(times, (nowMs) => {
      const next = nextCentralMidnightMs(nowMs)
      assert.equal(wall.format(next), '00:00:00')
      assert.ok(next > nowMs && next - nowMs <= 25 * 3_600_000)
    }),
    { numRuns: 300 },
  )
})
