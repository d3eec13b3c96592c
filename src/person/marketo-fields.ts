import { readInstant } from './instant.ts'
import { leadsBack } from './normal.ts'
import { isReal, isText, isWhole } from './pair.ts'
import type { FieldValue, RecordType, Values } from './person.ts'
import type { FailureCode, LeftOut } from './problem.ts'
import type { SyncField } from './sync-field.ts'
import type { SyncSchema } from './sync-schema.ts'
import { valueIn } from './sync-values.ts'

/** An update of a person, and what Marketo would refuse or cut of it. */
export interface FieldChanges {
  /** By REST name; null empties a field. */
  fields: Record<string, FieldValue>
  left: LeftOut[]
}

/** Source: Adobe, "Field Types": string, and text in bytes of UTF-8. */
const stringLengthMax = 255
const textBytesMax = 30_000
const int32Max = 2 ** 31 - 1

/**
 * Values in normal form as a record of Sync Leads. Fields that do not travel to Marketo are passed over; a value
 * that Marketo would refuse or cut is left out, the rest goes.
 */
export function toMarketoFields(values: Values, recordType: RecordType, schema: SyncSchema): FieldChanges {
  const fields: Record<string, FieldValue> = {}
  const left: LeftOut[] = []
  for (const field of schema.fields[recordType]) {
    const value = valueIn(values, field.marketo)
    if (value === undefined || field.direction === 'to-dynamics') continue
    const flaw = value === null ? undefined : flawOf(value, field)
    if (flaw === undefined) fields[field.marketo] = value
    else left.push({ side: 'marketo', field: field.marketo, marketoField: field.marketo, ...flaw })
  }
  return { fields, left }
}

type Flaw = { code: FailureCode; advice: string } | undefined

const mismatch = (what: string): Flaw => ({
  code: 'type-mismatch',
  advice: `Correct the value in Dynamics: the field in Marketo accepts ${what}.`,
})

const unmapped: Flaw = {
  code: 'value-unmapped',
  advice: 'Add the value in Dynamics to "values" of the field in the field selection, or correct it there.',
}

function flawOf(value: string | number | boolean, field: SyncField): Flaw {
  const { type } = field
  if (!leadsBack(value, field)) return unmapped
  if (isText(type)) return typeof value === 'string' ? textFlaw(value, field) : mismatch('a text')
  if (isWhole(type)) return Number.isInteger(value) ? wholeFlaw(Number(value)) : mismatch('a whole number')
  if (isReal(type)) return Number.isFinite(value) ? undefined : mismatch('a number')
  if (type === 'boolean') return typeof value === 'boolean' ? undefined : mismatch('true or false')
  const instant = typeof value === 'string' ? readInstant(value) : undefined
  return instant === undefined ? mismatch('a date') : undefined
}

function textFlaw(value: string, { type, length }: SyncField): Flaw {
  const max = length ?? (type === 'text' ? undefined : stringLengthMax)
  if (max !== undefined && value.length > max) {
    return {
      code: 'field-too-long',
      advice: `Shorten the value in Dynamics: Marketo accepts ${max} characters.`,
    }
  }
  if (type === 'text' && Buffer.byteLength(value, 'utf8') > textBytesMax) {
    const advice = `Shorten the value in Dynamics: Marketo accepts ${textBytesMax} bytes of UTF-8.`
    return { code: 'field-too-long', advice }
  }
  // Source: Adobe, "Leads": e-mail addresses are ASCII.
  return type === 'email' && !/^[\x20-\x7e]*$/.test(value)
    ? { code: 'format-invalid', advice: 'Marketo accepts e-mail addresses of ASCII characters only.' }
    : undefined
}

function wholeFlaw(value: number): Flaw {
  return Math.abs(value) <= int32Max
    ? undefined
    : { code: 'value-out-of-range', advice: `Marketo accepts whole numbers up to ${int32Max}.` }
}
