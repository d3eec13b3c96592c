import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { explainRefusal, type RefusalCode } from '../../src/dataverse/refusal.ts'
import { type FailureCode, failureCodes, type SetAside, type Unfit } from '../../src/person/problem.ts'

/** Both sides of the call can find these; the type says that both spell them alike. */
const shared: Record<FailureCode & RefusalCode, string> = {
  'field-too-long': '0x80044331',
  'field-required': '0x80040200',
  'option-unknown': '0x8004431a',
  'value-out-of-range': '0x8004432f',
  'type-mismatch': '0x80044354',
  'format-invalid': '0x80044192',
  'state-invalid': '0x80048408',
  'mapping-invalid': '0x80048d19',
}

it('what the check before the call says, Dynamics says in the same words, save what it cannot see', () => {
  const fromDynamics = Object.values(shared).map((vendorCode) => explainRefusal(vendorCode, '', 400).code)
  const onlyBefore: FailureCode[] = ['option-ambiguous', 'value-unmapped']
  assert.deepEqual(fromDynamics, Object.keys(shared))
  assert.deepEqual([...fromDynamics, ...onlyBefore].sort(), [...failureCodes].sort())
})

it('every code is documented', () => {
  const docs = readFileSync(new URL('../../docs/fields.md', import.meta.url), 'utf8')
  const refusals: Record<Exclude<RefusalCode, FailureCode>, true> = {
    'value-refused': true,
    'business-rule': true,
    'lookup-not-found': true,
    'duplicate-detected': true,
    'record-read-only': true,
    'owner-not-found': true,
    'owner-disabled': true,
    'owner-not-permitted': true,
    'column-secured': true,
    'privilege-missing': true,
    'application-user-missing': true,
    'application-user-disabled': true,
    'access-refused': true,
    'ip-address-blocked': true,
    'conditional-access': true,
    'organisation-disabled': true,
    'organisation-admin-mode': true,
    'storage-full': true,
    'licence-missing': true,
    'plug-ins-disabled': true,
    'table-missing': true,
    'too-large': true,
    'refused-by-dynamics': true,
    'refused-without-reason': true,
  }
  const leftOut: Record<SetAside['code'] | Unfit['code'], true> = {
    'column-missing': true,
    'column-read-only': true,
    'column-secured': true,
    'column-unsupported': true,
    'lookup-target-unclear': true,
    'default-invalid': true,
    'pair-one-way': true,
    'values-invalid': true,
    'marketo-field-missing': true,
    'marketo-field-read-only': true,
    'marketo-field-unknown': true,
  }
  const missing = [...failureCodes, ...Object.keys(refusals), ...Object.keys(leftOut)].filter(
    (code) => !docs.includes(`\`${code}\``),
  )
  assert.deepEqual(missing, [])
})
