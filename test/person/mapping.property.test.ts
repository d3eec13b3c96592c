import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import type { Column } from '../../src/dataverse/metadata.ts'
import type { Columns } from '../../src/dataverse/records.ts'
import { type MarketoType, marketoTypes } from '../../src/person/fields.ts'
import { isReversible, toColumns, toFields } from '../../src/person/mapping.ts'
import type { FieldValue } from '../../src/person/person.ts'
import type { FieldSelection, SelectedField } from '../../src/person/selection.ts'
import { defaultSelection } from '../../src/person/selection.ts'
import { column, stockTables, tableOf } from './stock-tables.ts'

/** What Dataverse answers to a read of what was written: look-ups change their name and lose their table. */
function readBack(columns: Columns, one: Column): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(columns).map(([key, value]) =>
      key.endsWith('@odata.bind')
        ? [`_${one.logicalName}_value`, /\((.*)\)/.exec(String(value))?.[1]]
        : [key, value],
    ),
  )
}

function selectionOf(field: SelectedField): FieldSelection {
  return { fields: { lead: [field], contact: [] }, defaults: { lead: {}, contact: {} } }
}

const options = [
  { value: 1, label: 'Web' },
  { value: 2, label: 'Trade Show' },
  { value: 3, label: 'Trade show ' },
  { value: 823270000, label: '1' },
]
const targets = [{ table: 'contact', navigationProperty: 'new_Ref', entitySet: 'contacts' }]
const columns: readonly Column[] = [
  column('c', 'String', { format: 'Text' }),
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
  column('c', 'DateTime', { format: 'DateAndTime' }),
  column('c', 'Lookup', { targets }),
  column('c', 'Customer', { targets }),
  column('c', 'Uniqueidentifier'),
  column('c', 'Owner', { targets }),
  column('c', 'Other'),
]

const instants = fc
  .date({ min: new Date('1753-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => `${date.toISOString().slice(0, 19)}Z`)
const texts = fc.string({ unit: 'grapheme' }).filter((text) => text.trim() !== '')
const numbers = fc
  .double({ noNaN: true, noDefaultInfinity: true })
  .map((number) => (number === 0 ? 0 : number))
const wholes = fc.maxSafeInteger()

/** Values as Marketo's REST API writes them for a field of the type that is mapped to the column. */
function valuesOf(type: MarketoType, one: Column): fc.Arbitrary<FieldValue> {
  if (one.options)
    return type === 'integer' ? fc.constantFrom(1, 2, 3, 823270000) : fc.constantFrom('Web', '2', '3')
  if (one.targets || one.type === 'Uniqueidentifier') return fc.uuid()
  switch (type) {
    case 'integer':
    case 'score':
    case 'percent':
      return wholes
    case 'float':
    case 'currency':
      return numbers
    case 'boolean':
      return fc.boolean()
    case 'date':
      return instants.map((instant) => instant.slice(0, 10))
    case 'datetime':
      return instants
    default:
      return texts
  }
}

it('there and back is the identity for every pair of types that is not one-way', () => {
  const pairs = marketoTypes.flatMap((type) =>
    columns.filter((one) => isReversible(type, one)).map((one) => ({ type, one })),
  )
  assert.equal(pairs.length, 43)
  for (const { type, one } of pairs) {
    const table = tableOf('lead', [one])
    fc.assert(
      fc.property(fc.option(valuesOf(type, one)), fc.boolean(), (value, turned) => {
        const inverted = turned && type === 'boolean'
        const selection = selectionOf({ marketo: 'm', type, column: 'c', direction: 'both', inverted })
        const mapped = toColumns({ fields: { m: value } }, 'lead', selection, table)
        assert.deepEqual(mapped.problems, [])
        const isUnbound = value === null && one.targets !== undefined
        const back = toFields(readBack(mapped.columns, one), 'lead', selection, table)
        assert.deepEqual(back, isUnbound ? {} : { m: value }, `${type} over ${one.type}`)
      }),
      { numRuns: 50 },
    )
  }
})

it('from Dynamics to Marketo and back is the identity for every choice, however the labels clash', () => {
  const labels = fc.constantFrom('Web', 'web ', '1', '2', '', 'Other')
  const lists = fc.uniqueArray(fc.record({ value: fc.nat({ max: 5 }), label: labels }), {
    selector: (option) => option.value,
    minLength: 1,
  })
  const selection = selectionOf({
    marketo: 'm',
    type: 'string',
    column: 'c',
    direction: 'both',
    inverted: false,
  })
  fc.assert(
    fc.property(lists, (list) => {
      const table = tableOf('lead', [column('c', 'Picklist', { options: list })])
      for (const { value } of list) {
        const fields = toFields({ c: value }, 'lead', selection, table)
        const { columns: made, problems } = toColumns({ fields }, 'lead', selection, table)
        const isShadowed = list.some((other) => other.value !== value && other.label === String(value))
        if (isShadowed && problems.length > 0) assert.equal(problems[0]?.code, 'option-ambiguous')
        else assert.equal(made.c, value)
      }
    }),
  )
})

it('a mapping never crashes, repeats no value in a problem, and sends only columns of the table', () => {
  const { fields: native } = defaultSelection()
  const names = [...new Set([...native.lead, ...native.contact].map((field) => field.marketo))]
  const secret = 'zq9secret'
  const values = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(secret, `${secret}@`, '2020-01-01', 'yes', '', null, true, -0),
    fc.double(),
  )
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...names), values),
      fc.constantFrom('lead' as const, 'contact' as const),
      (fields, recordType) => {
        const table = stockTables[recordType]
        const mapped = toColumns({ fields }, recordType, defaultSelection(), table)
        assert.ok(!JSON.stringify(mapped.problems).includes(secret))
        for (const key of Object.keys(mapped.columns)) assert.ok(table.columns.get(key)?.validForCreate, key)
      },
    ),
    { numRuns: 300 },
  )
})
