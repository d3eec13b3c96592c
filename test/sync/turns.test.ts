import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FieldValue } from '../../src/person/person.ts'
import type { Replica } from '../../src/store/sync-port.ts'
import { afterTravels, isContested, type Travel } from '../../src/sync/decide/turns.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** Values that travel one after the other, each `everyMs`: gives how many go before the field is left as it is. */
function travelled(values: readonly [from: Travel['from'], value: FieldValue][], everyMs: number): number {
  let turns: Replica['turns'] = {}
  let before: FieldValue = 'start'
  for (const [index, [from, value]] of values.entries()) {
    const now = index * everyMs
    const travel = { field: 'm', from, value, before }
    if (isContested(turns, travel, now)) return index
    turns = afterTravels(turns, [travel], now)
    before = value
  }
  return values.length
}

const fight = (count: number) =>
  Array.from({ length: count }, (_, index): [Travel['from'], FieldValue] =>
    index % 2 === 0 ? ['marketo', 'A'] : ['dynamics', 'B'],
  )

describe('two writers that take turns', () => {
  it('are stopped at their third alternation within a day', () => {
    // A travels, B replaces it; then A, B and A come back, of which the third does not go.
    assert.equal(travelled(fight(24), MINUTE_MS), 4)
  })

  it('are stopped however far apart their turns are within the day', () => {
    assert.equal(travelled(fight(24), DAY_MS / 6), 4)
  })

  it('are let through when a day passes between two of them', () => {
    assert.equal(travelled(fight(24), DAY_MS), 24)
  })

  it('are let through once when a day has passed since they were stopped, and then stopped as before', () => {
    let turns: Replica['turns'] = {}
    const go = (index: number, now: number) => {
      const [from, value] = index % 2 === 0 ? (['marketo', 'A'] as const) : (['dynamics', 'B'] as const)
      const travel = { field: 'm', from, value, before: 'x' }
      if (isContested(turns, travel, now)) return false
      turns = afterTravels(turns, [{ ...travel, before: index === 0 ? 'x' : value === 'A' ? 'B' : 'A' }], now)
      return true
    }
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((index) => go(index, index)),
      [true, true, true, true, false],
    )
    assert.equal(go(4, DAY_MS - 1), false)
    assert.equal(go(4, DAY_MS + 10), true)
  })

  it('are not those who edit one side only, nor those who enter something new each time', () => {
    const alone = Array.from({ length: 20 }, (_, index): [Travel['from'], FieldValue] => [
      'marketo',
      index % 2 === 0 ? 'A' : 'B',
    ])
    const busy = Array.from({ length: 20 }, (_, index): [Travel['from'], FieldValue] => [
      index % 2 === 0 ? 'marketo' : 'dynamics',
      index,
    ])
    assert.deepEqual([travelled(alone, 1), travelled(busy, 1)], [20, 20])
  })

  it('are not counted twice when a decision is made again because it did not arrive', () => {
    let turns: Replica['turns'] = {}
    const travel = (from: Travel['from'], value: FieldValue, before: FieldValue) => ({
      field: 'm',
      from,
      value,
      before,
    })
    turns = afterTravels(turns, [travel('marketo', 'A', 'x')], 0)
    turns = afterTravels(turns, [travel('dynamics', 'B', 'A')], 1)
    for (let again = 2; again < 10; again += 1)
      turns = afterTravels(turns, [travel('marketo', 'A', 'B')], again)
    assert.equal(turns?.m?.returns.length, 1)
  })

  it('of long texts are told apart although only the texts fingerprints are kept', () => {
    const long = (end: string) => `${'x'.repeat(5_000)}${end}`
    const values = fight(24).map(([from, value]): [Travel['from'], FieldValue] => [from, long(String(value))])
    assert.equal(travelled(values, MINUTE_MS), 4)
    const kept = afterTravels({}, [{ field: 'm', from: 'marketo', value: long('A'), before: long('B') }], 0)
    assert.ok(JSON.stringify(kept).length < 300)
  })
})
