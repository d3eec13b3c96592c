import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import type { Column } from '../../src/dataverse/columns.ts'
import type { Columns } from '../../src/dataverse/records.ts'
import { toColumnChanges } from '../../src/person/column-changes.ts'
import { type MarketoType, marketoTypes } from '../../src/person/fields.ts'
import { toMarketoFields } from '../../src/person/marketo-fields.ts'
import { isReversible } from '../../src/person/pair.ts'
import type { FieldValue } from '../../src/person/person.ts'
import { changedValue, dynamicsValues, marketoValues } from '../../src/person/sync-values.ts'
import { pairOf } from './live-schemas.ts'
import { column } from './stock-tables.ts'

const ref = { recordType: 'lead', recordId: '6d81597f-0f9f-e711-8122-000d3aa2331c' } as const

const options = [
  { value: 1, label: 'Web' },
  { value: 2, label: 'Trade Show' },
  { value: 3, label: 'Trade show ' },
  { value: 823270000, label: '1' },
  { value: -7, label: '' },
]
const targets = [{ table: 'contact', navigationProperty: 'new_Ref', entitySet: 'contacts' }]
const columns: readonly Column[] = [
  column('c', 'String', { format: 'Text' }),
  column('c', 'String', { format: 'Email' }),
  column('c', 'Memo'),
  column('c', 'Integer'),
  column('c', 'BigInt'),
  column('c', 'Decimal'),
  column('c', 'Double'),
  column('c', 'Money'),
  column('c', 'Boolean'),
  column('c', 'Picklist', { options }),
  column('c', 'State', { options }),
  column('c', 'Status', { options }),
  column('c', 'DateTime', { format: 'DateOnly', behavior: 'DateOnly' }),
  column('c', 'DateTime', { format: 'DateOnly', behavior: 'UserLocal' }),
  column('c', 'DateTime', { format: 'DateAndTime', behavior: 'TimeZoneIndependent' }),
  column('c', 'DateTime', { format: 'DateAndTime' }),
  column('c', 'Lookup', { targets }),
  column('c', 'Customer', { targets }),
  column('c', 'Uniqueidentifier'),
]
const pairs = marketoTypes.flatMap((type) =>
  columns.filter((one) => isReversible(type, one)).map((one) => ({ type, one })),
)

/** What Dataverse answers to a read of what was written: look-ups change their name and lose their table. */
function readBack(written: Columns): Record<string, FieldValue | undefined> {
  return Object.fromEntries(
    Object.entries(written).map(([key, value]) =>
      key === 'new_Ref@odata.bind'
        ? ['_c_value', value === null ? null : /\((.*)\)/.exec(String(value))?.[1]]
        : [key, value],
    ),
  )
}

