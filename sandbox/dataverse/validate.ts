import { DataverseError, payloadError } from './errors.ts'
import { isGuid } from './path.ts'
import type { Column, Table, Value } from './table.ts'

/** Checks one value of a body against its column. Returns what is stored; an empty string is stored as null. */
export function checkValue(table: Table, column: Column, value: unknown): Value {
  if (value === null) return null
  switch (column.type) {
    case 'String':
    case 'Memo':
      return checkText(table, column, value)
    case 'Boolean':
      if (typeof value !== 'boolean') throw wrongType(table, value, 'Edm.Boolean')
      return value
    case 'Picklist':
    case 'State':
    case 'Status':
      return checkOption(table, column, value)
    case 'MultiSelectPicklist':
      return checkChoices(table, column, value)
    case 'Integer':
    case 'BigInt':
      if (typeof value !== 'number' || !Number.isInteger(value)) throw wrongType(table, value, 'Edm.Int32')
      return checkRange(table, column, value)
    case 'Decimal':
    case 'Double':
    case 'Money':
      if (typeof value !== 'number') throw wrongType(table, value, 'Edm.Decimal')
      return rounded(checkRange(table, column, value), column)
    case 'DateTime':
      return checkDate(table, column, value)
    case 'Uniqueidentifier':
    case 'Lookup':
    case 'Customer':
    case 'Owner':
      if (typeof value !== 'string' || !isGuid(value)) throw wrongType(table, value, 'Edm.Guid')
      return value.toLowerCase()
    default:
      return column.type satisfies never
  }
}

function checkText(table: Table, column: Column, value: unknown): Value {
  if (typeof value !== 'string') throw wrongType(table, value, 'Edm.String')
  if (column.maxLength !== undefined && value.length > column.maxLength) {
    throw new DataverseError(
      400,
      '0x80044331',
      `A validation error occurred.  The length of the '${column.name}' attribute of the '${table.name}' entity exceeded the maximum allowed length of '${column.maxLength}'.`,
    )
  }
  if (INVALID_CHARACTERS.test(value)) {
    const message = `The field '${column.name}' contains one or more invalid characters.`
    throw new DataverseError(400, '0x80040278', message)
  }
  return value === '' ? null : value
}

/** XML 1.0 has no place for them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const INVALID_CHARACTERS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/

function checkOption(table: Table, column: Column, value: unknown): Value {
  if (typeof value !== 'number' || !Number.isInteger(value)) throw wrongType(table, value, 'Edm.Int32')
  const accepted = (column.options ?? []).map((option) => option.value)
  if (!accepted.includes(value)) {
    throw new DataverseError(
      400,
      '0x8004431a',
      `A validation error occurred. The value ${value} of '${column.name}' on record of type '${table.name}' is outside the valid range. Accepted Values: ${accepted.join(',')}`,
    )
  }
  return value
}

/** Source: Microsoft Learn, "Use choices columns to store multiple options". */
const CHOICES_MAX = 150

/** Numbers in a text, separated by commas, in any order; the database keeps each once. */
function checkChoices(table: Table, column: Column, value: unknown): Value {
  if (typeof value !== 'string') throw wrongType(table, value, 'Edm.String')
  if (value.trim() === '') return null
  const choices = value.split(',').map((choice) => {
    if (!/^\s*-?\d{1,10}\s*$/.test(choice)) throw wrongType(table, value, 'Edm.String')
    return Number(checkOption(table, column, Number(choice)))
  })
  if (new Set(choices).size > CHOICES_MAX) {
    throw new DataverseError(
      400,
      '0x80050222',
      `Number of selections for MultiSelectPicklist Attribute Type exceeded maximum limit: ${CHOICES_MAX}.`,
    )
  }
  return [...new Set(choices)].sort((a, b) => a - b).join(',')
}

/** What is beyond the column's precision is not kept. */
function rounded(value: number, { precision = 2 }: Column): Value {
  // toFixed writes larger numbers with an exponent; they have no decimal places.
  return Math.abs(value) < 1e21 ? Number(value.toFixed(precision)) : value
}

const RANGE_CODES: Partial<Record<Column['type'], string>> = { Integer: '0x8004432f', Decimal: '0x80044330' }

function checkRange(table: Table, column: Column, value: number): number {
  const { minValue = Number.NEGATIVE_INFINITY, maxValue = Number.POSITIVE_INFINITY } = column
  if (value < minValue || value > maxValue) {
    throw new DataverseError(
      400,
      RANGE_CODES[column.type] ?? '0x80044330',
      `A validation error occurred. The value of '${column.name}' on record of type '${table.name}' is outside the valid range.`,
    )
  }
  return value
}

const DATE = /^\d{4}-\d{2}-\d{2}$/
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/

function checkDate(table: Table, column: Column, value: unknown): Value {
  const dateOnly = column.behavior === 'DateOnly'
  const edm = dateOnly ? 'Edm.Date' : 'Edm.DateTimeOffset'
  if (typeof value !== 'string' || !(dateOnly ? DATE : DATE_TIME).test(value))
    throw wrongType(table, value, edm)
  const time = Date.parse(value)
  if (Number.isNaN(time)) throw wrongType(table, value, edm)
  return dateOnly ? value : wholeSeconds(time)
}

/** Dataverse keeps whole seconds, so two rows of one burst look equally old. */
export function wholeSeconds(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, 'Z')
}

function wrongType(table: Table, value: unknown, edm: string): DataverseError {
  return payloadError(
    table.entitySet,
    `Cannot convert the literal '${String(value).slice(0, 40)}' to the expected type '${edm}'.`,
  )
}

/** State and status as they will be after the write; a bare change of state takes that state's default status. */
export function settleState(
  table: Table,
  current: ReadonlyMap<string, Value>,
  written: Map<string, Value>,
): void {
  const status = table.columns.get('statuscode')
  if (!status || !(written.has('statecode') || written.has('statuscode'))) return
  const state = written.get('statecode') ?? current.get('statecode') ?? 0
  const reason = written.get('statuscode') ?? defaultStatus(table, state, current, written)
  const belongs = status.options?.some((option) => option.value === reason && option.state === state)
  if (!belongs) {
    throw new DataverseError(
      400,
      '0x80048408',
      `${reason} is not a valid status code for state code ${state} on ${table.name}.`,
    )
  }
  written.set('statecode', state)
  written.set('statuscode', reason)
}

function defaultStatus(
  table: Table,
  state: Value,
  current: ReadonlyMap<string, Value>,
  written: ReadonlyMap<string, Value>,
): Value {
  if (written.get('statecode') === current.get('statecode')) return current.get('statuscode') ?? null
  return table.defaultStatus[String(state)] ?? null
}
