/** Codes of what is wrong with one person's values: the sentence for each is written where it is found. */
export const failureCodes = [
  'field-too-long',
  'field-required',
  'option-unknown',
  'option-ambiguous',
  'value-unmapped',
  'value-out-of-range',
  'type-mismatch',
  'format-invalid',
  'state-invalid',
  'mapping-invalid',
] as const

export type FailureCode = (typeof failureCodes)[number]

/** The person cannot be sent like this. Fits `FailureDetail` of errors.ts. */
export interface Failure {
  code: FailureCode
  /** Dataverse logical column name; the Marketo REST name while no column is known. */
  field: string
  /** Absent when no field of the selection leads to the column. */
  marketoField?: string
  /** One sentence without a person's data. */
  advice: string
}

/** A value that is not sent although the person has it: the set-up is at fault, not the person. */
export interface SetAside extends Omit<Failure, 'code'> {
  code:
    | 'column-missing'
    | 'column-read-only'
    | 'column-secured'
    | 'column-unsupported'
    | 'lookup-target-unclear'
    | 'default-invalid'
}

/** A value that is sent in another form than the person has it. */
export interface Altered extends Omit<Failure, 'code'> {
  code: 'characters-removed'
}

export type Problem =
  | (Failure & { severity: 'refused' })
  | (SetAside & { severity: 'set-aside' })
  | (Altered & { severity: 'altered' })

/** A selected field that the background sync cannot let travel as it is. */
export interface Unfit extends Omit<Failure, 'code'> {
  code:
    | 'pair-one-way'
    | 'values-invalid'
    | 'marketo-field-missing'
    | 'marketo-field-read-only'
    | 'marketo-field-unknown'
}

/** What the background sync leaves out, and whose rules say so. Fits the store's `NewFailure`. */
export interface LeftOut extends Omit<Failure, 'code'> {
  /** Which side refuses, or would. `field` is the name on that side. */
  side: 'marketo' | 'dynamics'
  code: FailureCode | SetAside['code'] | Unfit['code']
}

/**
 * Refusals that the checks before a call would have made, had they known the table as it is, and those that Dynamics
 * gives no reason for: older organisations say no more of a column that is gone.
 */
export const TABLE_CODES: ReadonlySet<string> = new Set([
  ...['mapping-invalid', 'field-too-long', 'field-required', 'option-unknown', 'value-out-of-range'],
  ...['type-mismatch', 'state-invalid', 'column-secured', 'refused-without-reason'],
])

/** Whether a refusal may come of a table that is no longer as it was read: read it again and decide again. */
export function isAboutTable(code: string): boolean {
  return TABLE_CODES.has(code)
}

interface Finding {
  code: string
  field: string
  advice: string
}

/** Several findings where there is room for one: the first one's words, and the names of the others. */
export function summaryOf(findings: readonly Finding[] = []): Finding | undefined {
  const [first, ...others] = findings
  if (first === undefined) return undefined
  const { code, field, advice } = first
  if (others.length === 0) return { code, field, advice }
  const named = others.slice(0, namedMax).map((one) => `${one.field} (${one.code})`)
  const rest = others.length > namedMax ? ', …' : ''
  return { code, field, advice: `${advice} ${others.length} more: ${named.join(', ')}${rest}.` }
}

const namedMax = 3
