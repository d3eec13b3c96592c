import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Column } from '../../src/dataverse/columns.ts'
import { toColumnChanges } from '../../src/person/column-changes.ts'
import type { MarketoType } from '../../src/person/fields.ts'
import { toMarketoFields } from '../../src/person/marketo-fields.ts'
import { leadsBack, normalOfColumn, normalOfMarketo } from '../../src/person/normal.ts'
import type { FieldValue } from '../../src/person/person.ts'
import { parseSelection, type SelectedField } from '../../src/person/selection.ts'
import { mappingProblems } from '../../src/person/sync-schema.ts'
import { changedValue, dynamicsValues, marketoValues } from '../../src/person/sync-values.ts'
import { pairOf, selectionOf } from './live-schemas.ts'
import { column, stockTables, tableOf } from './stock-tables.ts'

const SOURCES = [
  { value: 5, label: 'Exhibition' },
  { value: 7, label: 'Trade Show' },
  { value: 8, label: 'Web' },
  { value: 9, label: 'Web; paid' },
]
const choice = column('c', 'Picklist', { options: SOURCES })
const choices = column('c', 'MultiSelectPicklist', { options: SOURCES })
const yesNo = column('c', 'Boolean', {
  options: [
    { value: 0, label: 'No' },
    { value: 1, label: 'Yes' },
  ],
})
const ACCOUNT = '3f0a2c11-5c1e-ee11-8179-000d3a8b0031'
const lookup = column('c', 'Lookup', {
  targets: [{ table: 'account', navigationProperty: 'c', entitySet: 'accounts' }],
})

type Values = Readonly<Record<string, string | number | boolean>>

/** The field's rule as the file says it. */
function fieldOf(
  values?: Values,
  otherwise?: string | number | boolean,
  type: MarketoType = 'string',
): SelectedField {
  const rule = { ...(values && { values }), ...(otherwise !== undefined && { otherwise }) }
  const { selection, problems } = parseSelection(
    JSON.stringify({ select: [], add: [{ marketo: 'm', lead: 'c', type, ...rule }] }),
  )
  assert.deepEqual(problems, undefined)
  const [field] = selection?.fields.lead ?? []
  assert.ok(field)
  return field
}

const TRADE = { 'Trade Show': 5, Web: 'web' }

interface Case {
  what: string
  column: Column
  values?: Values
  otherwise?: string | number | boolean
  type?: MarketoType
  /** Marketo's value, its normal form, and what a write to Dynamics holds: a value, or the code of what is wrong. */
  out: readonly (readonly [given: FieldValue, normal: FieldValue, sent: FieldValue | { code: string }])[]
  /** What the column holds, its normal form, and what a write to Marketo holds. */
  back: readonly (readonly [held: FieldValue, normal: FieldValue, sent: FieldValue | { code: string }])[]
}

