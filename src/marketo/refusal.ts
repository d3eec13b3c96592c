import { type FailureDetail, Rejected } from '../errors.ts'
import { wordsOf } from '../vendor-words.ts'

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
  const list = code === '1003' ? fieldList(message) : undefined
  const names =
    list?.split(',').map((name) => name.trim().replace(/^['"]|['"]$/g, '')) ??
    (code === '1006' || (code === '1003' && /\binvalid field/i.test(message)) ? fieldsIn(message) : [])
  return [...new Set(names.filter((name) => /^[A-Za-z]\w{0,254}$/.test(name)))]
}

/** Between the brackets after "Invalid fields:". Looked for by hand, so that no message can make it slow. */
function fieldList(message: string): string | undefined {
  const opening = /\binvalid fields?:? *\[/i.exec(message)
  const from = opening === null ? -1 : opening.index + opening[0].length
  const to = from < 0 ? -1 : message.indexOf(']', from)
  return to < 0 ? undefined : message.slice(from, to) || undefined
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

/** What a code of Marketo's envelope asks for. */
export type CodeClass =
  /** The token is not taken: another one, and the same again once. */
  | 'token'
  /** Marketo is busy with itself: the same again later. */
  | 'transient'
  /** Too many calls in 20 s. */
  | 'window'
  /** Too many calls at a time. */
  | 'concurrency'
  /** The day's calls are used up. */
  | 'daily-calls'
  /** Another quota of the day is used up; calls go on. */
  | 'daily-jobs'
  /** The role, the address or the partition is not allowed. */
  | 'denied'
  /** Request or set-up is wrong: the same again cannot help. */
  | 'permanent'
  /** One record is refused. */
  | 'record'
  /** Nothing matches. */
  | 'empty'

/** Source: Adobe, "Marketo REST API error codes"; 600 is seen in the wild and not listed there. */
const codes: readonly (readonly [CodeClass, readonly number[]])[] = [
  ['token', [600, 601, 602]],
  ['transient', [604, 608, 611, 614, 713, 719, 1016, 1019, 1029]],
  ['window', [606]],
  ['concurrency', [615]],
  ['daily-calls', [607]],
  ['daily-jobs', [1020]],
  ['denied', [603]],
  ['permanent', [605, 609, 610, 612, 613, 616, 701, 703, 704, 709, 710, 711, 712, 714, 718]],
  ['permanent', [1002, 1003, 1006, 1009, 1011, 1018, 1021, 1025, 1026, 1027, 1028, 1035, 1042, 1048]],
  ['permanent', [1076, 1077, 1078, 1079, 1080]],
  ['record', [1001, 1004, 1005, 1007, 1008, 1010, 1012, 1013, 1014, 1015, 1017, 1022, 1036, 1037, 1049]],
  ['empty', [702]],
]
const classOf: ReadonlyMap<string, CodeClass> = new Map(
  codes.flatMap(([codeClass, ofIt]) => ofIt.map((code) => [String(code), codeClass] as const)),
)

/** undefined = Adobe does not list the code. */
function knownClass(code: string, message: string): CodeClass | undefined {
  // 1029 passes when it counts jobs, and lasts until midnight when it counts bytes.
  if (code === '1029' && /quota/i.test(message)) return 'daily-jobs'
  return classOf.get(code)
}

/**
 * An unknown code is taken for a passing one: to wait costs time, to give up wrongly costs a person. Unless it
 * speaks of a paging token, whose end has no documented code: to wait for that would never end. Codes of four
 * digits from 1000 on are about records: one of them must not hold up the others.
 */
export function classify(code: string, message: string): CodeClass {
  const known = knownClass(code, message)
  if (known !== undefined) return known
  if (/paging ?token|next ?page ?token/i.test(message)) return 'permanent'
  return /^1\d{3}$/.test(code) ? 'record' : 'transient'
}
