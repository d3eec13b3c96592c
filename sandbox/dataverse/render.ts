import { unknownProperty } from './errors.ts'
import { booleanLabel } from './metadata-attribute.ts'
import { masked, type Sight } from './security.ts'
import type { Row } from './shelf.ts'
import { type Column, columnOfProperty, isLookup, propertyName, type Table, type Value } from './table.ts'

export interface Selection {
  columns: ReadonlySet<Column>
  /** As asked, for the context URL. */
  asked: readonly string[]
  /** What the caller sees of a column; absent: everything. */
  sight?: (table: Table, column: Column) => Sight
}

/** Throws 400 for a property that the table does not have. Without $select everything is returned. */
export function parseSelect(
  table: Table,
  select: string | undefined,
  sight: Selection['sight'] = () => 'shown',
): Selection {
  if (select === undefined || select.trim() === '')
    return { columns: new Set(table.columns.values()), asked: [], sight }
  const asked = select.split(',').map((name) => name.trim())
  const columns = new Set<Column>()
  const add = (name: string) => {
    const column = table.columns.get(name)
    if (column) columns.add(column)
  }
  add(table.primaryId)
  for (const name of asked) {
    const column = columnOfProperty(table, name)
    if (!column) throw unknownProperty(name, table.name)
    columns.add(column)
    // Recorded replies carry these two although nobody asked for them.
    if (column.type === 'Money') add('transactioncurrencyid')
    const block = /^(address[123])_(line[123]|city|stateorprovince|postalcode|country)$/.exec(column.name)
    if (block) add(`${block[1]}_composite`)
  }
  return { columns, asked, sight }
}

export function renderRow(
  table: Table,
  row: Row,
  selection: Selection,
  annotations: readonly string[] = [],
): Record<string, unknown> {
  const out: Record<string, unknown> = { '@odata.etag': etagOf(row) }
  // The table's own order, never that of $select; empty columns are explicit nulls.
  for (const column of table.columns.values()) {
    if (!selection.columns.has(column)) continue
    const property = propertyName(column)
    const held = row.values.get(column.name) ?? null
    const value = seen(held, selection.sight?.(table, column))
    if (value !== null && annotations.length > 0) annotate(out, column, property, value, row, annotations)
    out[property] = value
  }
  return out
}

export function seen(value: Value, sight: Sight = 'shown'): Value {
  if (sight === 'masked') return masked(value)
  return sight === 'hidden' ? null : value
}

export function etagOf(row: Row): string {
  return `W/"${row.etag}"`
}

/** On a list, when asked for. "Cache schema data". */
export function versionNote(
  { metadataVersion }: { metadataVersion: number },
  wanted: readonly string[],
): Record<string, unknown> {
  const name = 'Microsoft.Dynamics.CRM.globalmetadataversion'
  const asked = wanted.some((one) => (one.endsWith('*') ? name.startsWith(one.slice(0, -1)) : one === name))
  return asked ? { [`@${name}`]: String(metadataVersion) } : {}
}

/** The annotation names of a Prefer header; `*` at the end of one matches any rest. */
export function parseAnnotations(preference: string | undefined): string[] {
  return preference === undefined ? [] : preference.split(',').map((name) => name.trim())
}

function annotate(
  out: Record<string, unknown>,
  column: Column,
  property: string,
  value: Value,
  row: Row,
  wanted: readonly string[],
): void {
  const put = (name: string, text: string | undefined) => {
    const asked = wanted.some((w) => (w.endsWith('*') ? name.startsWith(w.slice(0, -1)) : w === name))
    if (asked && text !== undefined) out[`${property}@${name}`] = text
  }
  put('OData.Community.Display.V1.FormattedValue', formatted(column, value))
  if (!isLookup(column)) return
  const table = row.targets.get(column.name) ?? column.targets?.[0]?.table
  const target = column.targets?.find((candidate) => candidate.table === table)
  put('Microsoft.Dynamics.CRM.associatednavigationproperty', target?.navigation)
  put('Microsoft.Dynamics.CRM.lookuplogicalname', table)
}

function formatted(column: Column, value: Value): string | undefined {
  if (column.type === 'Boolean') return booleanLabel(column, value === true)
  const labelOf = (choice: Value) => column.options?.find((option) => option.value === choice)?.label
  if (column.type === 'MultiSelectPicklist') {
    return String(value)
      .split(',')
      .map((choice) => labelOf(Number(choice)))
      .join('; ')
  }
  if (column.options) return labelOf(value)
  if (column.type === 'Integer') return Number(value).toLocaleString('en-US')
  if (column.type === 'Money')
    return Number(value).toLocaleString('en-US', { style: 'currency', currency: 'USD' })
  return undefined
}
