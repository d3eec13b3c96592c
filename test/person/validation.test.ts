import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Column } from '../../src/dataverse/columns.ts'
import type { Columns } from '../../src/dataverse/records.ts'
import { toColumns } from '../../src/person/mapping.ts'
import type { FieldValue } from '../../src/person/person.ts'
import { defaultSelection } from '../../src/person/selection.ts'
import { isDemanded, validate } from '../../src/person/validation.ts'
import { column, stockTables, tableOf } from './stock-tables.ts'

const native = defaultSelection()
const fine = { lastname: 'Ek', subject: 'Hello' }

function codesOf(columns: Columns): [string, string][] {
  return validate(columns, 'lead', native, stockTables.lead).map((failure) => [failure.code, failure.field])
}

describe('out of the box', () => {
  it('a person with a last name and an e-mail makes a valid lead and a valid contact', () => {
    for (const recordType of ['lead', 'contact'] as const) {
      const person = { email: 'ann@example.org', fields: { lastName: 'Ek' } }
      const { columns, problems } = toColumns(person, recordType, native, stockTables[recordType])
      assert.deepEqual(problems, [])
      assert.deepEqual(validate(columns, recordType, native, stockTables[recordType]), [])
    }
  })

  it('a person without a last name fails with the name of the field on both sides', () => {
    const { columns } = toColumns({ email: 'a@b.c', fields: {} }, 'lead', native, stockTables.lead)
    const [failure, ...others] = validate(columns, 'lead', native, stockTables.lead)
    assert.deepEqual(others, [])
    assert.deepEqual(
      [failure?.code, failure?.field, failure?.marketoField],
      ['field-required', 'lastname', 'lastName'],
    )
    assert.match(failure?.advice ?? '', /default/)
  })

  it('an empty lead lacks its last name and topic and nothing else', () => {
    assert.deepEqual(codesOf({}), [
      ['field-required', 'lastname'],
      ['field-required', 'subject'],
    ])
    assert.deepEqual(codesOf({ lastname: null, subject: 'x' }), [['field-required', 'lastname']])
  })
})

describe('a column is demanded', () => {
  const required = { requiredLevel: 'ApplicationRequired' } as const
  const decisions: [column: Column, demanded: boolean][] = [
    [column('a', 'String', required), true],
    [column('a', 'String', { requiredLevel: 'SystemRequired' }), true],
    [column('a', 'String', { requiredLevel: 'Recommended' }), false],
    [column('a', 'String'), false],
    [column('a', 'String', { ...required, validForCreate: false }), false],
    [column('a', 'Memo', required), true],
    [column('a', 'Integer', required), true],
    [column('a', 'Decimal', required), true],
    [column('a', 'Double', required), true],
    [column('a', 'Money', required), true],
    [column('a', 'DateTime', required), true],
    [column('a', 'Lookup', required), true],
    [column('a', 'Customer', required), true],
    [column('a', 'Picklist', { ...required, hasDefault: false }), true],
    [column('a', 'Picklist', { ...required, hasDefault: true }), false],
    [column('a', 'Picklist', required), false],
    [column('a', 'Boolean', required), false],
    [column('a', 'State', required), false],
    [column('a', 'Status', required), false],
    [column('a', 'Owner', required), false],
    [column('a', 'Uniqueidentifier', required), false],
    [column('a', 'BigInt', required), false],
    [column('a', 'Other', required), false],
  ]
  for (const [one, demanded] of decisions) {
    const facts = `${one.type} ${one.requiredLevel} create=${one.validForCreate} default=${one.hasDefault}`
    it(`${demanded ? 'when' : 'not when'} it is ${facts}`, () => assert.equal(isDemanded(one), demanded))
  }

  it('and a look-up answers the demand by its navigation property', () => {
    const targets = [{ table: 'contact', navigationProperty: 'new_Ref', entitySet: 'contacts' }]
    const table = tableOf('lead', [column('new_ref', 'Lookup', { ...required, targets })])
    const bound = { 'new_Ref@odata.bind': '/contacts(6d81597f-0f9f-e711-8122-000d3aa2331c)' }
    assert.deepEqual(validate(bound, 'lead', native, table), [])
    assert.equal(validate({}, 'lead', native, table)[0]?.code, 'field-required')
  })
})

