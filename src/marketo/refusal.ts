import { type CodeClass, knownClass } from './codes.ts'

/** Why Marketo refuses a request or a record, in our words. `code` is one of the stable failure codes. */
export interface Refusal {
  code: string
  /** REST name, when Marketo names one. */
  field?: string
  advice: string
}

/** What Marketo says about one record that it skipped, or about a whole request. */
export interface Reason {
  code: string
  message: string
}

const valueInvalid: Refusal = {
  code: 'marketo-value-invalid',
  advice: 'Correct the value, or map the field to one of the same type and length in Marketo.',
}
const partitionRefused: Refusal = {
  code: 'marketo-partition-refused',
  advice: "Give the API user's role access to the person's partition in Marketo.",
}

/** Source: Adobe, "Marketo REST API error codes". */
const ofBoth: ReadonlyMap<string, Refusal> = new Map([
  [
    '1005',
    { code: 'marketo-person-exists', advice: 'Marketo has this person already: nothing is to be made.' },
  ],
  [
    '1006',
    {
      code: 'marketo-field-unknown',
      advice: 'Marketo has no such field: correct its REST name in the field selection.',
    },
  ],
  [
    '1007',
    {
      code: 'marketo-person-ambiguous',
      advice: 'Several people in Marketo have this key: merge them, or correct the key of all but one.',
    },
  ],
  [
    '1011',
    {
      code: 'marketo-field-not-searchable',
      advice:
        'Marketo cannot look people up by this field: use a custom field of type string, e-mail or integer.',
    },
  ],
  [
    '1018',
    {
      code: 'marketo-native-sync-on',
      advice:
        "Marketo's own CRM sync forbids this: switch it off, since two syncs of the same people cannot share them.",
    },
  ],
  [
    '1021',
    {
      code: 'marketo-company-field',
      advice:
        'This person belongs to a company record in Marketo: let the company fields travel to Dynamics only, or take them out of the field selection.',
    },
  ],
])
const ofRecords: ReadonlyMap<string, Refusal> = new Map([
  ['1001', valueInvalid],
  ['1003', valueInvalid],
  ['1008', partitionRefused],
  ['1009', partitionRefused],
  ['1010', partitionRefused],
])

/** About a whole request. Nothing of the message is repeated but a field's name: it may hold a person's data. */
export function explainRequest({ code, message }: Reason, codeClass: CodeClass): Refusal {
  if (code === '1003' && /too many results/i.test(message)) {
    return {
      code: 'marketo-too-many-matches',
      advice: 'More than 1,000 people in Marketo share this value: merge them or empty the field.',
    }
  }
  const known = ofBoth.get(code)
  if (known !== undefined) return withField(known, message)
  return codeClass === 'record'
    ? recordRefused
    : {
        code: 'marketo-refused',
        advice: 'The set-up is at fault, no person: look up the vendor code with your Marketo administrator.',
      }
}

/** About one record of a bulk write. */
export function explainRecord({ code, message }: Reason): Refusal {
  return withField(ofBoth.get(code) ?? ofRecords.get(code) ?? recordRefused, message)
}

/** Whether a skipped record may be sent again as it is: only where Adobe's list says so. */
export function isPassing({ code, message }: Reason): boolean {
  switch (knownClass(code, message)) {
    case 'transient':
    case 'window':
    case 'concurrency':
    case 'daily-calls':
    case 'daily-jobs':
      return true
    default:
      return false
  }
}

const recordRefused: Refusal = {
  code: 'marketo-record-refused',
  advice: 'Marketo refuses this person: look up the vendor code with your Marketo administrator.',
}

function withField(refusal: Refusal, message: string): Refusal {
  const field = /\bfield '([A-Za-z]\w{0,254})'/i.exec(message)?.[1]
  return field === undefined ? refusal : { code: refusal.code, field, advice: refusal.advice }
}