const day = fc
  .date({ min: new Date('1753-01-02'), max: new Date('9998-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString())
const spelledInstants = day.chain((iso) =>
  fc.constantFrom(
    `${iso.slice(0, 19)}Z`,
    `${iso.slice(0, 19)}+0000`,
    `${iso.slice(0, 19)}-08:00`,
    `${iso.slice(0, 10)} ${iso.slice(11, 19)}`,
    iso.slice(0, 10),
  ),
)
const upperIds = fc.uuid().map((id) => id.toUpperCase())
const reals = fc.double({ noNaN: true, min: -1e11, max: 1e11 })
const wholes = fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 })

/** Values as Marketo's read or its change log writes them, some of them badly. */
function marketoRaw(type: MarketoType, one: Column): fc.Arbitrary<FieldValue> {
  const usual = (): fc.Arbitrary<FieldValue> => {
    if (one.options) return fc.constantFrom('Web', 'web', ' WEB ', '2', '3', 2, 3, 'Web', '-7', -7)
    if (one.targets || one.type === 'Uniqueidentifier') return fc.oneof(fc.uuid(), upperIds)
    if (type === 'boolean') return fc.constantFrom(true, false, 'true', 'False', '1', '0', 1, 0)
    if (type === 'date' || type === 'datetime') return spelledInstants
    if (type === 'float' || type === 'currency') return fc.oneof(reals, reals.map(String), wholes)
    if (['integer', 'score', 'percent'].includes(type)) return fc.oneof(wholes, wholes.map(String))
    if (one.format === 'Email') return fc.constantFrom('Ann@Example.org', ' ann@example.org ', "o'b+x@e.org")
    const text = fc.string({ unit: 'grapheme', maxLength: 60 })
    return type === 'email'
      ? fc.emailAddress()
      : fc.oneof(
          text,
          text.map((half) => `${half}\r\n ${half}\rx`),
        )
  }
  return fc.oneof({ weight: 5, arbitrary: usual() }, fc.constantFrom(null, '', ' \t'))
}

/** Values as a row of Dynamics holds them. */
function columnRaw(one: Column): fc.Arbitrary<FieldValue> {
  const usual = (): fc.Arbitrary<FieldValue> => {
    if (one.options) return fc.constantFrom(...one.options.map(({ value }) => value), 77)
    switch (one.type) {
      case 'Integer':
      case 'BigInt':
        return wholes
      case 'Decimal':
      case 'Double':
      case 'Money':
        return reals
      case 'Boolean':
        return fc.boolean()
      case 'DateTime':
        return day.map((iso) => (one.behavior === 'DateOnly' ? iso.slice(0, 10) : `${iso.slice(0, 19)}Z`))
      case 'Lookup':
      case 'Customer':
      case 'Uniqueidentifier':
        return fc.uuid()
      default:
        return one.format === 'Email' ? fc.emailAddress() : fc.string({ maxLength: 60 })
    }
  }
  return fc.oneof({ weight: 5, arbitrary: usual() }, fc.constant(null))
}

it('S14: what Marketo holds comes back from Dynamics as it went, for every pair of types that is both ways', () => {
  assert.equal(pairs.length, 50)
  for (const { type, one } of pairs) {
    fc.assert(
      fc.property(marketoRaw(type, one), fc.boolean(), (raw, turned) => {
        const { schema } = pairOf(type, one, { inverted: turned && type === 'boolean' })
        assert.deepEqual(schema.drift, [])
        const values = marketoValues({ m: raw }, 'lead', schema)
        const { columns: written, left } = toColumnChanges(values, 'lead', schema)
        assert.deepEqual(left, [], `${type} over ${one.type}`)
        const back = dynamicsValues(readBack(written), ref, schema)
        assert.deepEqual(back.m, values.m, `${type} over ${one.type}`)
      }),
      { numRuns: 60 },
    )
  }
})

it('S14: what Dynamics holds comes back from Marketo as it went, by its read and by its change log', () => {
  for (const { type, one } of pairs) {
    fc.assert(
      fc.property(columnRaw(one), fc.boolean(), (raw, turned) => {
        const { schema } = pairOf(type, one, { inverted: turned && type === 'boolean' })
        const key = one.targets ? '_c_value' : 'c'
        const values = dynamicsValues({ [key]: raw }, ref, schema)
        const { fields, left } = toMarketoFields(values, 'lead', schema)
        const name = `${type} over ${one.type}`
        assert.deepEqual([values.m === undefined, left], [false, []], name)
        assert.equal(marketoValues(fields, 'lead', schema).m, values.m, name)
        const logged = fields.m === null || fields.m === undefined ? null : String(fields.m)
        assert.equal(changedValue(logged, 'm', 'lead', schema), values.m, name)
      }),
      { numRuns: 60 },
    )
  }
})

it('a normal form is its own normal form, whatever Marketo holds', () => {
  const anything = fc.oneof(fc.string({ unit: 'binary' }), fc.double({ noNaN: true }), fc.boolean())
  for (const type of marketoTypes) {
    for (const one of columns) {
      fc.assert(
        fc.property(anything, (raw) => {
          const { schema } = pairOf(type, one, { direction: 'to-dynamics' })
          const once = marketoValues({ m: raw }, 'lead', schema)
          assert.deepEqual(marketoValues({ ...once }, 'lead', schema), once)
        }),
        { numRuns: 20 },
      )
    }
  }
})

it('every choice comes back from Marketo as itself or is refused as ambiguous, however the labels clash', () => {
  const labels = fc.constantFrom('Web', 'web ', '1', '2', '', 'Other')
  const lists = fc.uniqueArray(fc.record({ value: fc.nat({ max: 5 }), label: labels }), {
    selector: (option) => option.value,
    minLength: 1,
  })
  fc.assert(
    fc.property(lists, (list) => {
      const { schema } = pairOf('string', column('c', 'Picklist', { options: list }))
      for (const { value } of list) {
        const values = dynamicsValues({ c: value }, ref, schema)
        const { columns: made, left } = toColumnChanges(values, 'lead', schema)
        const isShadowed = list.some((other) => other.value !== value && other.label === String(value))
        if (isShadowed && left.length > 0) assert.equal(left[0]?.code, 'option-ambiguous')
        else assert.equal(made.c, value)
      }
    }),
  )
})
