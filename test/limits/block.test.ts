import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { askAgainAtMs, type Block, close, openBlock, permits, spend } from '../../src/limits/block.ts'
import type { QuotaAsk, QuotaBlock } from '../../src/limits/port.ts'
import type { Lane } from '../../src/limits/waiting-line.ts'

const SENT_MS = 1_800_000_000_000
const RETRY_MS = 250

const lanes = (max: number) => fc.record({ calls: fc.nat(max), background: fc.nat(max) })

function blockOf(given: Partial<QuotaBlock>, asked: Partial<QuotaAsk> = {}): Block {
  const block: QuotaBlock = {
    fromMs: SENT_MS,
    untilMs: SENT_MS + 500,
    starts: { calls: 1, background: 0 },
    slots: { calls: 1, background: 0 },
    held: 1,
    living: 1,
    learned: { values: {}, times: {} },
    version: 1,
    isPublished: false,
    recentMs: [],
    ...given,
  }
  const ask: QuotaAsk = {
    name: 'host',
    number: 1,
    spent: { number: 0, starts: 0 },
    limits: { blockMs: 500, leaseMs: 3_000, slotsMax: 5, reservedSlots: 1, reservedSlotShare: 0 },
    inFlight: 0,
    waiting: { calls: 1, background: 0 },
    starts: { calls: 1, background: 0 },
    learned: { values: {}, times: {} },
    version: 1,
    publishes: false,
    ...asked,
  }
  return openBlock(block, ask, SENT_MS)
}

const steps = fc.array(
  fc.oneof(
    fc.constant('start' as const),
    fc.constant('start behind' as const),
    fc.constant('end' as const),
    fc.integer({ min: -300, max: 300 }),
  ),
  { maxLength: 60 },
)

test('of a block no more is started than it has, within its time and its slots, whatever comes when', () => {
  fc.assert(
    fc.property(lanes(9), lanes(5), fc.nat(5), steps, (starts, slots, already, taken) => {
      let block = blockOf({ starts, slots })
      let inFlight = already
      let now = SENT_MS
      const made = { calls: 0, background: 0 }
      for (const step of taken) {
        if (typeof step === 'number') now += step
        else if (step === 'end') inFlight = Math.max(0, inFlight - 1)
        else {
          const lane: Lane = step === 'start' ? undefined : 'background'
          if (!permits(block, lane, inFlight, now)) continue
          assert(now >= SENT_MS && now < SENT_MS + 500, 'outside the time of the block')
          assert(inFlight < (lane ? slots.background : slots.calls), 'without a slot')
          block = spend(block, lane)
          inFlight += 1
          made[lane ?? 'calls'] += 1
        }
      }
      const all = made.calls + made.background
      assert(made.background <= starts.background, 'the background used the starts of others')
      assert(all <= starts.calls + starts.background)
      assert.equal(block.spent, all)
      assert(block.left.calls >= 0 && block.left.background >= 0)
    }),
    { endOnFailure: true },
  )
})

test('a block that is closed permits nothing, and still knows what was made of it', () => {
  const block = close(spend(blockOf({ starts: { calls: 3, background: 3 } }), undefined))
  assert.deepEqual([permits(block, undefined, 0, SENT_MS), block.spent], [false, 1])
})

test('whatever was asked and given, one that permits nothing is asked for again, later or after a use', () => {
  fc.assert(
    fc.property(lanes(5), lanes(5), fc.nat(5), lanes(9), (starts, slots, inFlight, waiting) => {
      const block = blockOf({ starts, slots }, { inFlight, waiting, starts: waiting })
      const wanted = inFlight + waiting.calls + waiting.background
      const atMs = askAgainAtMs(block, wanted, SENT_MS, RETRY_MS)
      assert(atMs > SENT_MS && atMs <= SENT_MS + 500, 'a question right after the answer would have no end')
    }),
    { endOnFailure: true },
  )
})

test('more is asked for at once where what was asked for was given', () => {
  const given = { starts: { calls: 9, background: 0 } }
  const block = blockOf(given, { starts: { calls: 9, background: 0 } })
  assert.equal(askAgainAtMs(block, 2, SENT_MS + 5, RETRY_MS), SENT_MS + 5)
  const short = blockOf({ ...given, slots: { calls: 1, background: 0 } }, { inFlight: 2 })
  assert.equal(askAgainAtMs(spend(short, undefined), 9, SENT_MS + 5, RETRY_MS), SENT_MS + 500)
})

test('starts that are to come are waited for', () => {
  assert.equal(askAgainAtMs(blockOf({ fromMs: SENT_MS + 80 }), 1, SENT_MS, RETRY_MS), SENT_MS + 80)
})
