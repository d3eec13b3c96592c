import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FieldValue, RecordType, Values } from '../../src/person/person.ts'
import { landed, type PlannedField, plan } from '../../src/sync/decide/plan.ts'
import { only, planned, system } from './planned.ts'

type Value = FieldValue | undefined
const absent = undefined

interface Told {
  toMarketo?: FieldValue
  toDynamics?: FieldValue
  shadow?: FieldValue
  lost?: FieldValue
}

function tell(
  field: PlannedField,
  recordType: RecordType,
  shadow: Value,
  marketo: Value,
  dynamics: Value,
): Told {
  const made = plan({
    recordType,
    fields: [field],
    shadow: only(shadow),
    marketo: only(marketo),
    dynamics: only(dynamics),
  })
  const told: Told = {}
  if (made.toMarketo.m !== undefined) told.toMarketo = made.toMarketo.m
  if (made.toDynamics.m !== undefined) told.toDynamics = made.toDynamics.m
  if (made.nextShadow.m !== undefined) told.shadow = made.nextShadow.m
  if (made.conflicts[0]) told.lost = made.conflicts[0].lost
  return told
}

type Row = [shadow: Value, marketo: Value, dynamics: Value, lead: Told, contact?: Told]
const tables: [name: string, field: PlannedField, rows: Row[]][] = [
  [
    'a field that travels both ways',
    planned('m'),
    [
      ['s', 's', 's', { shadow: 's' }],
      ['s', 'a', 's', { toDynamics: 'a', shadow: 's' }],
      ['s', 's', 'a', { toMarketo: 'a', shadow: 's' }],
      ['s', 'a', 'a', { shadow: 'a' }],
      [
        's',
        'a',
        'b',
        { toDynamics: 'a', shadow: 's', lost: 'b' },
        { toMarketo: 'b', shadow: 's', lost: 'a' },
      ],
      ['s', null, 's', { toDynamics: null, shadow: 's' }],
      ['s', 's', null, { toMarketo: null, shadow: 's' }],
      [
        's',
        null,
        'b',
        { toDynamics: null, shadow: 's', lost: 'b' },
        { toMarketo: 'b', shadow: 's', lost: null },
      ],
      [null, 'a', null, { toDynamics: 'a', shadow: null }],
      ['s', absent, 'a', { shadow: 's' }],
      ['s', 'a', absent, { shadow: 's' }],
      [absent, 'a', 'a', { shadow: 'a' }],
      [absent, null, null, { shadow: null }],
      [absent, null, 'a', { toMarketo: 'a' }],
      [absent, 'a', null, { toDynamics: 'a' }],
      [absent, false, true, { toMarketo: true }],
      [absent, true, false, { toDynamics: true }],
      [absent, 'a', 'b', { toDynamics: 'a', lost: 'b' }, { toMarketo: 'b', lost: 'a' }],
      [absent, absent, 'a', {}],
    ],
  ],
  [
    'a yes/no field of opposite sense',
    planned('m', { inverted: true }),
    [
      [absent, null, false, { toMarketo: false }],
      [absent, true, false, { toDynamics: true, lost: false }, { toMarketo: false, lost: true }],
    ],
  ],
  [
    'a field that only goes to Dynamics',
    planned('m', { direction: 'to-dynamics' }),
    [
      ['s', 'a', 's', { toDynamics: 'a', shadow: 's' }],
      ['s', 's', 'b', { shadow: 's' }],
      ['s', 'a', 'b', { toDynamics: 'a', shadow: 's', lost: 'b' }],
      ['s', null, 's', { toDynamics: null, shadow: 's' }],
      ['s', 'a', 'a', { shadow: 'a' }],
      [absent, 'a', 'b', { toDynamics: 'a', lost: 'b' }],
      [absent, 'a', null, { toDynamics: 'a' }],
      [absent, null, 'b', { shadow: null }],
    ],
  ],
  [
    'a field that only goes to Marketo',
    planned('m', { direction: 'to-marketo' }),
    [
      ['s', 's', 'a', { toMarketo: 'a', shadow: 's' }],
      ['s', 'b', 's', { shadow: 's' }],
      ['s', 'b', 'a', { toMarketo: 'a', shadow: 's', lost: 'b' }],
      [absent, 'b', 'a', { toMarketo: 'a', lost: 'b' }],
      [absent, 'b', null, { shadow: null }],
    ],
  ],
  [
    'a field that the service fills itself',
    system,
    [
      [absent, true, false, { toMarketo: false }],
      [absent, null, 'Lead', { toMarketo: 'Lead' }],
      ['Lead', 'Lead', 'Contact', { toMarketo: 'Contact', shadow: 'Lead' }],
    ],
  ],
]

