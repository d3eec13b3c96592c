import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Column } from '../../src/dataverse/columns.ts'
import { toColumnChanges } from '../../src/person/column-changes.ts'
import type { MarketoType } from '../../src/person/fields.ts'
import { toMarketoFields } from '../../src/person/marketo-fields.ts'
import type { FieldValue } from '../../src/person/person.ts'
import { defaultSelection } from '../../src/person/selection.ts'
import { marketoField, marketoOf, pairOf, schemaOf } from './live-schemas.ts'
import { column } from './stock-tables.ts'

const native = defaultSelection()
const schema = schemaOf(native)
const id = '6d81597f-0f9f-e711-8122-000d3aa2331c'

describe('an update of a row', () => {
  it('holds what it can: a value that Dynamics would refuse is left, with a code for its column', () => {
    const values = {
      firstName: 'Ann',
      lastName: null,
      city: null,
      title: 'x'.repeat(101),
      leadSource: 'Nowhere',
      annualRevenue: -1,
      doNotCall: true,
    }
    const { columns, sent, left } = toColumnChanges(values, 'lead', schema)
    assert.deepEqual(columns, { firstname: 'Ann', address1_city: null, donotphone: true })
    assert.deepEqual(sent, { firstName: 'Ann', city: null, doNotCall: true })
    assert.deepEqual(
      left.map(({ side, code, field, marketoField }) => [side, code, field, marketoField]),
      [
        ['dynamics', 'field-required', 'lastname', 'lastName'],
        ['dynamics', 'field-too-long', 'jobtitle', 'title'],
        ['dynamics', 'option-unknown', 'leadsourcecode', 'leadSource'],
        ['dynamics', 'value-out-of-range', 'revenue', 'annualRevenue'],
      ],
    )
    for (const failure of left) {
      assert.match(failure.advice, /^[A-Z].*\.$/)
      assert(!('kind' in failure))
    }
  })

  it('S10: holds no field that does not travel to Dynamics, and no default', () => {
    const values = {
      leadStatus: 'Open',
      microsoftRecordId: id,
      microsoftIsDeleted: true,
      subject: 'x',
      stranger: 1,
    }
    const none = { columns: {}, sent: {}, left: [] }
    assert.deepEqual(toColumnChanges(values, 'lead', schema), none)
    assert.deepEqual(toColumnChanges({ company: 'Contoso' }, 'contact', schema), none)
    assert.deepEqual(toColumnChanges({}, 'lead', schema), none)
  })

  it('S10: does not touch a column that may not be changed', () => {
    const { schema } = pairOf('string', column('c', 'String', { validForUpdate: false }))
    assert.deepEqual(toColumnChanges({ m: 'x' }, 'lead', schema).columns, {})
  })

  const targets = [
    { table: 'account', navigationProperty: 'parent_account', entitySet: 'accounts' },
    { table: 'contact', navigationProperty: 'parent_contact', entitySet: 'contacts' },
  ]
  const customer = column('c', 'Customer', { targets })
  const required = { requiredLevel: 'ApplicationRequired' } as const
  const sent: [type: MarketoType, over: Column, value: FieldValue, written: object | string][] = [
    ['string', customer, id, { 'parent_account@odata.bind': `/accounts(${id})` }],
    ['string', customer, null, { 'parent_account@odata.bind': null }],
    ['string', customer, 'nobody', 'type-mismatch'],
    ['boolean', column('c', 'Boolean'), false, { c: false }],
    ['string', column('c', 'Memo'), 'a\nb', { c: 'a\nb' }],
    ['date', column('c', 'DateTime'), '2026-01-02', { c: '2026-01-02T00:00:00Z' }],
    ['date', column('c', 'DateTime'), '1752-12-31', 'value-out-of-range'],
    ['email', column('c', 'String', { format: 'Email' }), 'n/a', 'format-invalid'],
    ['string', column('c', 'String', required), null, 'field-required'],
    ['string', column('c', 'String', { requiredLevel: 'SystemRequired' }), null, 'field-required'],
    ['string', column('c', 'String', { requiredLevel: 'Recommended' }), null, { c: null }],
    ['string', column('c', 'Status', { options: [{ value: 4, label: 'Lost', state: 2 }] }), 'Lost', { c: 4 }],
  ]
  for (const [type, over, value, written] of sent) {
    it(`makes of ${JSON.stringify(value)} for a ${over.type} (${over.requiredLevel}): ${JSON.stringify(written)}`, () => {
      const { schema } = pairOf(type, over, { target: 'account' })
      const { columns, left } = toColumnChanges({ m: value }, 'lead', schema)
      if (typeof written === 'string')
        assert.deepEqual([columns, left.map(({ code }) => code)], [{}, [written]])
      else assert.deepEqual([columns, left], [written, []])
    })
  }

  it('turns a boolean of opposite sense round', () => {
    const { schema } = pairOf('boolean', column('c', 'Boolean'), { inverted: true })
    assert.deepEqual(toColumnChanges({ m: true }, 'lead', schema).columns, { c: false })
    assert.deepEqual(toColumnChanges({ m: null }, 'lead', schema).columns, { c: null })
  })
})

