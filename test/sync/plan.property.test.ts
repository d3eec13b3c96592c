import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import type { FieldValue, RecordType, Values } from '../../src/person/person.ts'
import { halfOf } from '../../src/sync/decide/agreement.ts'
import { landed, type PlannedField, plan } from '../../src/sync/decide/plan.ts'
import { only, planned, system, written } from './planned.ts'

type Value = FieldValue | undefined
const recordTypes = ['lead', 'contact'] as const
const values: readonly Value[] = [undefined, null, false, 'a', 'b']
const restores: readonly Value[] = [undefined, null, 'a', 'b']
const kinds: readonly PlannedField[] = [
  planned('m'),
  planned('m', { inverted: true }),
  planned('m', { direction: 'to-dynamics' }),
  planned('m', { direction: 'to-marketo' }),
  system,
]

/**
 * The rules once more, as one sentence: the value of the first side in rank that has news goes to every side that
 * may be written and holds something else. Ranks hold the sides whose news count.
 */
function model(
  field: PlannedField,
  recordType: RecordType,
  shadow: Value,
  held: Value,
  seen: Value,
  again: Value,
) {
  const both = field.direction === 'both'
  const restored = both ? again : undefined
  const sides = { M: restored === undefined ? held : restored, D: seen }
  const told = { toMarketo: {}, toDynamics: {}, nextShadow: only(shadow), lost: undefined as Value }
  if (sides.M === undefined || sides.D === undefined) return told
  if (sides.M === sides.D) {
    if (restored === undefined) return { ...told, nextShadow: only(sides.M) }
    return { ...told, toMarketo: only(restored) }
  }

  const ranks = both ? (recordType === 'lead' ? 'MD' : 'DM') : field.direction === 'to-dynamics' ? 'M' : 'D'
  const isFirst = shadow === undefined
  const isNothing = (value: Value) => value === null || (both && !field.inverted && value === false)
  const isNews = (value: Value) => (isFirst ? !isNothing(value) : value !== shadow)
  const order = [...ranks] as ('M' | 'D')[]
  const speaks = order.find((side) => field.column === undefined || isNews(sides[side]))
  const from = speaks ?? (both ? order[0] : undefined)
  const back = restored === undefined ? {} : only(restored)
  if (from === undefined) return isFirst ? { ...told, nextShadow: only(null) } : told
  const other = from === 'M' ? sides.D : sides.M
  const isRepair = from === 'M' && restored !== undefined && !isFirst
  const lost = (isNews(other) && field.column) || isRepair ? other : undefined
  return from === 'M'
    ? { ...told, toDynamics: only(sides.M), toMarketo: back, lost }
    : { ...told, toMarketo: only(sides.D), lost }
}

it('decides every case of one field as a simpler model does', () => {
  let cases = 0
  for (const field of kinds)
    for (const recordType of recordTypes)
      for (const shadow of values)
        for (const held of values)
          for (const seen of values)
            for (const again of restores) {
              const { conflicts, ...made } = plan({
                recordType,
                fields: [field],
                shadow: only(shadow),
                marketo: only(held),
                dynamics: only(seen),
                restore: only(again),
              })
              const name = JSON.stringify({ ...field, recordType, shadow, held, seen, again })
              const expected = model(field, recordType, shadow, held, seen, again)
              assert.deepEqual({ ...made, lost: conflicts[0]?.lost }, expected, name)
              cases += 1
            }
  assert.equal(cases, 5 * 2 * 5 * 5 * 5 * 4)
})

const names = ['a', 'b', 'c', 'd']
const directions = ['both', 'to-dynamics', 'to-marketo'] as const
const fields = fc
  .tuple(...names.map(() => fc.record({ direction: fc.constantFrom(...directions), inverted: fc.boolean() })))
  .map((facts) => facts.map((fact, index) => planned(names[index] ?? '', fact)))
const side = fc.dictionary(fc.constantFrom(...names), fc.constantFrom(null, true, false, 'x', 'y', 1), {
  noNullPrototype: true,
})
const people = fc.record({
  recordType: fc.constantFrom(...recordTypes),
  fields,
  shadow: side,
  marketo: side,
  dynamics: side,
})

