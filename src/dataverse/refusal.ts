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
  | 'record-read-only'
  | 'owner-not-found'
  | 'owner-disabled'
  | 'owner-not-permitted'
  | 'column-secured'
  | 'privilege-missing'
  | 'application-user-missing'
  | 'application-user-disabled'
  | 'access-refused'
  | 'ip-address-blocked'
  | 'conditional-access'
  | 'organisation-disabled'
  | 'organisation-admin-mode'
  | 'storage-full'
  | 'licence-missing'
  | 'plug-ins-disabled'
  | 'table-missing'
  | 'too-large'
  | 'refused-by-dynamics'
  | 'refused-without-reason'

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
  column: /(?:property|attribute|column|field) (?:named )?'([^']{1,128})'/i,
}
const noTable: Explanation = {
  code: 'table-missing',
  advice:
    'This organisation has no such table: install Dynamics 365 Sales, which brings leads, in the environment.',
}
const noPrivilege: Explanation = {
  code: 'privilege-missing',
  advice:
    'Give the application user a security role that may create, read, write and assign leads and contacts.',
}
const secured: Explanation = {
  code: 'column-secured',
  advice:
    'Give the application user a column security profile that allows it to read, create and update the column, or exclude the field.',
}
const noTarget: Explanation = {
  code: 'lookup-not-found',
  advice: 'The row that a look-up or the owner points to does not exist in Dynamics: correct its id.',
}
const refused: Explanation = {
  code: 'refused-by-dynamics',
  advice:
    'Look up the vendor code with your Dynamics administrator; sending the same values again will not help.',
}
const refusedWithoutReason: Explanation = {
  code: 'refused-without-reason',
  advice:
    'Dynamics gives no code for the reason: read its message (vendorMessage) with your Dynamics administrator.',
}
const accessRefused: Explanation = {
  code: 'access-refused',
  advice:
    'Dynamics, or a firewall or proxy in front of it, refuses access: its message (vendorMessage) has details.',
}
const noOrganisation: Explanation = {
  code: 'organisation-disabled',
  advice:
    'The organisation is disabled, expired or being moved: check it in the Power Platform admin center.',
}
const noLicence: Explanation = {
  code: 'licence-missing',
  advice: 'Assign a licence to the user that the service signs in as, or renew the one that has expired.',
}
const storageFull: Explanation = {
  code: 'storage-full',
  advice: 'Free or buy Dataverse storage: the organisation takes no new data.',
}
const noPlugins: Explanation = {
  code: 'plug-ins-disabled',
  advice: 'Plug-ins are disabled in this organisation: ask Microsoft support or your administrator why.',
}
const noUser: Explanation = {
  code: 'application-user-missing',
  advice: 'Create an application user for the app registration in this Dataverse environment.',
}
const userDisabled: Explanation = {
  code: 'application-user-disabled',
  advice: 'Enable the application user of the service in the Power Platform admin center.',
}
const ownerNotFound: Explanation = {
  code: 'owner-not-found',
  advice: 'Choose an owner that exists and is enabled in Dynamics.',
}
const ownerDisabled: Explanation = {
  code: 'owner-disabled',
  advice: 'Enable this owner in the Power Platform admin center, or assign to another.',
}
const readOnly: Explanation = {
  code: 'record-read-only',
  advice:
    'The record is inactive or read-only in Dynamics: reactivate it there so that its values are synced again.',
}
const customCode: Explanation = {
  code: 'business-rule',
  advice:
    'A plug-in, webhook or workflow in Dynamics refuses this person: ask your Dynamics administrator which one.',
}
const badCharacters: Explanation = {
  code: 'format-invalid',
  advice: 'Remove the invisible control characters from the value in Marketo.',
  column: /field '([^']{1,128})'/i,
}
const tooLarge: Explanation = {
  code: 'too-large',
  advice: 'Shorten the longest texts of this person in Marketo: the request is larger than Dynamics accepts.',
}

