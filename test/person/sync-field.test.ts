import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Column } from '../../src/dataverse/columns.ts'
import type { MarketoField } from '../../src/marketo/schema.ts'
import type { Direction, MarketoType } from '../../src/person/fields.ts'
import { defaultSelection, parseSelection } from '../../src/person/selection.ts'
import { marketoField, marketoOf, pairOf, schemaOf, selectionOf } from './live-schemas.ts'
import { column, stockTables, tableOf } from './stock-tables.ts'

const native = defaultSelection()
const targets = [
  { table: 'account', navigationProperty: 'c_account', entitySet: 'accounts' },
  { table: 'contact', navigationProperty: 'c_contact', entitySet: 'contacts' },
]

describe('a field that cannot travel as it was selected', () => {
  const text = column('c', 'String')
  const readOnly = { validForUpdate: false }
  type Left = 'both' | 'to-dynamics' | 'to-marketo' | 'nothing'
  const cases: [
    name: string,
    direction: Direction,
    selected: MarketoType,
    live: Partial<MarketoField>,
    over: Column,
    left: Left,
    code?: string,
  ][] = [
    ['fits', 'both', 'string', {}, text, 'both'],
    ['has another type of the same kind in Marketo', 'both', 'string', { dataType: 'phone' }, text, 'both'],
    ['has a type in Marketo that we do not know', 'both', 'string', { dataType: 'reference' }, text, 'both'],
    ['was retyped in Marketo', 'both', 'string', { dataType: 'integer' }, text, 'nothing', 'pair-one-way'],
    ['was retyped in Dynamics', 'both', 'string', {}, column('c', 'Money'), 'nothing', 'pair-one-way'],
    [
      'loses its time of day',
      'both',
      'datetime',
      {},
      column('c', 'DateTime', { format: 'DateOnly' }),
      'nothing',
      'pair-one-way',
    ],
    [
      'loses it one way only',
      'to-dynamics',
      'datetime',
      {},
      column('c', 'DateTime', { format: 'DateOnly' }),
      'to-dynamics',
    ],
    ['is a number over a text, one way', 'to-dynamics', 'integer', {}, text, 'to-dynamics'],
    ['is a text over a number, one way back', 'to-marketo', 'string', {}, column('c', 'Money'), 'to-marketo'],
    ['is a number that a text cannot become', 'to-marketo', 'integer', {}, text, 'nothing', 'pair-one-way'],
    [
      'is a date that a number cannot hold',
      'to-dynamics',
      'date',
      {},
      column('c', 'Integer'),
      'nothing',
      'pair-one-way',
    ],
    [
      'is read-only in Dynamics',
      'both',
      'string',
      {},
      column('c', 'String', readOnly),
      'to-marketo',
      'column-read-only',
    ],
    [
      'can go nowhere',
      'to-dynamics',
      'string',
      {},
      column('c', 'String', readOnly),
      'nothing',
      'column-read-only',
    ],
    [
      'is read-only in Marketo',
      'both',
      'string',
      { updateable: false },
      text,
      'to-dynamics',
      'marketo-field-read-only',
    ],
    [
      'can come from nowhere',
      'to-marketo',
      'string',
      { updateable: false },
      text,
      'nothing',
      'marketo-field-read-only',
    ],
    ['is the owner', 'both', 'string', {}, column('c', 'Owner'), 'to-marketo', 'column-read-only'],
    ['is an image', 'to-marketo', 'string', {}, column('c', 'Other'), 'nothing', 'column-unsupported'],
    [
      'points to several tables',
      'both',
      'string',
      {},
      column('c', 'Lookup', { targets }),
      'nothing',
      'lookup-target-unclear',
    ],
    [
      'points to several, one way back',
      'to-marketo',
      'string',
      {},
      column('c', 'Lookup', { targets }),
      'to-marketo',
    ],
    ['is filled on create', 'on-create', 'integer', {}, column('c', 'Lookup', { targets }), 'nothing'],
  ]
  for (const [name, direction, type, live, over, left, code] of cases) {
    it(`${name}: ${direction} becomes ${left}${code === undefined ? '' : `, ${code}`}`, () => {
      const selection = selectionOf([{ marketo: 'm', type, column: 'c', direction, inverted: false }])
      const marketo = marketoOf(selection).set('m', marketoField('m', type, live))
      const tables = { lead: tableOf('lead', [over]), contact: stockTables.contact }
      const schema = schemaOf(selection, { tables, marketo })
      const field = schema.fields.lead.find((one) => one.marketo === 'm')
      assert.equal(field?.direction ?? 'nothing', left)
      assert.deepEqual(
        schema.drift.map((one) => [one.code, one.field]),
        code === undefined ? [] : [[code, code.startsWith('marketo') ? 'm' : 'c']],
      )
      for (const { advice } of schema.drift) assert.match(advice, /^For leads: [A-Z].*\.$/)
    })
  }

  it('since its sense is opposite and Marketo has made a text of it, is set aside', () => {
    const field = {
      marketo: 'm',
      type: 'boolean',
      column: 'c',
      direction: 'to-dynamics',
      inverted: true,
    } as const
    const selection = selectionOf([field])
    const marketo = marketoOf(selection).set('m', marketoField('m', 'string'))
    const tables = { lead: tableOf('lead', [column('c', 'Boolean')]), contact: stockTables.contact }
    const { fields, drift } = schemaOf(selection, { tables, marketo })
    assert.deepEqual([fields.lead.length, drift.map(({ code }) => code)], [3, ['pair-one-way']])
    assert.match(drift[0]?.advice ?? '', /of type boolean/)
  })

  it('because a column is gone is told once, for both record types, and the rest travels', () => {
    const selection = native
    const without = (recordType: 'lead' | 'contact') =>
      tableOf(
        recordType,
        [...stockTables[recordType].columns.values()].filter(
          (one) => one.logicalName !== 'fax' && one.logicalName !== 'jobtitle',
        ),
      )
    const schema = schemaOf(selection, { tables: { lead: without('lead'), contact: without('contact') } })
    assert.deepEqual(
      schema.drift.map(({ side, code, field, advice }) => [side, code, field, advice.split(':')[0]]),
      [
        ['dynamics', 'column-missing', 'jobtitle', 'For leads and contacts'],
        ['dynamics', 'column-missing', 'fax', 'For leads'],
      ],
    )
    assert(!schema.readFields.includes('title'))
    assert(!schema.selects.lead.includes('fax'))
    assert.equal(schema.fields.lead.length, schemaOf(native).fields.lead.length - 2)
  })

  it('because Marketo lacks it, or Marketo Sales Insight is not installed, says what to do', () => {
    const { selection } = parseSelection('{"select":["microsoftTopic","leadScore"]}')
    assert(selection)
    const marketo = marketoOf(selection)
    marketo.delete('microsoftTopic')
    const [topic, score] = schemaOf(selection, { marketo }).drift
    assert.deepEqual([topic?.code, topic?.field], ['marketo-field-missing', 'microsoftTopic'])
    assert.match(topic?.advice ?? '', /custom field of type string/)
    assert.deepEqual([score?.code, score?.field], ['column-missing', 'mkt_leadscore'])
    assert.match(score?.advice ?? '', /Marketo Sales Insight/)
  })
})

it('a score that travels to Dynamics is known by the selection or by Marketo', () => {
  const whole = column('c', 'Integer')
  assert.equal(pairOf('score', whole, { direction: 'to-dynamics' }).schema.hasScore, true)
  assert.equal(pairOf('score', whole, { direction: 'to-marketo' }).schema.hasScore, false)
  assert.equal(pairOf('integer', whole).schema.hasScore, false)
})

it('the id of the person can be read and sent', () => {
  const { schema } = pairOf('string', column('c', 'String'), { marketo: 'id', direction: 'to-dynamics' })
  assert.deepEqual([schema.readFields.includes('id'), schema.drift], [true, []])
})
