import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Column } from '../../src/dataverse/columns.ts'
import type { MarketoType } from '../../src/person/fields.ts'
import type { FieldValue } from '../../src/person/person.ts'
import { defaultSelection } from '../../src/person/selection.ts'
import {
  changedValue,
  dynamicsValues,
  marketoValues,
  recordLife,
  stampOf,
} from '../../src/person/sync-values.ts'
import { pairOf, schemaOf } from './live-schemas.ts'
import { column } from './stock-tables.ts'

const recordId = '6d81597f-0f9f-e711-8122-000d3aa2331c'
const schema = schemaOf(defaultSelection())
const options = [
  { value: 1, label: 'Web' },
  { value: 2, label: 'Trade Show' },
]
const text = column('c', 'String')
const flag = column('c', 'Boolean', {
  options: [
    { value: 0, label: 'Allow' },
    { value: 1, label: 'Do Not Allow' },
  ],
})
const money = column('c', 'Money')
const choice = column('c', 'Picklist', { options })
const day = column('c', 'DateTime', { format: 'DateOnly', behavior: 'DateOnly' })
const time = column('c', 'DateTime', { format: 'DateAndTime', behavior: 'UserLocal' })
const lookup = column('c', 'Lookup', {
  targets: [{ table: 'account', navigationProperty: 'c', entitySet: 'accounts' }],
})

type Facts = Parameters<typeof pairOf>[2]
const turned: Facts = { inverted: true }
const outward: Facts = { direction: 'to-dynamics' }
const inward: Facts = { direction: 'to-marketo' }

describe('what Marketo says', () => {
  const cases: [type: MarketoType, over: Column, raw: FieldValue, normal: FieldValue, facts?: Facts][] = [
    ['string', text, '', null],
    ['string', text, ' \t', null],
    ['string', text, ' Ann ', ' Ann '],
    ['text', text, 'a\r\nb\rc\nd', 'a\nb\nc\nd'],
    ['string', text, 'a\ud800', 'a\ufffd'],
    ['email', column('c', 'String', { format: 'Email' }), ' Ann@Example.org ', 'Ann@Example.org'],
    ['email', column('c', 'String', { format: 'Email' }), '\u200bAnn@Example\u00ad.org', 'Ann@Example.org'],
    ['email', column('c', 'String', { format: 'Email' }), '\u200b', null],
    ['string', column('c', 'String', { format: 'Email' }), '\u200b', null],
    ['string', text, 'a\u0001b\uffff', 'ab'],
    ['text', column('c', 'Memo'), 'a\u000bb\tc', 'ab\tc'],
    ['string', choice, 'We\u0000b', 'Web'],
    ['string', text, '\u0001', null],
    ['integer', column('c', 'Integer'), '42', 42],
    ['integer', column('c', 'Integer'), 'many', 'many'],
    ['currency', money, '12.50', 12.5],
    ['currency', money, 0.1 + 0.2, 0.3],
    ['currency', money, -0.00001, 0],
    ['float', column('c', 'Double'), 1.123456789, 1.12346],
    ['float', column('c', 'Decimal'), 1.123456789, 1.123456789],
    ['boolean', flag, null, false],
    ['boolean', flag, '', false],
    ['boolean', flag, '1', true],
    ['boolean', flag, 'True', true],
    ['boolean', flag, 'False', false],
    ['boolean', flag, 'False', false, turned],
    ['boolean', text, 'True', true, outward],
    ['boolean', flag, 'Do Not Allow', true],
    ['boolean', flag, null, null, turned],
    ['boolean', flag, 'true', true, turned],
    ['boolean', text, null, false, outward],
    ['boolean', text, '1', true, outward],
    ['integer', text, '7', 7, outward],
    ['string', choice, 'web', 'Web'],
    ['string', choice, '2', 'Trade Show'],
    ['string', choice, 2, 'Trade Show'],
    ['string', choice, 'Old label', 'Old label'],
    ['integer', choice, '2', 2],
    ['date', day, '2026-01-02', '2026-01-02'],
    ['date', time, '2026-01-02', '2026-01-02'],
    ['datetime', time, '2026-01-02T03:04:05+0100', '2026-01-02T02:04:05Z'],
    ['datetime', time, '2026-01-02 03:04:05', '2026-01-02T03:04:05Z'],
    ['datetime', day, '2026-01-02T23:00:00Z', '2026-01-02T00:00:00Z', outward],
    ['datetime', day, '2026-03-02T23:30:00-08:00', '2026-03-02T00:00:00Z', outward],
    ['date', day, '2026-03-02T23:30:00-08:00', '2026-03-02'],
    ['date', day, '2026-03-02T00:30:00+0900', '2026-03-02'],
    ['date', time, '2026-03-02T23:30:00-08:00', '2026-03-02'],
    ['string', day, '2026-03-02T23:30:00-08:00', '2026-03-02', outward],
    ['datetime', time, 'tomorrow', 'tomorrow'],
    ['string', lookup, `{${recordId.toUpperCase()}}`, recordId],
    ['string', lookup, 'nobody', 'nobody'],
  ]
  for (const [type, over, raw, normal, facts] of cases) {
    it(`${JSON.stringify(raw)} in a ${type} over a ${over.type} counts as ${JSON.stringify(normal)}`, () => {
      const pair = pairOf(type, over, facts)
      assert.deepEqual(marketoValues({ m: raw }, 'lead', pair.schema), { m: normal })
      if (raw === null || typeof raw === 'string') {
        assert.equal(changedValue(raw, 'm', 'lead', pair.schema), normal)
      }
    })
  }

  it('of fields that do not travel is passed over, and what was not read stays unknown', () => {
    assert.deepEqual(marketoValues({ lastName: 'Ek', stranger: 'x' }, 'lead', schema), { lastName: 'Ek' })
    assert.deepEqual(marketoValues({ company: 'Contoso' }, 'contact', schema), {})
    assert.equal(changedValue('x', 'stranger', 'lead', schema), undefined)
    assert.equal(changedValue('x', 'company', 'contact', schema), undefined)
    assert.equal(changedValue(null, 'lastName', 'lead', schema), null)
  })

  it('is not read from inherited members', () => {
    const { schema } = pairOf('string', text, { marketo: 'constructor' })
    assert.deepEqual(marketoValues({}, 'lead', schema), {})
  })
})