/** Source: Microsoft, "Web service error codes" (Dataverse developer guide). */
const explanations: ReadonlyMap<string | undefined, Explanation> = new Map<string, Explanation>([
  ['0x80044331', tooLong],
  ['0x80073001', tooLong],
  ['0x8004432f', outOfRange],
  ['0x80044330', outOfRange],
  ['0x80040239', outOfRange],
  ['0x80040317', outOfRange],
  ['0x8004022c', outOfRange],
  ['0x80050222', outOfRange],
  ['0x80040237', duplicate],
  ['0x80040333', duplicate],
  ['0x80060892', duplicate],
  ['0x80073002', duplicate],
  ['0x80048d19', badMapping],
  ['0x80060888', badMapping],
  ['0x80060890', badMapping],
  ['0x8004024a', badMapping],
  ['0x80040e00', badMapping],
  ['0x80041102', badMapping],
  ['0x80041103', badMapping],
  ['0x80044335', badMapping],
  ['0x80040220', noPrivilege],
  ['0x80040276', noPrivilege],
  ['0x80040277', noPrivilege],
  ['0x80042f09', noPrivilege],
  ['0x80048306', noPrivilege],
  ['0x80048405', noPrivilege],
  // Of a create, an update, a read, a query.
  ['0x8004f502', secured],
  ['0x8004f507', secured],
  ['0x8004f504', secured],
  ['0x8004f506', secured],
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
  ['0x80040278', badCharacters],
  [
    '0x80048408',
    {
      code: 'state-invalid',
      advice: 'Send a status reason that belongs to the status of the record, or do not send it at all.',
    },
  ],
  ['0x8004022e', readOnly],
  ['0x80040230', readOnly],
  ['0x80040233', readOnly],
  ['0x80040224', customCode],
  ['0x80040265', customCode],
  ['0x80044175', customCode],
  ['0x80050201', customCode],
  ['0x80050203', customCode],
  ['0x80050204', customCode],
  ['0x80050205', customCode],
  ['0x80040217', noTarget],
  ['0x80060891', noTarget],
  ['0x8004022d', noTarget],
  ['0x80040207', ownerNotFound],
  ['0x80040210', ownerNotFound],
  ['0x80040229', ownerNotFound],
  ['0x80040225', ownerDisabled],
  ['0x8004022b', ownerDisabled],
  [
    '0x80040231',
    {
      code: 'owner-not-permitted',
      advice: 'Give the owner a security role that may read leads and contacts.',
    },
  ],
  ['0x8004418a', tooLarge],
  ['0x80044507', noUser],
  ['0x80072560', noUser],
  ['0x8004a112', userDisabled],
  [
    '0x8004a113',
    {
      code: 'organisation-admin-mode',
      advice: 'The organisation is in administration mode: people stay queued until it is switched off.',
    },
  ],
  [
    '0x8004a103',
    {
      code: 'conditional-access',
      advice: 'Exclude this service from the policy, or let it call from an allowed location.',
    },
  ],
  [
    '0x80072561',
    {
      code: 'conditional-access',
      advice: 'Exclude this service from the policy, or let it call from an allowed location.',
    },
  ],
  [
    '0x80095ffe',
    {
      code: 'ip-address-blocked',
      advice:
        "Allow this service's outgoing IP address in the IP firewall of the environment (Power Platform admin center).",
    },
  ],
  ['0x8004020a', noOrganisation],
  ['0x800404be', noOrganisation],
  ['0x80044353', noOrganisation],
  ['0x8004a104', noOrganisation],
  ['0x8004a107', noOrganisation],
  ['0x8004b044', noOrganisation],
  ['0x8004b065', noOrganisation],
  ['0x8004d253', noOrganisation],
  ['0x8004415c', noLicence],
  ['0x8004415d', noLicence],
  ['0x8004d24b', noLicence],
  ['0x8004b057', storageFull],
  ['0x80072325', storageFull],
  ['0x8004b063', noPlugins],
  ['0x80081115', noPlugins],
])

/**
 * What a refusal means and what to do about it. Decides by `vendorCode`, then by HTTP `status`; `message` yields a
 * column's name, and the reason where the code says nothing. Nothing else of it is repeated: it may hold a
 * person's data.
 */
export function explainRefusal(vendorCode: string | undefined, message: string, status: number): Refusal {
  const { code, advice, column } = explanationOf(normalCode(vendorCode), message, status)
  const field = column && columnName(message, column)
  return field === undefined ? { code, advice } : { code, field, advice }
}

function explanationOf(code: string | undefined, message: string, status: number): Explanation {
  if (status === 403 && code === '0x80040225') return userDisabled
  const isVagueCode = isVague(code)
  if (isMissingTable(code, message)) return noTable
  if (isVagueCode && columnName(message, NAMED_COLUMN) !== undefined) return badMapping
  const known = explanations.get(code)
  if (known) return known
  if (status === 403) return accessRefused
  if (status === 413) return tooLarge
  return isVagueCode ? refusedWithoutReason : refused
}

/** The address of a table leads nowhere. Recordings show 404 for it, and 400. */
export function isMissingTable(code: string | undefined, message: string): boolean {
  const isAboutPath = isVague(code) || code === '0x80060888'
  return isAboutPath && /resource not found for the segment '\w{1,128}'/i.test(message)
}

/** As the OData library of Dataverse names what it does not find. */
const NAMED_COLUMN = /(?:property|attribute|column) (?:named )?'([^']{1,128})'/i

function columnName(message: string, pattern: RegExp): string | undefined {
  const found = pattern.exec(message)
  const name = found?.slice(1).find((group) => group !== undefined)
  return name !== undefined && /^[A-Za-z][A-Za-z0-9_]{0,127}$/.test(name) ? name : undefined
}

/**
 * The code as `0x` and lower-case digits. Replies also carry it in upper case, without `0x`, as a number or as the
 * signed decimal of the .NET HRESULT. undefined for an empty one, which Microsoft Learn warns of.
 */
export function normalCode(given: unknown): string | undefined {
  const code = typeof given === 'number' ? String(given) : given
  if (typeof code !== 'string') return undefined
  const text = code.trim().toLowerCase()
  const hex = /^(?:0x)?(800[0-9a-f]{5})$/.exec(text)?.[1] ?? /^0x([0-9a-f]{1,8})$/.exec(text)?.[1]
  if (hex !== undefined) return `0x${Number.parseInt(hex, 16).toString(16)}`
  return /^-?\d{1,10}$/.test(text) ? `0x${(Number(text) >>> 0).toString(16)}` : text || undefined
}

/** Codes that say nothing: older organisations, the Web API's own failures, plug-ins. */
const VAGUE: ReadonlySet<string | undefined> = new Set([undefined, '0x0', '0x8006088a'])

export function isVague(code: string | undefined): boolean {
  return VAGUE.has(code)
}