describe('a value', () => {
  const id = '6d81597f-0f9f-e711-8122-000d3aa2331c'
  const verdicts: [name: string, value: FieldValue, code: string | undefined][] = [
    ['firstname', 'a'.repeat(50), undefined],
    ['firstname', 'a'.repeat(51), 'field-too-long'],
    ['firstname', '👍'.repeat(25), undefined],
    ['firstname', '👍'.repeat(26), 'field-too-long'],
    ['firstname', 7, 'type-mismatch'],
    ['firstname', null, undefined],
    ['description', 'a'.repeat(2001), 'field-too-long'],
    ['emailaddress1', "o'brien+x%/?&@example.org", undefined],
    ['emailaddress1', 'ann@örebro.example', undefined],
    ['emailaddress1', 'n/a', 'format-invalid'],
    ['websiteurl', 'example.org/a?b=c', undefined],
    ['websiteurl', 'exam ple.org', 'format-invalid'],
    ['telephone1', 'ask reception', undefined],
    ['numberofemployees', 0, undefined],
    ['numberofemployees', 1_000_000, undefined],
    ['numberofemployees', 1_000_001, 'value-out-of-range'],
    ['numberofemployees', -1, 'value-out-of-range'],
    ['numberofemployees', 1.5, 'type-mismatch'],
    ['numberofemployees', '7', 'type-mismatch'],
    ['revenue', 0.01, undefined],
    ['revenue', -0.01, 'value-out-of-range'],
    ['revenue', Number.NaN, 'type-mismatch'],
    ['address1_latitude', -90.1, 'value-out-of-range'],
    ['donotphone', false, undefined],
    ['donotphone', 1, 'type-mismatch'],
    ['leadsourcecode', 5, undefined],
    ['leadsourcecode', 6, 'option-unknown'],
    ['leadsourcecode', 'Web', 'type-mismatch'],
    ['statuscode', 2, undefined],
    ['statuscode', 4, 'state-invalid'],
    ['estimatedclosedate', '2026-01-02', undefined],
    ['estimatedclosedate', '2026-01-02T00:00:00Z', 'type-mismatch'],
    ['schedulefollowup_prospect', '2026-01-02T00:00:00Z', undefined],
    ['schedulefollowup_prospect', '2026-01-02', 'type-mismatch'],
    ['lastonholdtime', '2026-01-02 00:00:00', 'type-mismatch'],
    ['lastonholdtime', '1752-12-31T23:59:59Z', 'value-out-of-range'],
    ['lastonholdtime', 5, 'type-mismatch'],
    ['leadid', id, undefined],
    ['leadid', 'x', 'type-mismatch'],
    ['parentcontactid', id, 'type-mismatch'],
    ['parentcontactid@odata.bind', `/contacts(${id})`, undefined],
    ['parentcontactid@odata.bind', id, 'type-mismatch'],
    ['customerid_account@odata.bind', `accounts(${id})`, undefined],
    ['ownerid@odata.bind', `/teams(${id})`, undefined],
    ['nobody@odata.bind', `/contacts(${id})`, 'mapping-invalid'],
    ['new_gone', 'x', 'mapping-invalid'],
  ]
  for (const [name, value, code] of verdicts) {
    const shown = JSON.stringify(value)
    it(`${shown.length > 30 ? `of ${shown.length - 2} code units` : shown} for ${name} is ${code ?? 'fine'}`, () => {
      const codes = codesOf({ ...fine, [name]: value }).map(([found]) => found)
      assert.deepEqual(codes, code === undefined ? [] : [code])
    })
  }

  it('of the status may go with its own state', () => {
    assert.deepEqual(codesOf({ ...fine, statecode: 2, statuscode: 4 }), [])
    assert.deepEqual(codesOf({ ...fine, statecode: 1, statuscode: 4 }), [['state-invalid', 'statuscode']])
    const table = tableOf('lead', [column('statuscode', 'Status', { options: [{ value: 1, label: 'New' }] })])
    assert.deepEqual(validate({ statuscode: 1 }, 'lead', native, table), [])
  })

  it('is not blamed on a field that only comes from Dynamics', () => {
    const [failure] = validate({ ...fine, statuscode: 4 }, 'lead', native, stockTables.lead)
    assert.deepEqual([failure?.field, failure?.marketoField], ['statuscode', undefined])
  })

  it('that is wrong is counted beside all others, and advice repeats no value', () => {
    const failures = validate(
      { ...fine, firstname: 'secret'.repeat(20), emailaddress1: 'secret', leadsourcecode: 99 },
      'lead',
      native,
      stockTables.lead,
    )
    assert.deepEqual(
      failures.map((failure) => [failure.code, failure.marketoField]),
      [
        ['field-too-long', 'firstName'],
        ['format-invalid', 'email'],
        ['option-unknown', 'leadSource'],
      ],
    )
    assert.ok(!JSON.stringify(failures).includes('secret'))
  })
})

/** The rules once more, written as Dataverse states them, not as the code does. */
function isAccepted(value: FieldValue, one: Column): boolean {
  if (value === null) return true
  if (
    one.maxLength !== undefined &&
    (typeof value !== 'string' || Buffer.from(value, 'utf16le').length > 2 * one.maxLength)
  )
    return false
  if (one.min !== undefined && !(typeof value === 'number' && value >= one.min)) return false
  if (one.max !== undefined && !(typeof value === 'number' && value <= one.max)) return false
  if (one.type === 'Integer' && value !== Math.trunc(Number(value))) return false
  if (one.type === 'Boolean') return value === true || value === false
  return one.options === undefined || one.options.some((option) => option.value === value)
}

it('validation passes nothing that the rules of the table refuse', () => {
  const names = [...stockTables.lead.columns.values()]
    .filter((one) =>
      ['String', 'Memo', 'Integer', 'Money', 'Double', 'Boolean', 'Picklist'].includes(one.type),
    )
    .map((one) => one.logicalName)
  const values = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 120 }),
    fc.integer({ min: -10, max: 20 }),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
  )
  fc.assert(
    fc.property(fc.constantFrom(...names), values, (name, value) => {
      const one = stockTables.lead.columns.get(name)
      const failed = codesOf({ ...fine, [name]: value }).some(([, field]) => field === name)
      assert.ok(one !== undefined && (failed || isAccepted(value, one)), `${name} passed`)
    }),
    { numRuns: 2000 },
  )
})

it('what the mapping makes of any text either passes or is named, and validation never crashes', () => {
  const marketoNames = native.fields.lead.map((field) => field.marketo)
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...marketoNames), fc.string({ unit: 'binary' })), (fields) => {
      const { columns } = toColumns({ fields }, 'lead', native, stockTables.lead)
      for (const [code] of codesOf(columns))
        assert.ok(!['type-mismatch', 'mapping-invalid'].includes(code), code)
    }),
  )
})
