import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Column } from '../../src/dataverse/columns.ts'
import type { MarketoField } from '../../src/marketo/schema.ts'
import { defaultFields } from '../../src/person/fields.ts'
import { defaultSelection, parseSelection } from '../../src/person/selection.ts'
import { mappingProblems } from '../../src/person/sync-schema.ts'
import { systemFields } from '../../src/person/system-fields.ts'
import { marketoField, marketoOf, schemaOf, selectionOf } from './live-schemas.ts'
import { column, stockTables, tableOf } from './stock-tables.ts'

const native = defaultSelection()
describe('the default selection over stock tables', () => {
  const schema = schemaOf(native)

  it('travels whole, but for what is filled on create only, with the system fields', () => {
    assert.deepEqual([schema.drift, schema.missing, schema.hasScore, schema.stamps], [[], [], false, {}])
    for (const recordType of ['lead', 'contact'] as const) {
      const selected = native.fields[recordType].filter(({ direction }) => direction !== 'on-create')
      assert.deepEqual(
        schema.fields[recordType].map(({ marketo, direction }) => [marketo, direction]),
        [
          ...selected.map(({ marketo, direction }) => [marketo, direction]),
          ['microsoftRecordId', 'to-marketo'],
          ['microsoftType', 'to-marketo'],
          ['microsoftIsDeleted', 'to-marketo'],
        ],
      )
    }
  })

  it('follows in the change log what may go to Dynamics, and reads of Marketo all that is compared', () => {
    const outward = [...schema.fields.lead, ...schema.fields.contact].filter(
      ({ direction }) => direction !== 'to-marketo',
    )
    assert.deepEqual(schema.feedFields, [...new Set(outward.map(({ marketo }) => marketo))].sort())
    const compared = [...schema.fields.lead, ...schema.fields.contact].map(({ marketo }) => marketo)
    assert.deepEqual(schema.readFields, [...new Set(compared)].sort())
  })

  it('reads of Dynamics its columns and what tells the life of a row, as far as the table has it', () => {
    const mapped = schema.fields.lead.flatMap(({ column }) => column?.logicalName ?? [])
    assert.deepEqual(schema.selects.lead, [...mapped, '_parentcontactid_value'].sort())
    const columns = [
      column('merged', 'Boolean'),
      column('new_synctomkto', 'Boolean'),
      column('ownerid', 'Owner'),
    ]
    const lookups = [column('masterid', 'Lookup'), column('originatingleadid', 'Lookup')]
    const contact = tableOf('contact', [
      ...columns,
      ...lookups,
      column('new_stamp', 'String', { maxLength: 36 }),
    ])
    const owner = {
      marketo: 'owner',
      type: 'string',
      column: 'ownerid',
      direction: 'to-marketo',
      inverted: false,
    } as const
    const selection = { ...selectionOf([], [owner]), stamp: { contact: 'new_stamp' } }
    const { selects, stamps } = schemaOf(selection, { tables: { lead: stockTables.lead, contact } })
    assert.deepEqual(stamps, { contact: 'new_stamp' })
    assert.deepEqual(selects.contact, [
      '_masterid_value',
      '_originatingleadid_value',
      '_ownerid_value',
      'merged',
      'new_stamp',
      'new_synctomkto',
    ])
  })
})

describe('the system fields', () => {
  it('are demanded but for the creation date, which is an ordinary field of the default selection', () => {
    const required = systemFields.filter((one) => one.required).map(({ name }) => name)
    const created = defaultFields.find(({ marketo }) => marketo === 'microsoftCreatedDate')
    assert.deepEqual(schemaOf(native, { marketo: new Map() }).missing, required)
    assert.equal(created?.type, systemFields.find((one) => !one.required)?.dataType)
  })

  const broken: [facts: Partial<MarketoField>, code: string][] = [
    [{ updateable: false }, 'marketo-field-read-only'],
    [{ searchable: false }, 'marketo-field-missing'],
    [{ dataType: 'integer' }, 'marketo-field-missing'],
  ]
  for (const [facts, code] of broken) {
    it(`that are ${JSON.stringify(facts)} are not there to the sync, and ${code} says so`, () => {
      const name = 'microsoftRecordId'
      const marketo = marketoOf(native).set(name, marketoField(name, 'string', facts))
      const { missing, drift } = schemaOf(native, { marketo })
      assert.deepEqual([missing, drift.map((one) => [one.code, one.field])], [[name], [[code, name]]])
    })
  }
})

describe('a stamp column', () => {
  const stamps: [facts: Column | undefined, code: string | undefined][] = [
    [column('new_stamp', 'String', { maxLength: 36 }), undefined],
    [column('new_stamp', 'Memo', { maxLength: 2000 }), undefined],
    [column('new_stamp', 'String', { maxLength: 35 }), 'column-unsupported'],
    [column('new_stamp', 'Uniqueidentifier'), 'column-unsupported'],
    [column('new_stamp', 'String', { maxLength: 100, validForUpdate: false }), 'column-read-only'],
    [undefined, 'column-missing'],
  ]
  for (const [one, code] of stamps) {
    it(`${one ? `of type ${one.type}, ${one.maxLength} characters` : 'that is not there'}: ${code ?? 'is used'}`, () => {
      const tables = { lead: tableOf('lead', one ? [one] : []), contact: stockTables.contact }
      const schema = schemaOf({ ...selectionOf([]), stamp: { lead: 'new_stamp' } }, { tables })
      const isUsed = code === undefined
      assert.deepEqual(schema.stamps, isUsed ? { lead: 'new_stamp' } : {})
      assert.deepEqual(schema.selects.lead, isUsed ? ['new_stamp'] : [])
      assert.deepEqual(
        schema.drift.map((left) => left.code),
        isUsed ? [] : [code],
      )
    })
  }
})

describe('a start', () => {
  it('is not refused for the default selection', () => {
    assert.deepEqual(mappingProblems(native, stockTables), [])
  })

  it('is refused with a sentence for each pair that loses something both ways, and for no other', () => {
    const { selection } = parseSelection(
      JSON.stringify({
        select: [],
        add: [
          { marketo: 'day', lead: 'estimatedclosedate', type: 'datetime' },
          { marketo: 'sum', lead: 'revenue', type: 'integer' },
          { marketo: 'owner', lead: 'ownerid' },
          { marketo: 'one', lead: 'address1_latitude', type: 'integer', direction: 'to-dynamics' },
          { marketo: 'gone', lead: 'new_gone', type: 'integer' },
        ],
      }),
    )
    assert(selection)
    assert.deepEqual(mappingProblems(selection, stockTables), [
      'day on a lead: estimatedclosedate (DateTime) does not give a Marketo datetime back as it was; select it as date, or make it to-dynamics or to-marketo.',
      'sum on a lead: revenue (Money) does not give a Marketo integer back as it was; select it as float or currency, or make it to-dynamics or to-marketo.',
      'owner on a lead: ownerid (Owner) does not give a Marketo string back as it was; make it to-marketo, or exclude it.',
    ])
  })
})
