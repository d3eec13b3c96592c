import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import type { FieldValue, RecordType, Values } from '../../src/person/person.ts'
import { landed, type PlannedField, plan } from '../../src/sync/plan.ts'
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
