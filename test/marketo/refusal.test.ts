import assert from 'node:assert/strict'
import test from 'node:test'
import { explainRecord, explainRequest, isPassing } from '../../src/marketo/refusal.ts'

const records: [string, string, string, string?][] = [
  ['1001', "Invalid value 'ann@example.org'. Required of type 'integer'", 'marketo-value-invalid'],
  ['1003', "Value for required field 'lastName' not specified", 'marketo-value-invalid', 'lastName'],
  ['1005', 'Lead already exists', 'marketo-person-exists'],
  ['1006', "Field 'shoeSize' not found", 'marketo-field-unknown', 'shoeSize'],
  ['1007', 'Multiple lead match lookup criteria', 'marketo-person-ambiguous'],
  ['1008', 'Access denied to partition', 'marketo-partition-refused'],
  ['1018', 'CRM sync enabled', 'marketo-native-sync-on'],
  ['1021', "Company field 'company' cannot be changed", 'marketo-company-field', 'company'],
  ['1022', 'Object in use', 'marketo-record-refused'],
  ['4242', 'Something new', 'marketo-record-refused'],
  ['', '', 'marketo-record-refused'],
]

for (const [code, message, ours, field] of records) {
  test(`a record skipped with ${code || 'no code'} is ${ours}${field ? `, field ${field}` : ''}`, () => {
    const { vendorMessage, ...refusal } = explainRecord({ code, message })
    assert.equal(vendorMessage, message || undefined)
    assert.deepEqual([refusal.code, refusal.field], [ours, field])
    assert.match(refusal.advice, /^[A-Z].+\.$/)
    assert.ok(!JSON.stringify(refusal).includes('ann@'))
  })
}

test('a name that may be a value is not repeated as a field', () => {
  const message = "Invalid data in field 'ann@example.org'"
  assert.equal(explainRecord({ code: '1001', message }).field, undefined)
})

test('a whole request that is refused is about the set-up, unless its code is about a record', () => {
  const codes = [
    ['1003', 'permanent'],
    ['1001', 'record'],
    ['1011', 'permanent'],
  ] as const
  assert.deepEqual(
    codes.map(([code, codeClass]) => explainRequest({ code, message: 'No' }, codeClass).code),
    ['marketo-refused', 'marketo-record-refused', 'marketo-field-not-searchable'],
  )
})

test('a skipped record may pass later only where the code is known to pass', () => {
  const codes = ['713', '719', '1019', '1029', '606', '615', '607', '1004', '1003', '4242']
  assert.deepEqual(
    codes.filter((code) => isPassing({ code, message: '' })),
    ['713', '719', '1019', '1029', '606', '615', '607'],
  )
})