for (const [name, field, rows] of tables) {
  describe(name, () => {
    for (const [shadow, marketo, dynamics, lead, contact = lead] of rows) {
      const show = (value: Value) => (value === undefined ? 'unknown' : JSON.stringify(value))
      it(`agreed ${show(shadow)}, Marketo ${show(marketo)}, Dynamics ${show(dynamics)}: S3 the winner rule`, () => {
        assert.deepEqual(tell(field, 'lead', shadow, marketo, dynamics), lead)
        assert.deepEqual(tell(field, 'contact', shadow, marketo, dynamics), contact)
      })
    }
  })
}

describe('a value that a write of ours replaced unseen', () => {
  const fields = [planned('m')]
  const restore = only('edit')

  it('counts as what Marketo holds and is always written back', () => {
    const input = { fields, marketo: only('ours'), dynamics: only('ours'), shadow: only('ours'), restore }
    const made = plan({ recordType: 'lead', ...input })
    assert.deepEqual(made, {
      toMarketo: { m: 'edit' },
      toDynamics: { m: 'edit' },
      nextShadow: { m: 'ours' },
      conflicts: [{ field: 'm', winner: 'marketo', won: 'edit', lost: 'ours' }],
    })
    assert.deepEqual(landed(made, { toDynamics: { m: 'edit' } }), { m: 'ours' })
    assert.deepEqual(landed(made, { toDynamics: { m: 'edit' }, toMarketo: { m: 'edit' } }), { m: 'edit' })
  })

  it('is written back even where Dynamics holds the same by now', () => {
    const made = plan({
      recordType: 'lead',
      fields,
      marketo: only('ours'),
      dynamics: only('edit'),
      shadow: only('ours'),
      restore,
    })
    assert.deepEqual([made.toMarketo, made.toDynamics, made.nextShadow], [only('edit'), {}, only('ours')])
  })

  it('may be emptiness, and may lose against Dynamics', () => {
    const input = { fields, marketo: only('ours'), dynamics: only(null), shadow: only('old') }
    const lead = plan({ recordType: 'lead', ...input, restore: only('edit') })
    assert.deepEqual([lead.toMarketo, lead.toDynamics], [only('edit'), only('edit')])
    const contact = plan({ recordType: 'contact', ...input, restore: only('edit') })
    assert.deepEqual([contact.toMarketo, contact.toDynamics], [only(null), {}])
    const cleared = plan({ recordType: 'lead', ...input, dynamics: only('old'), restore: only(null) })
    assert.deepEqual([cleared.toMarketo, cleared.toDynamics], [only(null), only(null)])
  })

  it('is not written to a field that does not travel to Marketo, nor to one that is not selected', () => {
    const toDynamics = [planned('m', { direction: 'to-dynamics' })]
    const input = { marketo: only('ours'), dynamics: only('ours'), shadow: only('ours'), restore }
    assert.deepEqual(plan({ recordType: 'lead', fields: toDynamics, ...input }).toMarketo, {})
    assert.deepEqual(plan({ recordType: 'lead', fields: [], ...input }).toMarketo, {})
  })
})

describe('S10: only what is selected and known', () => {
  it('is written: other values of both sides are passed over, and keep their shadow', () => {
    const made = plan({
      recordType: 'lead',
      fields: [planned('m')],
      shadow: { m: 's', gone: 'x' },
      marketo: { m: 's', gone: 'y', other: 1 },
      dynamics: { m: 's', gone: 'z' },
    })
    assert.deepEqual(made, {
      toMarketo: {},
      toDynamics: {},
      nextShadow: { m: 's', gone: 'x' },
      conflicts: [],
    })
  })

  it('is read: a field that is called like an inherited member is not there unless it is', () => {
    const fields = [planned('constructor')]
    const own: Values = { constructor: 'x' }
    for (const input of [
      { marketo: {}, dynamics: own },
      { marketo: own, dynamics: {} },
    ]) {
      const none = plan({ recordType: 'lead', fields, ...input })
      assert.deepEqual(none, { toMarketo: {}, toDynamics: {}, nextShadow: {}, conflicts: [] })
    }
    const made = plan({ recordType: 'lead', fields, marketo: own, dynamics: { constructor: null } })
    assert.deepEqual([made.toDynamics, made.conflicts], [own, []])
  })
})

it('a write that is not proven does not move the shadow, and the others do', () => {
  const made = plan({
    recordType: 'lead',
    fields: [planned('a'), planned('b')],
    shadow: { a: 's', b: 's' },
    marketo: { a: 'x', b: 's' },
    dynamics: { a: 's', b: null },
  })
  assert.deepEqual(landed(made, {}), { a: 's', b: 's' })
  assert.deepEqual(landed(made, { toMarketo: { b: null } }), { a: 's', b: null })
  assert.deepEqual(landed(made, made), { a: 'x', b: null })
})