const unmapped = { code: 'value-unmapped' }
const cases: readonly Case[] = [
  {
    what: 'a map of a choice; what is not in it travels by label or number',
    column: choice,
    values: TRADE,
    out: [
      ['Trade Show', 'Trade Show', 5],
      [' trade show ', 'Trade Show', 5],
      ['WEB', 'Web', 8],
      ['web; paid', 'Web; paid', 9],
      ['7', '7', 7],
      ['Fair', 'Fair', { code: 'option-unknown' }],
    ],
    // The label of 7 is the word for 5: only its number leads back to it.
    back: [
      [5, 'Trade Show', 'Trade Show'],
      [8, 'Web', 'Web'],
      [9, 'Web; paid', 'Web; paid'],
      [7, '7', '7'],
    ],
  },
  {
    what: 'a map of a choice that leaves out what is not in it',
    column: choice,
    values: TRADE,
    otherwise: 'omit',
    out: [
      ['trade show', 'Trade Show', 5],
      ['Web; paid', 'Web; paid', unmapped],
    ],
    back: [
      [5, 'Trade Show', 'Trade Show'],
      [9, 'Web; paid', unmapped],
      [7, '7', unmapped],
    ],
  },
  {
    what: 'a map of a choice with a value for everything else',
    column: choice,
    values: TRADE,
    otherwise: 9,
    out: [
      ['Web', 'Web', 8],
      ['Fair', 'Web; paid', 9],
      ['7', 'Web; paid', 9],
    ],
    // What stands for nothing must not become another value on its way back.
    back: [
      [9, 'Web; paid', 'Web; paid'],
      [7, '7', unmapped],
    ],
  },
  {
    what: 'a map of a yes/no that a text answers',
    column: yesNo,
    values: { 'Yes please': true, 'No thanks': 'No' },
    out: [
      ['yes please', 'Yes please', true],
      ['NO THANKS', 'No thanks', false],
    ],
    back: [
      [true, 'Yes please', 'Yes please'],
      [false, 'No thanks', 'No thanks'],
    ],
  },
  {
    what: 'a map of texts',
    column: column('c', 'String', { maxLength: 50 }),
    values: { DE: 'Germany' },
    out: [
      ['de', 'DE', 'Germany'],
      ['Sweden', 'Sweden', 'Sweden'],
    ],
    back: [
      ['germany', 'DE', 'DE'],
      ['Sweden', 'Sweden', 'Sweden'],
    ],
  },
  {
    what: 'a map of numbers, where nothing else travels',
    column: column('c', 'Integer'),
    values: { High: 100, Low: 10 },
    otherwise: 'fail',
    out: [
      ['high', 'High', 100],
      ['55', '55', unmapped],
    ],
    back: [
      [10, 'Low', 'Low'],
      [55, '55', unmapped],
    ],
  },
  {
    what: 'a map of a look-up',
    column: lookup,
    values: { Contoso: ACCOUNT.toUpperCase() },
    out: [['contoso', 'Contoso', `/accounts(${ACCOUNT})`]],
    back: [[ACCOUNT, 'Contoso', 'Contoso']],
  },
  {
    what: 'a choice that a yes/no field of Marketo answers',
    column: choice,
    values: { true: 8, false: 7 },
    type: 'boolean',
    otherwise: 'omit',
    out: [
      [true, true, 8],
      ['0', false, 7],
    ],
    back: [
      [8, true, true],
      [7, false, false],
    ],
  },
  {
    what: 'a list of choices, in any order, by label or number',
    column: choices,
    out: [
      ['Web;Exhibition', 'Exhibition;Web', '5,8'],
      [' 8 ; 5; web;', 'Exhibition;Web', '5,8'],
      [';', null, null],
      ['Web;Fair', 'Web;Fair', { code: 'option-unknown' }],
    ],
    // A label with a semicolon in it would be read as two.
    back: [
      ['8,5', 'Exhibition;Web', 'Exhibition;Web'],
      ['9', '9', '9'],
      [null, null, null],
    ],
  },
  {
    what: 'a map of a list of choices, element by element',
    column: choices,
    values: { Fair: 5, Net: 8 },
    out: [
      ['net;fair', 'Fair;Net', '5,8'],
      ['Net; Trade Show', 'Trade Show;Net', '7,8'],
    ],
    back: [['8,7,5', 'Fair;Trade Show;Net', 'Fair;Trade Show;Net']],
  },
  {
    what: 'a map of a list of choices: one element that stands for nothing keeps the whole list',
    column: choices,
    values: { Fair: 5, Net: 8 },
    otherwise: 'omit',
    out: [
      ['Fair;Net', 'Fair;Net', '5,8'],
      ['Fair;Radio', 'Fair;Radio', unmapped],
    ],
    back: [['5,7', 'Fair;Trade Show', unmapped]],
  },
]