describe('what a row says', () => {
  const cases: [
    type: MarketoType,
    over: Column,
    raw: unknown,
    normal: FieldValue | undefined,
    facts?: Facts,
  ][] = [
    ['string', text, '', null],
    ['text', text, 'a\r\nb', 'a\nb'],
    ['boolean', flag, null, false],
    ['boolean', flag, null, null, turned],
    ['boolean', flag, true, false, turned],
    ['string', flag, true, 'true', inward],
    ['string', choice, 2, 'Trade Show'],
    ['string', choice, 99, '99'],
    ['currency', money, 12.34561, 12.3456],
    ['string', money, 12.5, '12.5', inward],
    ['date', time, '2026-01-02T23:30:00Z', '2026-01-02'],
    ['datetime', day, '2026-01-02', '2026-01-02T00:00:00Z', inward],
    ['integer', text, 'abc', 'abc', outward],
    ['string', text, ['no', 'plain value'], undefined],
    ['string', text, undefined, undefined],
  ]
  for (const [type, over, raw, normal, facts] of cases) {
    it(`${JSON.stringify(raw)} in a ${over.type} under a ${type} counts as ${JSON.stringify(normal)}`, () => {
      const pair = pairOf(type, over, facts)
      const { m } = dynamicsValues({ c: raw }, { recordType: 'lead', recordId }, pair.schema)
      assert.equal(m, normal)
    })
  }

  it('is what Marketo would hold, with what the system fields say of it', () => {
    const row = {
      lastname: 'Ek',
      firstname: null,
      donotphone: null,
      statecode: 1,
      statuscode: 2,
      createdon: '2026-01-02T03:04:05Z',
      leadsourcecode: 5,
      versionnumber: 1,
    }
    assert.deepEqual(dynamicsValues(row, { recordType: 'lead', recordId }, schema), {
      lastName: 'Ek',
      firstName: null,
      doNotCall: false,
      leadStatus: 'Qualified',
      microsoftStatusReason: 'Contacted',
      microsoftCreatedDate: '2026-01-02T03:04:05Z',
      leadSource: 'Web',
      microsoftRecordId: recordId,
      microsoftType: 'Lead',
      microsoftIsDeleted: false,
    })
    assert.equal(dynamicsValues({}, { recordType: 'contact', recordId }, schema).microsoftType, 'Contact')
  })
})

describe('the life of a row', () => {
  it('is open and unmerged until the row says otherwise', () => {
    assert.deepEqual(recordLife({}, 'lead'), { stateCode: 0, merged: false, stopped: false })
  })

  it('names its survivor and its other self, as far as its type has one', () => {
    const row = {
      statecode: 1,
      merged: true,
      _masterid_value: recordId.toUpperCase(),
      _parentcontactid_value: recordId,
      _originatingleadid_value: null,
    }
    const known = { stateCode: 1, merged: true, masterId: recordId, stopped: false }
    assert.deepEqual(recordLife(row, 'lead'), { ...known, parentContactId: recordId })
    assert.deepEqual(recordLife(row, 'contact'), known)
    assert.deepEqual(
      recordLife({ _originatingleadid_value: recordId }, 'contact').originatingLeadId,
      recordId,
    )
  })

  for (const [flag, stopped] of [
    [false, true],
    [true, false],
    [null, false],
    [undefined, false],
    [0, false],
  ] as const) {
    it(`${stopped ? 'stops' : 'goes on'} where new_synctomkto is ${flag}`, () => {
      assert.equal(recordLife({ new_synctomkto: flag }, 'contact').stopped, stopped)
    })
  }

  it('bears the stamp of the write that was last, where a column is configured', () => {
    const stamped = { ...schema, stamps: { lead: 'new_stamp' } }
    assert.equal(stampOf({ new_stamp: 'abc ' }, 'lead', stamped), 'abc')
    assert.equal(stampOf({ new_stamp: null }, 'lead', stamped), undefined)
    assert.equal(stampOf({ new_stamp: 'abc' }, 'contact', stamped), undefined)
  })
})
