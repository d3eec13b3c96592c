import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { compress, expand, toParameters, toReplica } from '../../src/store/replica-rows.ts'

const value = fc.oneof(
  fc.string(),
  fc.boolean(),
  fc.constant(null),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
)
/** Few names, so that sides and shadow meet in some and differ in others; one that objects treat specially. */
const field = fc.constantFrom('a', 'b', 'c', 'd', '', 'constructor', '__proto__')
const values = fc.array(fc.tuple(field, value)).map((entries) => Object.fromEntries(entries))

describe('a side as it is stored', () => {
  it('comes back as it was, whatever the shadow is', () => {
    fc.assert(
      fc.property(
        fc.option(values, { nil: undefined }),
        fc.option(values, { nil: undefined }),
        (side, shadow) => {
          assert.deepEqual(expand(compress(side, shadow) ?? undefined, shadow), side)
        },
      ),
    )
  })

  it('costs next to nothing where it equals the shadow', () => {
    fc.assert(fc.property(values, (shadow) => assert.equal(compress({ ...shadow }, shadow), '{}')))
  })

  it('keeps the halves and turns of an agreement with it, and forgets them with it', () => {
    const given = {
      shadow: { a: 'x 😀', b: null },
      forms: [{ field: 'a', of: 'x 😀', marketo: 'x' }],
      turns: { b: { from: 'marketo' as const, value: '1', before: '2', at: 3, returns: [3] } },
      marketo: { a: 'x', b: null },
      dynamics: { a: 'x 😀', b: null },
    }
    const work = { marketoSeenAt: 0, sent: [], stopped: false, priority: 0 as const, attempts: 0, epoch: 0 }
    const stored = (replica: Partial<typeof given>) => {
      const { marketoSeenAt, dueAt, dirtySince, ...columns } = toParameters({ ...replica, ...work })
      const link = {
        link_id: 1,
        state: 'linked',
        record_type: 'lead',
        record_id: 'r',
        marketo_id: null,
        version: 1,
      }
      return toReplica({
        ...link,
        ...columns,
        marketo_seen_at: marketoSeenAt,
        due_at: dueAt,
        dirty_since: dirtySince,
      })
    }
    const { shadow, forms, turns, marketo, dynamics } = stored(given)
    assert.deepEqual({ shadow, forms, turns, marketo, dynamics }, given)
    const { shadow: _, ...alone } = given
    assert.deepEqual(stored(alone).forms, undefined)
  })

  it('is read by a version that knows no halves: what stands beside the shadow is no value', () => {
    const stored = JSON.stringify({ a: 1, '#': { forms: [{ field: 'a', of: 1, marketo: 2 }] } })
    const shadow = JSON.parse(stored)
    const values = { a: 2 }
    assert.deepEqual(expand(compress(values, shadow) ?? undefined, { a: 1 }), values)
    assert.deepEqual(expand(compress(values, { a: 1 }) ?? undefined, shadow), { ...values, '#': shadow['#'] })
  })

  it('tells not known, empty and lacking apart', () => {
    const shadow = { a: 1, b: 2 }
    const sides = [undefined, {}, { a: 1 }, { a: 1, b: null }]
    assert.equal(new Set(sides.map((side) => compress(side, shadow))).size, sides.length)
  })
})
