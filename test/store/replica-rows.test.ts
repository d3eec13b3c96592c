import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { compress, expand } from '../../src/store/replica-rows.ts'

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

  it('tells not known, empty and lacking apart', () => {
    const shadow = { a: 1, b: 2 }
    const sides = [undefined, {}, { a: 1 }, { a: 1, b: null }]
    assert.equal(new Set(sides.map((side) => compress(side, shadow))).size, sides.length)
  })
})
