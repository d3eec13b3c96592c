import type { Column } from '../dataverse/columns.ts'
import type { Columns } from '../dataverse/records.ts'
import { flawOf } from './flaw.ts'
import { isLookup } from './pair.ts'
import type { FieldValue, RecordType, Values } from './person.ts'
import type { FailureCode, LeftOut } from './problem.ts'
import type { RequiredColumns } from './selection.ts'
import type { SyncField } from './sync-field.ts'
import type { SyncSchema } from './sync-schema.ts'
import { valueIn } from './sync-values.ts'
import { isRequired } from './validation.ts'
import { toColumnValue } from './value-map.ts'

/** A PATCH of an existing row, and what Dynamics would refuse of it. */
export interface ColumnChanges {
  columns: Columns
  /** The values that are in `columns`. */
  sent: Values
  left: LeftOut[]
}

/**
 * Values in normal form as the columns of an update: null empties a column, nothing is filled by default. Fields
 * that do not travel to Dynamics are passed over; a value that Dynamics would refuse is left out, the rest goes.
 */
export function toColumnChanges(values: Values, recordType: RecordType, schema: SyncSchema): ColumnChanges {
  const columns: Record<string, FieldValue> = {}
  const sent: Record<string, FieldValue> = {}
  const left: LeftOut[] = []
  for (const field of schema.fields[recordType]) {
    const value = valueIn(values, field.marketo)
    if (value === undefined || field.direction === 'to-marketo' || field.column === undefined) continue
    const change = toChange(value, field, field.column, schema.requiredColumns)
    if ('code' in change) {
      left.push({ side: 'dynamics', field: field.column.logicalName, marketoField: field.marketo, ...change })
    } else {
      columns[change.key] = change.value
      sent[field.marketo] = value
    }
  }
  return { columns, sent, left }
}

type Change = { key: string; value: FieldValue } | { code: FailureCode; advice: string }

function toChange(
  given: FieldValue,
  field: SyncField,
  column: Column,
  requiredColumns: RequiredColumns | undefined,
): Change {
  const key = field.target ? `${field.target.navigationProperty}@odata.bind` : column.logicalName
  if (given === null) {
    return isRequired(column, requiredColumns)
      ? { code: 'field-required', advice: required }
      : { key, value: null }
  }
  const coerced = toColumnValue(given, { ...field, column })
  if (coerced.kind === 'wrong') return { code: coerced.code, advice: coerced.advice }
  if (coerced.kind === 'nothing' || coerced.value === null) return { key, value: null }
  const value =
    field.target && isLookup(column) ? `/${field.target.entitySet}(${coerced.value})` : coerced.value
  // What state the row is in when the update arrives is not known here.
  return flawOf(key, value, column, undefined) ?? { key, value }
}

const required = 'Fill the field in Marketo: Dynamics does not allow it to be empty.'
