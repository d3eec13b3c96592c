import type { Column } from '../dataverse/columns.ts'
import { cleanEmail } from './identity.ts'
import { readDay, readInstant } from './instant.ts'
import { elementsOf, optionsMeant, writeChoices } from './option.ts'
import type { FieldValue } from './person.ts'
import type { FailureCode } from './problem.ts'
import { isBlank } from './read-person.ts'
import { holdsRefused, withoutRefused } from './text.ts'

/** A value as the column takes it; `nothing` = the value says nothing; else what is wrong with it. */
export type Coerced =
  /** `removed`: without characters that Dynamics refuses. */
  | { kind: 'value'; value: FieldValue; removed?: true }
  | { kind: 'nothing'; removed?: true }
  | { kind: 'wrong'; code: FailureCode; advice: string }

/** Marketo sends words and numbers for booleans, depending on the token and its encoding. */
const booleans: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['false', false],
  ['0', false],
  ['no', false],
])

const guid = /^\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?$/
const decimal = /^[+-]?(?:\d{1,32}(?:\.\d{0,32})?|\.\d{1,32})(?:e[+-]?\d{1,3})?$/i

const value = (made: FieldValue): Coerced => ({ kind: 'value', value: made })
export const wrong = (code: FailureCode, advice: string): Coerced => ({ kind: 'wrong', code, advice })

/**
 * Makes a Marketo value fit the type of a column; lengths, ranges and formats are validation's business.
 * A look-up becomes the bare id. Never throws.
 */
export function coerce(given: FieldValue, column: Column, inverted = false): Coerced {
  if (given === null) return value(null)
  if (isBlank(given)) return { kind: 'nothing' }
  const text = String(given).trim()
  switch (column.type) {
    case 'String':
    case 'Memo':
      return toText(String(given), column)
    case 'Integer':
    case 'BigInt':
      return toNumber(text, true)
    case 'Decimal':
    case 'Double':
    case 'Money':
      return toNumber(text, false)
    case 'Boolean':
      return toBoolean(text, column, inverted)
    case 'Picklist':
    case 'State':
    case 'Status':
      return toOption(given, column)
    case 'MultiSelectPicklist':
      return toChoices(given, column)
    case 'DateTime':
      return toDate(text, column)
    case 'Lookup':
    case 'Customer':
    case 'Uniqueidentifier':
      return toId(text)
    case 'Owner':
    case 'Other':
      return wrong(
        'mapping-invalid',
        `Remove ${column.logicalName} from the field selection: it cannot be mapped.`,
      )
    default:
      return column.type satisfies never
  }
}

/** On the wire an Edm.Date has no time; a column that only looks like a date may still be a date-time. */
export function isDateOnly(column: Column): boolean {
  return (column.behavior ?? column.format) === 'DateOnly'
}

function toText(given: string, column: Column): Coerced {
  const text = column.format === 'Email' ? cleanEmail(given) : withoutRefused(given)
  const removed = holdsRefused(given) && { removed: true as const }
  return isBlank(text) ? { kind: 'nothing', ...removed } : { kind: 'value', value: text, ...removed }
}

function toNumber(text: string, whole: boolean): Coerced {
  const made = decimal.test(text) ? Number(text) : Number.NaN
  if (!Number.isFinite(made)) return wrong('type-mismatch', 'Send a number without separators or units.')
  if (whole && !Number.isInteger(made)) return wrong('type-mismatch', 'Send a whole number.')
  if (whole && !Number.isSafeInteger(made)) return wrong('value-out-of-range', 'Send a number below 2^53.')
  return value(made === 0 ? 0 : made)
}

function toBoolean(text: string, column: Column, inverted: boolean): Coerced {
  const meant = optionsMeant(text, column.options ?? [])
  const made = booleans.get(text.toLowerCase()) ?? (meant.length === 1 ? meant[0] === 1 : undefined)
  return made === undefined
    ? wrong('type-mismatch', 'Send true or false, 1 or 0, yes or no, or a label of the column.')
    : value(made !== inverted)
}

/** A number is an option's number before it is a label; a text may be either. */
function toOption(given: string | number | boolean, column: Column): Coerced {
  const options = column.options ?? []
  const isNumber = options.some((one) => one.value === given)
  const [option, ...others] = isNumber ? [Number(given)] : optionsMeant(String(given), options)
  if (option === undefined) {
    return wrong('option-unknown', 'Use a choice of the column, by label or number, or add it in Dynamics.')
  }
  if (others.length > 0) {
    return wrong('option-ambiguous', 'Send the number of the choice, or give the choices different labels.')
  }
  return value(option)
}

/** Marketo's list of choices, by labels or numbers in any order; a list without elements empties the column. */
function toChoices(given: string | number | boolean, column: Column): Coerced {
  const choices: number[] = []
  for (const element of elementsOf(String(given))) {
    const choice = toOption(element, column)
    if (choice.kind !== 'value') return choice
    choices.push(Number(choice.value))
  }
  return value(choices.length === 0 ? null : writeChoices(choices))
}

function toDate(text: string, column: Column): Coerced {
  const date = isDateOnly(column) ? readDay(text) : readInstant(text)
  if (date !== undefined) return value(date)
  return wrong('type-mismatch', 'Send a date as yyyy-MM-dd, with a time as yyyy-MM-ddTHH:mm:ssZ.')
}

function toId(text: string): Coerced {
  const id = guid.exec(text.toLowerCase())?.[1]
  return id === undefined ? wrong('type-mismatch', 'Send the id (GUID) of the row in Dynamics.') : value(id)
}
