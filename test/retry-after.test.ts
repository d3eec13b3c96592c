import assert from 'node:assert/strict'
import test from 'node:test'
import { retryAfterMs } from '../src/retry.ts'

const now = Date.parse('2026-03-01T10:00:00Z')

const table: [string | undefined, number | undefined][] = [
  [undefined, undefined],
  ['30', 30_000],
  [' 5 ', 5_000],
  ['0', 0],
  ['1.5', 1_500],
  ['420', 420_000],
  ['1,200', 1_200_000],
  ['1,125.57', 1_125_570],
  ['86400', 86_400_000],
  ['Sun, 01 Mar 2026 10:06:40 GMT', 400_000],
  ['Sun, 01 Mar 2026 09:00:00 GMT', 0],
  ['', undefined],
  ['-5', undefined],
  ['soon', undefined],
  ['1,2', undefined],
  ['5 seconds', undefined],
]

for (const [header, expected] of table) {
  test(`Retry-After ${JSON.stringify(header)} means ${expected} ms`, () => {
    assert.equal(retryAfterMs(header, undefined, now), expected)
  })
}

test('A Retry-After date counts from the date of its reply, whatever our own clock says', () => {
  const [until, date] = ['Sun, 01 Mar 2026 10:00:03 GMT', 'Sun, 01 Mar 2026 10:00:00 GMT']
  for (const wall of [now - 3_600_000, now, now + 3_600_000]) {
    assert.equal(retryAfterMs(until, date, wall), 3_000)
  }
})