describe('an update of a person', () => {
  it('holds what travels to Marketo, null to empty a field, and nothing else', () => {
    const { schema } = pairOf('string', column('c', 'String'), { direction: 'to-dynamics' })
    const values = {
      firstName: null,
      leadStatus: 'Open',
      microsoftIsDeleted: true,
      subject: 'x',
      stranger: 1,
    }
    assert.deepEqual(toMarketoFields({ m: 'x' }, 'lead', schema), { fields: {}, left: [] })
    assert.deepEqual(toMarketoFields(values, 'lead', schemaOf(native)), {
      fields: { firstName: null, leadStatus: 'Open', microsoftIsDeleted: true },
      left: [],
    })
  })

  const over: Partial<Record<MarketoType, Column>> = {
    integer: column('c', 'BigInt'),
    float: column('c', 'Decimal'),
    boolean: column('c', 'Boolean'),
    date: column('c', 'DateTime'),
    datetime: column('c', 'DateTime'),
  }
  const taken: [type: MarketoType, value: FieldValue, code?: string][] = [
    ['string', 'x'.repeat(255)],
    ['string', 'x'.repeat(256), 'field-too-long'],
    ['string', 7, 'type-mismatch'],
    ['text', 'x'.repeat(30_000)],
    ['text', 'x'.repeat(30_001), 'field-too-long'],
    ['text', 'é'.repeat(15_001), 'field-too-long'],
    ['email', 'ann@example.org'],
    ['email', 'ann@örebro.example', 'format-invalid'],
    ['integer', 2_147_483_647],
    ['integer', 2_147_483_648, 'value-out-of-range'],
    ['integer', 'many', 'type-mismatch'],
    ['integer', 1.5, 'type-mismatch'],
    ['float', 1.5],
    ['float', 'much', 'type-mismatch'],
    ['boolean', false],
    ['boolean', 'perhaps', 'type-mismatch'],
    ['date', '2026-01-02'],
    ['datetime', '2026-01-02T03:04:05Z'],
    ['datetime', 'tomorrow', 'type-mismatch'],
  ]
  for (const [type, value, code] of taken) {
    const shown = JSON.stringify(value)
    it(`${code === undefined ? 'takes' : 'leaves'} ${shown.length > 30 ? `${shown.length - 2} characters` : shown} in a ${type}`, () => {
      const { schema } = pairOf(type, over[type] ?? column('c', 'String'))
      const { fields, left } = toMarketoFields({ m: value }, 'lead', schema)
      assert.deepEqual(fields, code === undefined ? { m: value } : {})
      assert.deepEqual(
        left.map((one) => [one.side, one.code, one.field]),
        code === undefined ? [] : [['marketo', code, 'm']],
      )
      assert(!left.some(({ advice }) => typeof value === 'string' && advice.includes(value)))
    })
  }

  it('knows the length that Marketo says a field has, a text area too', () => {
    const marketo = marketoOf(native)
      .set('city', marketoField('city', 'string', { length: 5 }))
      .set('address', marketoField('address', 'text', { length: 5 }))
      .set('title', marketoField('title', 'string', { length: 2000 }))
    const values = { city: 'Stockholm', state: 'Stockholm', address: 'Storgatan', title: 'x'.repeat(256) }
    const { fields, left } = toMarketoFields(values, 'lead', schemaOf(native, { marketo }))
    assert.deepEqual(Object.keys(fields), ['title', 'state'])
    assert.deepEqual(
      left.map(({ code, field }) => [code, field]),
      [
        ['field-too-long', 'address'],
        ['field-too-long', 'city'],
      ],
    )
  })
})
