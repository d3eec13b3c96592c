import type { Column, TableDefinition } from '../dataverse/columns.ts'
import type { Columns } from '../dataverse/records.ts'
import { type Flaw, flawOf } from './flaw.ts'
import type { RecordType } from './person.ts'
import type { Failure } from './problem.ts'
import type { FieldSelection, RequiredColumns } from './selection.ts'

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

  // A new record is open unless it says otherwise.
  const stateCode = Number(columns.statecode ?? 0)
  const present = new Set<string>()
  for (const [key, value] of Object.entries(columns)) {
    const column = columnOf(key, table)
    if (value !== null) present.add(column?.logicalName ?? key)
    fail(
      column?.logicalName ?? key,
      column === undefined ? noSuchColumn : flawOf(key, value, column, stateCode),
    )
  }
  for (const column of table.columns.values()) {
    // What we may not set is for an administrator to open, not for the person to fill.
    if (column.secured?.create === false) continue
    if (isDemanded(column, selection.requiredColumns) && !present.has(column.logicalName))
      fail(column.logicalName, empty)
  }
  return failures
}

/** Dynamics' API lets ApplicationRequired columns be empty; its forms and the native sync do not (LD-5). */
export function isRequired({ requiredLevel }: Column, required: RequiredColumns = 'form'): boolean {
  return (
    requiredLevel === 'SystemRequired' || (requiredLevel === 'ApplicationRequired' && required === 'form')
  )
}

/**
 * Whether a new record must say something of the column.
 * Never demanded: what Dynamics fills by itself, and a choice of which it is not known that it has no default.
 */
export function isDemanded(column: Column, required?: RequiredColumns): boolean {
  if (!isRequired(column, required)) return false
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
    case 'MultiSelectPicklist':
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
function columnOf(key: string, table: TableDefinition): Column | undefined {
  const navigation = key.endsWith('@odata.bind') ? key.slice(0, -'@odata.bind'.length) : undefined
  if (navigation === undefined) return table.columns.get(key)
  return [...table.columns.values()].find((column) => {
    return column.targets?.some((target) => target.navigationProperty === navigation)
  })
}
