import { DataverseError, doesNotExist, keyDoesNotExist } from './errors.ts'
import type { Organisation } from './organisation.ts'
import type { RowKey } from './path.ts'
import type { Row } from './shelf.ts'
import { collationKey, columnOfProperty, type Table, type Value } from './table.ts'

/** Throws 404 when the row is not there, 400 when the key is no Active key of the table. */
export function findRow(organisation: Organisation, table: Table, key: RowKey): Row {
  const row = lookForRow(organisation, table, key)
  if (row) return row
  throw key.kind === 'id' ? doesNotExist(table.name, key.id) : keyDoesNotExist(table.name)
}

export function lookForRow(organisation: Organisation, table: Table, key: RowKey): Row | undefined {
  if (key.kind === 'id') return organisation.rows.get(table.name, key.id)
  const wanted = keyColumns(table, key.columns)
  for (const row of organisation.rows.all(table.name)) {
    if ([...wanted].every(([name, value]) => sameKeyValue(row.values.get(name), value))) return row
  }
  return undefined
}

/** Logical column names with the values of the URL, once they are known to be a usable key. */
export function keyColumns(table: Table, columns: ReadonlyMap<string, string>): Map<string, Value> {
  const named = new Map<string, Value>()
  for (const [property, literal] of columns) {
    const column = columnOfProperty(table, property)
    if (!column) throw notAKey(table)
    const numeric = column.type === 'Integer' || column.type === 'Picklist' || column.type === 'Decimal'
    named.set(column.name, numeric ? Number(literal) : literal)
  }
  const key = table.keys.find(
    (candidate) =>
      candidate.columns.length === named.size && candidate.columns.every((name) => named.has(name)),
  )
  if (key?.status !== 'Active') throw notAKey(table)
  return named
}

export function sameKeyValue(left: Value | undefined, right: Value | undefined): boolean {
  if (typeof left === 'string' && typeof right === 'string') return collationKey(left) === collationKey(right)
  return left === right
}

function notAKey(table: Table): DataverseError {
  return new DataverseError(
    400,
    '0x80060888',
    `The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.${table.name}'. Ensure that the names and number of key properties match the declared or alternate key properties for the resource.`,
  )
}
