import type { Column } from '../dataverse/columns.ts'
import { isDateOnly } from './coercion.ts'
import { isPlausibleEmail } from './identity.ts'
import { dayOf, readInstant } from './instant.ts'
import { readChoices } from './option.ts'
import type { FieldValue } from './person.ts'
import type { FailureCode } from './problem.ts'

export type Flaw = { code: FailureCode; advice: string } | undefined

/** Source: Microsoft, "DateTimeAttributeMetadata" (MinSupportedValue). */
const firstDay = '1753-01-01'
const guid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const binding = /^\/?[a-z][a-z0-9_]*\([^()]+\)$/i
const mismatch = (advice: string): Flaw => ({ code: 'type-mismatch', advice })

/**
 * What is wrong with a value as it would be sent: `key` is the column, or the navigation property with
 * `@odata.bind`. `stateCode` is that of the record; undefined = not known, and the status goes unchecked.
 */
export function flawOf(key: string, value: FieldValue, column: Column, stateCode: number | undefined): Flaw {
  if (value === null) return undefined
  switch (column.type) {
    case 'String':
    case 'Memo':
      return typeof value === 'string' ? textFlaw(value, column) : mismatch('Send a text.')
    case 'Integer':
    case 'BigInt':
      return Number.isSafeInteger(value) ? rangeFlaw(value, column) : mismatch('Send a whole number.')
    case 'Decimal':
    case 'Double':
    case 'Money':
      return Number.isFinite(value) ? rangeFlaw(value, column) : mismatch('Send a number.')
    case 'Boolean':
      return typeof value === 'boolean' ? undefined : mismatch('Send true or false.')
    case 'Picklist':
    case 'State':
    case 'Status':
      return optionFlaw(value, column, stateCode)
    case 'MultiSelectPicklist':
      return choicesFlaw(value, column)
    case 'DateTime':
      return dateFlaw(value, column)
    case 'Lookup':
    case 'Customer':
    case 'Owner':
      return key.endsWith('@odata.bind') && binding.test(String(value))
        ? undefined
        : mismatch('Bind a look-up by its navigation property.')
    case 'Uniqueidentifier':
      return guid.test(String(value)) ? undefined : mismatch('Send an id (GUID).')
    case 'Other':
      return undefined
    default:
      return column.type satisfies never
  }
}

/** Dataverse counts as JavaScript does: UTF-16 code units. */
function textFlaw(value: string, column: Column): Flaw {
  if (column.maxLength !== undefined && value.length > column.maxLength) {
    return {
      code: 'field-too-long',
      advice: `Shorten the value to at most ${column.maxLength} characters, or enlarge the column in Dynamics.`,
    }
  }
  if (column.format === 'Email' && !isPlausibleEmail(value)) {
    return { code: 'format-invalid', advice: "Correct the person's e-mail address in Marketo." }
  }
  if (column.format === 'Url' && /\s/.test(value.trim())) {
    return { code: 'format-invalid', advice: 'Correct the web address in Marketo: it holds a space.' }
  }
  return undefined
}

function rangeFlaw(value: FieldValue, { min, max }: Column): Flaw {
  const number = Number(value)
  if ((min === undefined || number >= min) && (max === undefined || number <= max)) return undefined
  return {
    code: 'value-out-of-range',
    advice: `Send a number from ${min ?? 'minus infinity'} to ${max ?? 'infinity'}.`,
  }
}

function optionFlaw(value: FieldValue, column: Column, stateCode: number | undefined): Flaw {
  if (typeof value !== 'number') return mismatch('Send the number of a choice.')
  const option = column.options?.find((one) => one.value === value)
  if (option === undefined) {
    return { code: 'option-unknown', advice: 'Use a choice of the column, or add it in Dynamics.' }
  }
  const isForeign = option.state !== undefined && stateCode !== undefined && option.state !== stateCode
  return column.type === 'Status' && isForeign
    ? { code: 'state-invalid', advice: 'Send a status reason that belongs to the status of the record.' }
    : undefined
}

/** Source: Microsoft, "Choices columns": what one column can hold. */
const choicesMax = 150

function choicesFlaw(value: FieldValue, column: Column): Flaw {
  const choices = typeof value === 'string' ? readChoices(value) : undefined
  if (choices === undefined) return mismatch('Send the numbers of choices, separated by commas.')
  if (choices.length > choicesMax) {
    return { code: 'value-out-of-range', advice: `Send at most ${choicesMax} choices.` }
  }
  return choices.map((choice) => optionFlaw(choice, column, undefined)).find((flaw) => flaw !== undefined)
}

function dateFlaw(value: FieldValue, column: Column): Flaw {
  const instant = typeof value === 'string' ? readInstant(value) : undefined
  if (instant === undefined) return mismatch('Send a date.')
  if (value !== (isDateOnly(column) ? dayOf(instant) : instant)) {
    return mismatch(isDateOnly(column) ? 'Send yyyy-MM-dd.' : 'Send yyyy-MM-ddTHH:mm:ssZ.')
  }
  return dayOf(instant) < firstDay
    ? {
        code: 'value-out-of-range',
        advice: 'Send a date of 1753-01-01 or later: Dynamics does not store earlier dates.',
      }
    : undefined
}
