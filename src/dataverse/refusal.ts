/** Why Dynamics refuses a row, in our words. `code` is one of the stable failure codes. */
export interface Refusal {
  code: RefusalCode
  /** Logical column name, when Dynamics names one. */
  field?: string
  advice: string
}

export type RefusalCode =
  | 'field-too-long'
  | 'field-required'
  | 'option-unknown'
  | 'value-out-of-range'
  | 'type-mismatch'
  | 'format-invalid'
  | 'value-refused'
  | 'state-invalid'
  | 'business-rule'
  | 'lookup-not-found'
  | 'duplicate-detected'
  | 'mapping-invalid'
  | 'owner-not-found'
  | 'owner-not-permitted'
  | 'privilege-missing'
  | 'application-user-missing'
  | 'too-large'
  | 'refused-by-dynamics'

interface Explanation {
  code: RefusalCode
  advice: string
  /** Where the English message names the column; a message in another language names none. */
  column?: RegExp
}

const tooLong: Explanation = {
  code: 'field-too-long',
  advice: 'Shorten the value in Marketo, or raise the maximum length of the column in Dynamics.',
  column: /length of the '([^']{1,128})' attribute/i,
}
const outOfRange: Explanation = {
  code: 'value-out-of-range',
  advice: 'Correct the number in Marketo, or widen the range of the column in Dynamics.',
  column: /of '([^']{1,128})' on record|attribute '([^']{1,128})'/i,
}
const duplicate: Explanation = {
  code: 'duplicate-detected',
  advice: 'Merge this person with the record that Dynamics already has, or relax the duplicate rule or key.',
}
const badMapping: Explanation = {
  code: 'mapping-invalid',
  advice: 'Compare the field selection with the columns of the table in Dynamics: a name or a type is wrong.',
  column: /property (?:named )?'([^']{1,128})'/i,
}
const noPrivilege: Explanation = {
  code: 'privilege-missing',
  advice:
    'Give the application user a security role that may create, read, write and assign leads and contacts.',
}
const noTarget: Explanation = {
  code: 'lookup-not-found',
  advice: 'The row that a look-up or the owner points to does not exist in Dynamics: correct its id.',
}
const refused: Explanation = {
  code: 'refused-by-dynamics',
  advice: 'Look up the vendor code with your Dynamics administrator; sending the same again will not help.',
}
const tooLarge: Explanation = {
  code: 'too-large',
  advice: 'Shorten the longest texts of this person in Marketo: the request is larger than Dynamics takes.',
}

/** Source: Microsoft, "Web service error codes" (Dataverse developer guide). */
const explanations: ReadonlyMap<string, Explanation> = new Map([
  ['0x80044331', tooLong],
  ['0x80073001', tooLong],
  ['0x8004432f', outOfRange],
  ['0x80044330', outOfRange],
  ['0x80040237', duplicate],
  ['0x80040333', duplicate],
  ['0x80060892', duplicate],
  ['0x80048d19', badMapping],
  ['0x80060888', badMapping],
  ['0x80040220', noPrivilege],
  ['0x80048306', noPrivilege],
  ['0x80048405', noPrivilege],
  [
    '0x80040200',
    {
      code: 'field-required',
      advice: 'Fill the field in Marketo, or give the column a default in the field selection.',
      column: /(?:attribute|field|column)s?:? '([^']{1,128})'/i,
    },
  ],
  [
    '0x80040203',
    {
      code: 'value-refused',
      advice: 'Check the values of this person against the columns of the table in Dynamics.',
      column: /attribute '([^']{1,128})'/i,
    },
  ],
  [
    '0x8004431a',
    {
      code: 'option-unknown',
      advice: 'Use one of the choices of the column in Dynamics, by label or by number.',
      column: /of '([^']{1,128})' on record/i,
    },
  ],
  [
    '0x80044354',
    { code: 'type-mismatch', advice: 'Map the field to a column of the same type in the field selection.' },
  ],
  ['0x80044192', { code: 'format-invalid', advice: "Correct the person's e-mail address in Marketo." }],
  [
    '0x80048408',
    {
      code: 'state-invalid',
      advice: 'Send a status reason that belongs to the status of the record, or do not send it at all.',
    },
  ],
  [
    '0x80040265',
    {
      code: 'business-rule',
      advice: 'A plug-in or workflow in Dynamics refuses this person: ask your Dynamics administrator which.',
    },
  ],
  ['0x80040217', noTarget],
  ['0x80060891', noTarget],
  [
    '0x80040229',
    { code: 'owner-not-found', advice: 'Choose an owner that exists and is enabled in Dynamics.' },
  ],
  [
    '0x80040231',
    {
      code: 'owner-not-permitted',
      advice: 'Give the owner a security role that may read leads and contacts.',
    },
  ],
  [
    '0x80072560',
    {
      code: 'application-user-missing',
      advice: 'Create an application user for the app registration in this Dataverse environment.',
    },
  ],
])

/**
 * What a refusal means and what to do about it. Decides by `vendorCode`, then by HTTP `status`; `message` only
 * ever yields a column's name. Nothing else of the message is repeated: it may hold a person's data.
 */
export function explainRefusal(vendorCode: string | undefined, message: string, status: number): Refusal {
  const { code, advice, column } = explanations.get(normalCode(vendorCode)) ?? byStatus(status)
  const field = column && columnName(message, column)
  return field === undefined ? { code, advice } : { code, field, advice }
}

function byStatus(status: number): Explanation {
  if (status === 403) return noPrivilege
  if (status === 413) return tooLarge
  return refused
}

/** Some replies carry the code in upper case or as the signed decimal of the .NET HRESULT. */
function normalCode(vendorCode: string | undefined): string {
  const code = vendorCode?.trim().toLowerCase() ?? ''
  return /^-\d{1,10}$/.test(code) ? `0x${(Number(code) >>> 0).toString(16)}` : code
}

function columnName(message: string, pattern: RegExp): string | undefined {
  const found = pattern.exec(message)
  const name = found?.slice(1).find((group) => group !== undefined)
  return name !== undefined && /^[A-Za-z][A-Za-z0-9_]{0,127}$/.test(name) ? name : undefined
}
