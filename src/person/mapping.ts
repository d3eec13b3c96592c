import type { Column, TableDefinition } from '../dataverse/metadata.ts'
import type { Columns } from '../dataverse/records.ts'
import { coerce, isDateOnly } from './coercion.ts'
import type { MarketoType } from './fields.ts'
import { dayOf, readInstant } from './instant.ts'
import { textOfOption } from './option.ts'
import type { FieldValue, Person, RecordType } from './person.ts'
import type { Problem, SetAside } from './problem.ts'
import { isBlank } from './read-person.ts'
import type { FieldSelection, SelectedField } from './selection.ts'

/** What a person becomes: the columns to create the record with, and what did not make it into them. */
export interface Mapped {
  columns: Columns
  problems: Problem[]
}

/**
 * The columns of a new record. A field that was not said is not sent; null is. A field that is `on-create` speaks
 * only where its column is still empty, and the selection's defaults only after all fields.
 */
export function toColumns(
  person: Person,
  recordType: RecordType,
  selection: FieldSelection,
  table: TableDefinition,
): Mapped {
  const columns: Record<string, FieldValue> = {}
  const problems: Problem[] = []
  const filled = new Set<string>()
  const put = (field: SelectedField, given: FieldValue | undefined, isDefault: boolean) => {
    if (given === undefined || isBlank(given)) return
    const made = toColumn(field, given, table, isDefault)
    if ('problem' in made) problems.push(made.problem)
    else if ('key' in made) {
      columns[made.key] = made.value
      if (made.value !== null) filled.add(field.column)
    }
  }

  const fields = selection.fields[recordType]
  for (const field of fields) {
    if (field.direction === 'both' || field.direction === 'to-dynamics')
      put(field, said(person, field), false)
  }
  for (const field of fields) {
    if (field.direction === 'on-create' && !filled.has(field.column)) put(field, said(person, field), false)
  }
  for (const [column, given] of Object.entries(selection.defaults[recordType])) {
    if (!filled.has(column)) put(asField(column), given, true)
  }
  return { columns, problems }
}

/**
 * What Marketo should hold, from a row as Dataverse returns it (look-ups as `_column_value`).
 * A field that is `both` over a pair of types that loses something on the way is left out: it is one-way.
 */
export function toFields(
  row: Readonly<Record<string, unknown>>,
  recordType: RecordType,
  selection: FieldSelection,
  table: TableDefinition,
): Record<string, FieldValue> {
  const fields: Record<string, FieldValue> = {}
  for (const field of selection.fields[recordType]) {
    const column = table.columns.get(field.column)
    if (column === undefined || field.direction === 'to-dynamics' || field.direction === 'on-create') continue
    if (field.direction === 'both' && !isReversible(field.type, column)) continue
    const key = isLookup(column) || column.type === 'Owner' ? `_${field.column}_value` : field.column
    const read = toField(row[key], column, field)
    if (read !== undefined) fields[field.marketo] = read
  }
  return fields
}

const texts: readonly MarketoType[] = ['string', 'text', 'email', 'phone', 'url']
const wholes: readonly MarketoType[] = ['integer', 'score', 'percent']
const reals: readonly MarketoType[] = ['float', 'currency']

/** Whether every value of the Marketo type comes back from the column as it went. */
export function isReversible(type: MarketoType, column: Column): boolean {
  switch (column.type) {
    case 'String':
    case 'Memo':
      return texts.includes(type)
    case 'Integer':
    case 'BigInt':
      return wholes.includes(type)
    case 'Decimal':
    case 'Double':
    case 'Money':
      return reals.includes(type)
    case 'Boolean':
      return type === 'boolean'
    case 'Picklist':
    case 'State':
    case 'Status':
      return type === 'string' || type === 'text' || type === 'integer'
    case 'DateTime':
      return type === 'date' || (type === 'datetime' && !isDateOnly(column))
    case 'Lookup':
    case 'Customer':
    case 'Uniqueidentifier':
      return type === 'string' || type === 'text'
    case 'Owner':
    case 'Other':
      return false
    default:
      return column.type satisfies never
  }
}

function toField(raw: unknown, column: Column, field: SelectedField): FieldValue | undefined {
  if (raw === null) return null
  if (typeof raw === 'boolean') {
    if (field.type === 'boolean') return raw !== field.inverted
    return texts.includes(field.type) ? String(raw) : undefined
  }
  if (typeof raw === 'number') {
    if (wholes.includes(field.type)) return Number.isInteger(raw) ? raw : undefined
    if (reals.includes(field.type)) return raw
    return texts.includes(field.type) ? textOfOption(raw, column.options ?? []) : undefined
  }
  if (typeof raw !== 'string') return undefined
  if (field.type === 'date' || field.type === 'datetime') {
    const instant = readInstant(raw)
    return instant !== undefined && field.type === 'date' ? dayOf(instant) : instant
  }
  return texts.includes(field.type) ? raw : undefined
}

type Made = { key: string; value: FieldValue } | { problem: Problem } | { nothing: true }

function toColumn(field: SelectedField, given: FieldValue, table: TableDefinition, isDefault: boolean): Made {
  const column = table.columns.get(field.column)
  const names = { field: field.column, ...(isDefault ? {} : { marketoField: field.marketo }) }
  const setAside = (code: SetAside['code'], advice: string): Made => ({
    problem: { severity: 'set-aside', code, ...names, advice },
  })
  const isWritable = column?.validForCreate && column.type !== 'Owner' && column.type !== 'Other'
  if (given === null && (!isWritable || isLookup(column))) return { nothing: true }
  if (column === undefined) {
    return setAside('column-missing', `Add ${field.column} to the table in Dynamics, or exclude the field.`)
  }
  if (!column.validForCreate) {
    return setAside('column-read-only', `Make the field to-marketo: ${field.column} cannot be set on create.`)
  }
  if (!isWritable) {
    return setAside('column-unsupported', `Exclude the field: the type of ${field.column} is not mapped.`)
  }
  const coerced = coerce(given, column, field.inverted)
  if (coerced.kind === 'nothing') return { nothing: true }
  if (coerced.kind === 'wrong') {
    const { code, advice } = coerced
    return isDefault
      ? setAside(
          'default-invalid',
          `Correct the default of ${field.column} in the field selection. ${advice}`,
        )
      : { problem: { severity: 'refused', code, ...names, advice } }
  }
  if (!isLookup(column)) return { key: field.column, value: coerced.value }

  const targets = column.targets ?? []
  const chosen = field.target === undefined ? targets : targets.filter((one) => one.table === field.target)
  const [target] = chosen
  if (target === undefined || chosen.length > 1) {
    return setAside('lookup-target-unclear', `Name the table that ${field.column} points to as "target".`)
  }
  return { key: `${target.navigationProperty}@odata.bind`, value: `/${target.entitySet}(${coerced.value})` }
}

function isLookup(column: Column): boolean {
  return column.type === 'Lookup' || column.type === 'Customer'
}

function said(person: Person, field: SelectedField): FieldValue | undefined {
  if (Object.hasOwn(person.fields, field.marketo)) return person.fields[field.marketo]
  if (field.marketo === 'email') return person.email
  return field.marketo === 'id' ? person.marketoId : undefined
}

/** A default has no field of its own: it goes through the same gate under the name of its column. */
function asField(column: string): SelectedField {
  return { marketo: column, type: 'string', column, direction: 'on-create', inverted: false }
}
