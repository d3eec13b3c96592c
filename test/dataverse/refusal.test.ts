import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { explainRefusal } from '../../src/dataverse/refusal.ts'

/** Messages as Microsoft documents them or as others saw them on the wire. */
const replies: [
  vendorCode: string | undefined,
  status: number,
  message: string,
  code: string,
  field?: string,
][] = [
  [
    '0x80044331',
    400,
    "A validation error occurred.  The length of the 'lastname' attribute of the 'lead' entity exceeded the maximum allowed length of '50'.",
    'field-too-long',
    'lastname',
  ],
  ['0x80073001', 400, 'A validation error occurred.', 'field-too-long'],
  [
    '0x8004431a',
    400,
    "A validation error occurred. The value 99 of 'leadsourcecode' on record of type 'lead' is outside the valid range. Accepted Values: 1,2",
    'option-unknown',
    'leadsourcecode',
  ],
  [
    '0x8004432f',
    400,
    "The value -1 of 'numberofemployees' on record of type 'lead' is outside the valid range.",
    'value-out-of-range',
    'numberofemployees',
  ],
  ['0x80044330', 400, '', 'value-out-of-range'],
  ['0x80048408', 400, 'State code is invalid', 'state-invalid'],
  ['0x80040265', 400, "Ann Ek may not be sold to; property named 'lastname'", 'business-rule'],
  ['0x80040200', 400, 'Required field missing.', 'field-required'],
  ['0x80040203', 400, 'Invalid argument.', 'value-refused'],
  ['0x80040217', 404, "Entity 'systemuser' With Id = 0 Does Not Exist", 'lookup-not-found'],
  ['0x80040333', 412, 'A record was not created', 'duplicate-detected'],
  ['0x80060892', 412, 'Entity Key Email Address violated.', 'duplicate-detected'],
  ['0x80044354', 400, 'Invalid Attribute Value Type for x', 'type-mismatch'],
  ['0x80044192', 400, 'Invalid e-mail address.', 'format-invalid'],
  [
    '0x80060888',
    400,
    "Could not find a property named 'nope' on type 'Microsoft.Dynamics.CRM.lead'.",
    'mapping-invalid',
    'nope',
  ],
  [
    '0x80048d19',
    400,
    "Error identified in Payload: An undeclared property 'ParentContactId' which only has property annotations",
    'mapping-invalid',
    'ParentContactId',
  ],
  ['0x80040220', 403, 'Principal user is missing prvCreateLead privilege', 'privilege-missing'],
  ['0x80048306', 403, '', 'privilege-missing'],
  ['0x80072560', 403, 'The user is not a member of the organization.', 'application-user-missing'],
  ['0x80040229', 400, 'The owner ID is invalid or missing.', 'owner-not-found'],
  ['0x80040231', 403, '', 'owner-not-permitted'],
  ['0x80049999', 400, "length of the 'lastname' attribute", 'refused-by-dynamics'],
  ['', 400, '', 'refused-without-reason'],
  [undefined, 400, '', 'refused-without-reason'],
  ['0x0', 400, 'Something went wrong.', 'refused-without-reason'],
  ['0x00000000', 400, '', 'refused-without-reason'],
  ['0x8006088a', 404, 'A failure occurred.', 'refused-without-reason'],
  [
    '0x0',
    400,
    "Could not find a property named 'x' on type 'Microsoft.Dynamics.CRM.lead'.",
    'mapping-invalid',
    'x',
  ],
  [
    '0x0',
    400,
    "The property 'new_x' does not exist on type 'Microsoft.Dynamics.CRM.lead'.",
    'mapping-invalid',
    'new_x',
  ],
  ['0x80060888', 404, "Resource not found for the segment 'leads'.", 'table-missing'],
  ['0x0', 400, "Resource not found for the segment 'leads'.", 'table-missing'],
  [undefined, 403, '<html>', 'access-refused'],
  ['0x80099999', 403, 'No.', 'access-refused'],
  ['0x80095ffe', 403, 'The request is rejected as access to your ip is blocked.', 'ip-address-blocked'],
  ['0x80072561', 403, '', 'conditional-access'],
  ['0x8004a104', 400, '', 'organisation-disabled'],
  ['0x8004a113', 403, '', 'organisation-admin-mode'],
  ['0x80072325', 400, '', 'storage-full'],
  ['0x8004d24b', 403, '', 'licence-missing'],
  ['0x80040225', 403, '', 'application-user-disabled'],
  ['0x80040225', 400, '', 'owner-disabled'],
  ['0x80040230', 400, '', 'record-read-only'],
  [
    '0x80040278',
    400,
    "The field 'lastname' contains one or more invalid characters.",
    'format-invalid',
    'lastname',
  ],
  [undefined, 413, '', 'too-large'],
]

describe('a refusal of Dynamics', () => {
  for (const [vendorCode, status, message, code, field] of replies) {
    it(`${vendorCode ?? 'without a code'} with ${status} is ${code}${field ? ` at ${field}` : ''}`, () => {
      const { advice, ...refusal } = explainRefusal(vendorCode, message, status)
      assert.deepEqual(refusal, field === undefined ? { code } : { code, field })
      assert.match(advice, /^[A-Z].{20,120}\.$/)
    })
  }

  it('is decided by its code in any language and spelling', () => {
    const german = 'Die Länge des Attributs „lastname“ ist zu groß.'
    for (const vendorCode of ['0x80044331', '0X80044331', ' 80044331 ', '-2147204303', '2147762993']) {
      assert.equal(explainRefusal(vendorCode, german, 400).code, 'field-too-long')
    }
    assert.equal(explainRefusal('0x80044331', german, 400).field, undefined)
  })

  it('names nothing that is no column name, since it may be a value of the person', () => {
    const messages = [
      "property named 'ann@example.org'",
      "property named 'Ann Ek'",
      "property 'x'''",
      "property '",
    ]
    for (const message of messages) {
      const { field, advice } = explainRefusal('0x80060888', message, 400)
      assert.ok(field === undefined || field === 'x', field)
      assert.ok(!advice.includes('Ann'))
    }
  })

  it('is read in a moment however long the message is', () => {
    const long = `${"length of the '".repeat(20_000)}${'a'.repeat(200_000)}`
    const started = performance.now()
    explainRefusal('0x80044331', long, 400)
    explainRefusal('0x80040200', `attributes:${' '.repeat(100_000)}${"'".repeat(100_000)}`, 400)
    assert.ok(performance.now() - started < 1000)
  })
})
