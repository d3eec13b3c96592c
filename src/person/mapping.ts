import type { TableDefinition } from '../dataverse/columns.ts'
import type { Columns } from '../dataverse/records.ts'
import { isLookup, targetOf } from './pair.ts'
import type { FieldValue, Person, RecordType } from './person.ts'
import type { Problem, SetAside } from './problem.ts'
import { isBlank } from './read-person.ts'
import { securedAdvice } from './secured.ts'
import type { FieldSelection, SelectedField } from './selection.ts'
import { toColumnValue } from './value-map.ts'

/** What a person becomes: the columns to create the record with, and what did not make it into them. */
export interface Mapped {
  columns: Columns
  problems: Problem[]
  /** Marketo REST name of the field that fills a column, by logical name; what a default fills is not in it. */
  sources: ReadonlyMap<string, string>
}

/**
 * The columns of a new record. A field that was not said is not sent; null is. A field that is `on-create` speaks
 * only where its column is still empty, and the selection's defaults only after all fields. What is in `without`,
 * by REST name, counts as not said.
 */
export function toColumns(
  person: Person,
  recordType: RecordType,
  selection: FieldSelection,
  table: TableDefinition,
  without: ReadonlySet<string> = new Set(),
): Mapped {
  const columns: Record<string, FieldValue> = {}
  const problems: Problem[] = []
  const filled = new Set<string>()
  const sources = new Map<string, string>()
  const put = (field: SelectedField, given: FieldValue | undefined, isDefault: boolean) => {
    if (given === undefined || isBlank(given) || (!isDefault && without.has(field.marketo))) return
    const made = toColumn(field, given, table, isDefault)
    if ('problem' in made && made.problem) problems.push(made.problem)
    if ('key' in made) {
      columns[made.key] = made.value
      if (!isDefault) sources.set(field.column, field.marketo)
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
  return { columns, problems, sources }
}

type Made = { key: string; value: FieldValue; problem?: Problem } | { problem: Problem } | { nothing: true }

function toColumn(field: SelectedField, given: FieldValue, table: TableDefinition, isDefault: boolean): Made {
  const column = table.columns.get(field.column)
  const names = { field: field.column, ...(isDefault ? {} : { marketoField: field.marketo }) }
  const setAside = (code: SetAside['code'], advice: string): Made => ({
    problem: { severity: 'set-aside', code, ...names, advice },
  })
  const isOpen = column?.secured === undefined || column.secured.create
  const isWritable = isOpen && column?.validForCreate && column.type !== 'Owner' && column.type !== 'Other'
  if (given === null && (!isWritable || isLookup(column))) return { nothing: true }
  if (column === undefined) {
    return setAside('column-missing', `Add ${field.column} to the table in Dynamics, or exclude the field.`)
  }
  if (!column.validForCreate) {
    return setAside('column-read-only', `Make the field to-marketo: ${field.column} cannot be set on create.`)
  }
  if (!isOpen) return setAside('column-secured', securedAdvice(field.column))
  if (!isWritable) {
    return setAside('column-unsupported', `Exclude the field: the type of ${field.column} is not mapped.`)
  }
  const coerced = toColumnValue(given, { ...field, column })
  const altered = coerced.kind !== 'wrong' && coerced.removed && charactersRemoved(names)
  if (coerced.kind === 'nothing') return altered ? { problem: altered } : { nothing: true }
  if (coerced.kind === 'wrong') {
    const { code, advice } = coerced
    return isDefault
      ? setAside(
          'default-invalid',
          `Correct the default of ${field.column} in the field selection. ${advice}`,
        )
      : { problem: { severity: 'refused', code, ...names, advice } }
  }
  if (!isLookup(column)) {
    return { key: field.column, value: coerced.value, ...(altered && { problem: altered }) }
  }

  const target = targetOf(field.target, column)
  if (target === undefined) {
    return setAside('lookup-target-unclear', `Name the table that ${field.column} points to as "target".`)
  }
  return { key: `${target.navigationProperty}@odata.bind`, value: `/${target.entitySet}(${coerced.value})` }
}

function charactersRemoved(names: { field: string; marketoField?: string }): Problem {
  const advice =
    'Control characters, which Dynamics refuses, were removed from this value. Find what writes them into the field in Marketo, such as an import or a form.'
  return { severity: 'altered', code: 'characters-removed', ...names, advice }
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