it('S4: writes nothing where both sides are equal, whatever the shadow says', () => {
  fc.assert(
    fc.property(people, (person) => {
      const made = plan({ ...person, dynamics: person.marketo })
      assert.deepEqual([made.toMarketo, made.toDynamics, made.conflicts], [{}, {}, []])
    }),
  )
})

it('S1: converges in one: once its writes have landed there is nothing left to write, and no conflict', () => {
  fc.assert(
    fc.property(people, side, (person, restore) => {
      const made = plan({ ...person, restore })
      const after = written(made, { ...person.marketo, ...made.toMarketo }, person.dynamics)
      const again = plan({ ...person, ...after, shadow: landed(made, made) })
      assert.deepEqual([again.toMarketo, again.toDynamics, again.conflicts], [{}, {}, []])
      assert.deepEqual(again.nextShadow, landed(made, made))
    }),
    { numRuns: 500 },
  )
})

it('S2: no edit is lost unseen: each arrives on the other side or is in the conflicts', () => {
  fc.assert(
    fc.property(people, (person) => {
      const { marketo, dynamics, shadow } = person
      const made = plan(person)
      const after = written(made, marketo, dynamics)
      for (const { marketo: name, direction } of person.fields) {
        if (direction !== 'both' || !(name in marketo) || !(name in dynamics) || !(name in shadow)) continue
        for (const edit of [marketo[name], dynamics[name]]) {
          if (edit === shadow[name] || edit === undefined) continue
          const arrived = after.marketo[name] === edit && after.dynamics[name] === edit
          assert(arrived || made.conflicts.some(({ field, lost }) => field === name && lost === edit), name)
        }
      }
    }),
    { numRuns: 500 },
  )
})

it('S3: on a conflict Marketo wins for a lead and Dynamics for a contact, or the source of a one-way field', () => {
  fc.assert(
    fc.property(people, (person) => {
      for (const { field, winner, won, lost } of plan(person).conflicts) {
        const direction = person.fields.find(({ marketo }) => marketo === field)?.direction
        const source = direction === 'to-dynamics' ? 'marketo' : 'dynamics'
        const favourite = person.recordType === 'lead' ? 'marketo' : 'dynamics'
        assert.equal(winner, direction === 'both' ? favourite : source)
        assert.equal(won, person[winner][field])
        assert.equal(lost, person[winner === 'marketo' ? 'dynamics' : 'marketo'][field])
      }
    }),
  )
})

it('S5: one edit is one write to the other side, and none comes back', () => {
  const edit = fc.tuple(fc.constantFrom(...names), fc.constantFrom(null, true, 'new'), fc.boolean())
  fc.assert(
    fc.property(people, edit, (person, [name, value, inMarketo]) => {
      const agreed: Values = Object.fromEntries(names.map((one) => [one, 'old']))
      const edited = { ...agreed, [name]: value }
      const direction = person.fields.find(({ marketo }) => marketo === name)?.direction
      const made = plan({
        ...person,
        shadow: agreed,
        marketo: inMarketo ? edited : agreed,
        dynamics: inMarketo ? agreed : edited,
      })
      const isTold = direction === 'both' || direction === (inMarketo ? 'to-dynamics' : 'to-marketo')
      const write = isTold ? { [name]: value } : {}
      assert.deepEqual([made.toDynamics, made.toMarketo], inMarketo ? [write, {}] : [{}, write])
      assert.deepEqual(made.conflicts, [])
    }),
  )
})

it('is the same seen from the other side', () => {
  const mirrored = { both: 'both', 'to-dynamics': 'to-marketo', 'to-marketo': 'to-dynamics' } as const
  fc.assert(
    fc.property(people, (person) => {
      const made = plan(person)
      const back = plan({
        recordType: person.recordType === 'lead' ? 'contact' : 'lead',
        fields: person.fields.map((field) => ({ ...field, direction: mirrored[field.direction] })),
        shadow: person.shadow,
        marketo: person.dynamics,
        dynamics: person.marketo,
      })
      assert.deepEqual(
        [back.toMarketo, back.toDynamics, back.nextShadow, back.conflicts.map(({ lost }) => lost)],
        [made.toDynamics, made.toMarketo, made.nextShadow, made.conflicts.map(({ lost }) => lost)],
      )
    }),
  )
})

