import type { Column, TableDefinition } from '../dataverse/metadata.ts'
import type { Columns } from '../dataverse/records.ts'
import { isDateOnly } from './coercion.ts'
import { isPlausibleEmail } from './identity.ts'
import { dayOf, readInstant } from './instant.ts'
import type { FieldValue, RecordType } from './person.ts'
import type { Failure, FailureCode } from './problem.ts'
import type { FieldSelection } from './selection.ts'

type Flaw = { code: FailureCode; advice: string } | undefined

/** Source: Microsoft, "DateTimeAttributeMetadata" (MinSupportedValue). */
const firstDay = '1753-01-01'

/**
 * What Dynamics, its forms or its plug-ins would refuse in a new record, before the call is made.
 * Lenient where Dynamics is: a person refused here without need is a person lost.
 */
export function validate(
  columns: Columns,
  recordType: RecordType,
  selection: FieldSelection,
  table: TableDefinition,
): Failure[] {
  const failures: Failure[] = []
  const fail = (field: string, flaw: Flaw) => {
    if (flaw === undefined) return
    const source = selection.fields[recordType].find(
      (one) => one.column === field && one.direction !== 'to-marketo',
    )
    const marketo = source === undefined ? {} : { marketoField: source.marketo }
    failures.push({ code: flaw.code, field, ...marketo, advice: flaw.advice })
  }

  const present = new Set<string>()
  for (const [key, value] of Object.entries(columns)) {
    const column = columnOf(key, table)
    if (value !== null) present.add(column?.logicalName ?? key)
    fail(
      column?.logicalName ?? key,
      column === undefined ? noSuchColumn : flawOf(key, value, column, columns),
    )
  }
  for (const column of table.columns.values()) {
    if (isDemanded(column) && !present.has(column.logicalName)) fail(column.logicalName, empty)
  }
  return failures
}

/**
 * Dynamics' API lets ApplicationRequired columns be empty; its forms and the native sync do not (LD-5).
 * Never demanded: what Dynamics fills by itself, and a choice of which it is not known that it has no default.
 */
export function isDemanded(column: Column): boolean {
  if (column.requiredLevel !== 'ApplicationRequired' && column.requiredLevel !== 'SystemRequired')
    return false
  if (!column.validForCreate) return false
  switch (column.type) {
    case 'String':
    case 'Memo':
    case 'Integer':
    case 'Decimal':
    case 'Double':
    case 'Money':
    case 'DateTime':
    case 'Lookup':
    case 'Customer':
      return true
    case 'Picklist':
      return column.hasDefault === false
    case 'BigInt':
    case 'Boolean':
    case 'State':
    case 'Status':
    case 'Owner':
    case 'Uniqueidentifier':
    case 'Other':
      return false
    default:
      return column.type satisfies never
  }
}

const empty: Flaw = {
  code: 'field-required',
  advice: 'Fill the field in Marketo, or give the column a default in the field selection.',
}
const noSuchColumn: Flaw = {
  code: 'mapping-invalid',
  advice: 'Remove the column from the request: the table in Dynamics does not have it.',
}
const guid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const binding = /^\/?[a-z][a-z0-9_]*\([^()]+\)$/i
const mismatch = (advice: string): Flaw => ({ code: 'type-mismatch', advice })

function columnOf(key: string, table: TableDefinition): Column | undefined {
  const navigation = key.endsWith('@odata.bind') ? key.slice(0, -'@odata.bind'.length) : undefined
  if (navigation === undefined) return table.columns.get(key)
  return [...table.columns.values()].find((column) => {
    return column.targets?.some((target) => target.navigationProperty === navigation)
  })
}

function flawOf(key: string, value: FieldValue, column: Column, columns: Columns): Flaw {
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
      return optionFlaw(value, column, columns)
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

function optionFlaw(value: FieldValue, column: Column, columns: Columns): Flaw {
  if (typeof value !== 'number') return mismatch('Send the number of a choice.')
  const option = column.options?.find((one) => one.value === value)
  if (option === undefined) {
    return { code: 'option-unknown', advice: 'Use a choice of the column, or add it in Dynamics.' }
  }
  const state = columns.statecode ?? 0
  return column.type === 'Status' && option.state !== undefined && option.state !== state
    ? { code: 'state-invalid', advice: 'Send a status reason that belongs to the status of the record.' }
    : undefined
}

function dateFlaw(value: FieldValue, column: Column): Flaw {
  const instant = typeof value === 'string' ? readInstant(value) : undefined
  if (instant === undefined) return mismatch('Send a date.')
  if (value !== (isDateOnly(column) ? dayOf(instant) : instant)) {
    return mismatch(isDateOnly(column) ? 'Send yyyy-MM-dd.' : 'Send yyyy-MM-ddTHH:mm:ssZ.')
  }
  return dayOf(instant) < firstDay
    ? { code: 'value-out-of-range', advice: 'Send a date from 1753-01-01 on: Dynamics keeps none before.' }
    : undefined
}
