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
export function knownClass(code: string, message: string): CodeClass | undefined {
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