for (const { what, column: over, values, otherwise, type, out, back } of cases) {
  describe(what, () => {
    const field = fieldOf(values, otherwise, type)
    const { schema } = pairOf(field.type, over, field)
    const form = { ...field, column: over }

    it('may travel both ways', () => {
      const tables = { lead: tableOf('lead', [over]), contact: stockTables.contact }
      assert.deepEqual(mappingProblems(selectionOf([field]), tables), [])
      assert.deepEqual([schema.fields.lead[0]?.direction, schema.drift], ['both', []])
    })

    for (const [given, normal, sent] of out) {
      it(`Marketo's ${JSON.stringify(given)} is ${JSON.stringify(sent)} in Dynamics`, () => {
        assert.equal(normalOfMarketo(given, form), normal)
        assert.equal(normalOfMarketo(normal, form), normal, 'a normal form is its own')
        const { columns, left } = toColumnChanges({ m: normal }, 'lead', schema)
        const [key = ''] = [`c@odata.bind`, 'c'].filter((name) => name in columns)
        assert.deepEqual(left.length > 0 ? { code: left[0]?.code } : columns[key], sent)
      })
    }

    for (const [held, normal, sent] of back) {
      it(`Dynamics' ${JSON.stringify(held)} is ${JSON.stringify(sent)} in Marketo`, () => {
        assert.equal(normalOfColumn(held, form), normal)
        const { fields, left } = toMarketoFields({ m: normal }, 'lead', schema)
        assert.deepEqual(left.length > 0 ? { code: left[0]?.code } : fields.m, sent)
        // What was written to Marketo must compare equal from then on.
        if (left.length > 0) assert.equal(leadsBack(normal, form), false)
        else assert.equal(normalOfMarketo(normal, form), normal)
      })
    }
  })
}

it('the log, the bulk read and the row of one value agree', () => {
  const { schema } = pairOf('string', choice, fieldOf(TRADE))
  const row = dynamicsValues({ c: 5 }, { recordType: 'lead', recordId: ACCOUNT }, schema)
  const read = marketoValues({ m: 'TRADE SHOW' }, 'lead', schema)
  const logged = changedValue('trade show ', 'm', 'lead', schema)
  assert.deepEqual([row.m, read.m, logged], ['Trade Show', 'Trade Show', 'Trade Show'])
})

describe('a map that the table does not bear', () => {
  const problemsOf = (field: SelectedField, over: Column) =>
    mappingProblems(selectionOf([field]), { lead: tableOf('lead', [over]), contact: stockTables.contact })

  it('is refused at the start where the label and the number of one choice have two words', () => {
    const field = fieldOf({ Fair: 5, Expo: 'exhibition' })
    assert.deepEqual(problemsOf(field, choice), [
      'm on a lead, "values": "Fair" and "Expo" stand for the same value, so the field can only be to-dynamics.',
    ])
    assert.deepEqual(problemsOf({ ...field, direction: 'to-dynamics' }, choice), [])
    const { schema } = pairOf('string', choice, field)
    assert.deepEqual(
      [schema.fields.lead[0]?.direction, schema.drift[0]?.code],
      ['to-dynamics', 'pair-one-way'],
    )
  })

  it('is refused at the start where a word stands for no value, and set aside for its people later', () => {
    const field = fieldOf({ Fair: 55, Net: 8 })
    assert.deepEqual(problemsOf(field, choice), [
      'm on a lead, "values": "Fair" stands for 55, which c does not take.',
    ])
    const { schema } = pairOf('string', choice, field)
    assert.deepEqual(
      schema.drift.map(({ code, field: of }) => [code, of]),
      [['values-invalid', 'c']],
    )
    assert.deepEqual(toColumnChanges({ m: 'Net' }, 'lead', schema).columns, { c: 8 })
    assert.deepEqual(toColumnChanges({ m: 'Fair' }, 'lead', schema).left[0]?.code, 'mapping-invalid')
  })

  it('is refused over a column whose values have no names', () => {
    assert.deepEqual(problemsOf(fieldOf({ Today: '2020-01-01' }), column('c', 'DateTime')), [
      'm on a lead, "values": c (DateTime) has no values that words could stand for.',
    ])
  })
})