/** An agreement with two halves: each side has a form of its own of some fields. */
const own = fc.constantFrom('x*', 'y*', null, 2)
const forms = fc.dictionary(
  fc.constantFrom(...names),
  fc.record({ marketo: own, dynamics: own }, { requiredKeys: [] }),
  {
    noNullPrototype: true,
  },
)
const halved = fc.tuple(people, forms).map(([person, made]) => {
  const agreement = {
    shadow: person.shadow,
    forms: Object.entries(made)
      .filter(([field]) => field in person.shadow)
      .map(([field, kept]) => ({
        field,
        of: person.shadow[field] ?? null,
        ...kept,
      })),
  }
  const half = (side: 'marketo' | 'dynamics') =>
    Object.fromEntries(
      Object.keys(person.shadow).map((field) => [field, halfOf(side, field, agreement) ?? null]),
    )
  return { ...person, ...agreement, halves: { marketo: half('marketo'), dynamics: half('dynamics') } }
})

it('S17: what a side made of a value by itself never travels: nothing does where each side holds its half', () => {
  fc.assert(
    fc.property(halved, ({ halves, ...person }) => {
      const made = plan({ ...person, ...halves })
      assert.deepEqual([made.toMarketo, made.toDynamics, made.conflicts], [{}, {}, []])
    }),
    { numRuns: 500 },
  )
})

it('S17: a form travels only as an edit: nothing is written that is not in the other side, and differs from its half', () => {
  fc.assert(
    fc.property(halved, ({ halves, ...person }) => {
      const made = plan(person)
      for (const [from, values] of [
        ['marketo', made.toDynamics],
        ['dynamics', made.toMarketo],
      ] as const) {
        for (const [field, value] of Object.entries(values)) {
          assert.equal(value, person[from][field])
          const other = from === 'marketo' ? 'dynamics' : 'marketo'
          const isFirst = !(field in person.shadow)
          assert.ok(isFirst || value !== halves[from][field], `${field} of ${from} is its half, to ${other}`)
        }
      }
    }),
    { numRuns: 1_000 },
  )
})

it('S2 S18: with two halves, every edit travels or is in the conflicts', () => {
  fc.assert(
    fc.property(halved, ({ halves, ...person }) => {
      const made = plan(person)
      const after = written(made, person.marketo, person.dynamics)
      for (const { marketo: name, direction } of person.fields) {
        const isThere = name in person.marketo && name in person.dynamics && name in person.shadow
        if (direction !== 'both' || !isThere) continue
        for (const side of ['marketo', 'dynamics'] as const) {
          const edit = person[side][name]
          if (edit === halves[side][name]) continue
          const arrived = after.marketo[name] === edit && after.dynamics[name] === edit
          assert(arrived || made.conflicts.some(({ field, lost }) => field === name && lost === edit), name)
        }
      }
    }),
    { numRuns: 1_000 },
  )
})

it('S1 S5: with two halves, what has landed is not written again, whatever the sides make of it', () => {
  fc.assert(
    fc.property(halved, own, own, (person, inMarketo, inDynamics) => {
      const made = plan(person)
      const shadow = landed(made, made)
      const kept = (values: Values, form: Values[string]) =>
        Object.fromEntries(Object.keys(values).map((name) => [name, form]))
      const stored = [kept(made.toMarketo, inMarketo), kept(made.toDynamics, inDynamics)] as const
      const fresh = [
        ...Object.keys(made.toMarketo).map((field) => ({
          field,
          of: shadow[field] ?? null,
          marketo: inMarketo,
        })),
        ...Object.keys(made.toDynamics).map((field) => ({
          field,
          of: shadow[field] ?? null,
          dynamics: inDynamics,
        })),
      ]
      const written = new Set(fresh.map(({ field }) => field))
      const again = plan({
        ...person,
        shadow,
        forms: [...person.forms.filter(({ field }) => !written.has(field)), ...fresh],
        marketo: { ...person.marketo, ...stored[0] },
        dynamics: { ...person.dynamics, ...stored[1] },
      })
      assert.deepEqual([again.toMarketo, again.toDynamics, again.conflicts], [{}, {}, []])
    }),
    { numRuns: 1_000 },
  )
})
