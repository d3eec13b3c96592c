import { type FailureDetail, Rejected } from '../errors.ts'
import { wordsOf } from '../vendor-words.ts'
import { type CodeClass, classify, knownClass } from './codes.ts'

/** Why Marketo refuses a request or a record, in our words. `code` is one of the stable failure codes. */
export interface Refusal {
  code: string
  /** REST name, when Marketo names one. */
  field?: string
  advice: string
  /** Marketo's own words; see FailureDetail. */
  vendorMessage?: string
}

/** What Marketo says about one record that it skipped, or about a whole request. */
export interface Reason {
  code: string
  message: string
}

/** Marketo refuses a whole call. `detail` is about the call. */
export class CallRefused extends Rejected {
  /** What it is about when the call was for one record alone, or for records with one of `fields`. */
  readonly alone: FailureDetail
  /** REST names of the fields that make Marketo refuse the call, whatever is in them. */
  override readonly fields: readonly string[]
  /** One of the call's records may be to blame; else all calls like it are refused. */
  readonly mayBeOfOne: boolean
  /** What is asked for is too much for one answer: never about all calls. */
  readonly isTooMuch: boolean
  /** Adobe does not list the code. */
  readonly isUnlisted: boolean

  constructor(
    { code, message }: Reason,
    detail: FailureDetail,
    options: { alone?: Refusal; mayBeOfOne?: boolean } = {},
  ) {
    super(`Marketo refuses the request: ${code}`, detail)
    this.alone = { ...detail, ...(options.alone ?? explainAlone({ code, message }, detail)) }
    this.fields = unusableFields({ code, message })
    // What speaks of a paging token is known by that, whatever its code.
    this.isUnlisted = knownClass(code, message) === undefined && classify(code, message) === 'record'
    this.isTooMuch = isTooMany({ code, message })
    this.mayBeOfOne = options.mayBeOfOne ?? !ofCalls.has(code)
  }
}

/** Codes about the way that a call is made, the subscription or its set-up: no record of it can be to blame. */
const ofCalls: ReadonlySet<string> = new Set(
  [605, 612, 613, 616, 703, 1011, 1018, 1026, 1027, 1028, 1035, 1042, 1048].map(String),
)

/** Two wordings of one refusal: 1006 names a field, 1003 lists them. Nothing but names is taken from a message. */
export function unusableFields({ code, message }: Reason): string[] {
  const list = code === '1003' ? /\binvalid fields?:? *\[([^[\]]{1,8000})\]/i.exec(message)?.[1] : undefined
  const names =
    list?.split(',').map((name) => name.trim().replace(/^['"]|['"]$/g, '')) ??
    (code === '1006' || (code === '1003' && /\binvalid field/i.test(message)) ? fieldsIn(message) : [])
  return [...new Set(names.filter((name) => /^[A-Za-z]\w{0,254}$/.test(name)))]
}

const valueInvalid: Refusal = {
  code: 'marketo-value-invalid',
  advice: 'Correct the value, or map the field to one of the same type and length in Marketo.',
}
const fieldUnknown: Refusal = {
  code: 'marketo-field-unknown',
  advice: 'Marketo has no such field: correct its REST name in the field selection.',
}
/** Of one record that is larger than any call may be. */
export const tooLarge: Refusal = {
  code: 'marketo-too-large',
  advice:
    'Shorten the longest texts of this person, or select fewer Marketo fields: Marketo accepts at most 1 MB.',
}
const partitionRefused: Refusal = {
  code: 'marketo-partition-refused',
  advice: "Give the API user's role access to the person's partition in Marketo.",
}

/** Source: Adobe, "Marketo REST API error codes". */
const ofBoth: ReadonlyMap<string, Refusal> = new Map([
  [
    '1005',
    { code: 'marketo-person-exists', advice: 'Marketo already has this person: no action is needed.' },
  ],
  ['1006', fieldUnknown],
  ['1008', partitionRefused],
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
        "Marketo's own CRM sync forbids this: switch it off, because only one sync can write the same people.",
    },
  ],
  [
    '1021',
    {
      code: 'marketo-company-field',
      advice:
        'This person belongs to a company record in Marketo: make the company fields to-dynamics, or exclude them from the field selection.',
    },
  ],
])
const ofRecords: ReadonlyMap<string, Refusal> = new Map([
  ['1001', valueInvalid],
  ['1003', valueInvalid],
  ['1009', partitionRefused],
  ['1010', partitionRefused],
])

/** About a whole request. Nothing of the message gets into the advice but a field's name: it may hold a person's data. */
export function explainRequest(reason: Reason, codeClass: CodeClass): Refusal {
  return withWords(requestRefusal(reason, codeClass), reason)
}

function requestRefusal({ code, message }: Reason, codeClass: CodeClass): Refusal {
  if (isTooMany({ code, message })) {
    return {
      code: 'marketo-too-many-matches',
      advice: 'More than 1,000 people in Marketo share this value: merge them or empty the field.',
    }
  }
  const [field] = unusableFields({ code, message })
  if (field !== undefined) return { ...fieldUnknown, field }
  const known = ofBoth.get(code)
  if (known !== undefined) return withField(known, message)
  return codeClass === 'record'
    ? recordRefused
    : {
        code: 'marketo-refused',
        advice:
          'The set-up is at fault, not a person: look up the vendor code with your Marketo administrator.',
      }
}

/** About one record of a bulk write. */
export function explainRecord(reason: Reason): Refusal {
  return withWords(recordRefusal(reason), reason)
}

function recordRefusal({ code, message }: Reason): Refusal {
  const [field] = unusableFields({ code, message })
  if (field !== undefined) return { ...fieldUnknown, field }
  return withField(ofBoth.get(code) ?? ofRecords.get(code) ?? recordRefused, message)
}

function withWords(refusal: Refusal, { message }: Reason): Refusal {
  const words = wordsOf(message)
  return words === undefined ? refusal : { ...refusal, vendorMessage: words }
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

/** About a call for one record. */
function explainAlone(reason: Reason, detail: FailureDetail): Refusal {
  const isOfCall = ofCalls.has(reason.code) || isTooMany(reason) || unusableFields(reason).length > 0
  return isOfCall ? detail : explainRecord(reason)
}

function isTooMany({ code, message }: Reason): boolean {
  return code === '1003' && /too many results/i.test(message)
}

const recordRefused: Refusal = {
  code: 'marketo-record-refused',
  advice: 'Marketo refuses this person: look up the vendor code with your Marketo administrator.',
}

function withField(refusal: Refusal, message: string): Refusal {
  const [field] = fieldsIn(message)
  return field === undefined ? refusal : { code: refusal.code, field, advice: refusal.advice }
}

function fieldsIn(message: string): string[] {
  return [...message.matchAll(/\bfields? '([A-Za-z]\w{0,254})'/gi)].flatMap(([, name]) => name ?? [])
}
