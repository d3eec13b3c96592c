import type { Organisation } from './organisation.ts'
import type { Payload } from './payload.ts'
import type { Row, Rows } from './rows.ts'
import {
  isLookup,
  isTableName,
  propertyName,
  requireTable,
  type Table,
  type TableName,
  type Value,
} from './table.ts'
import { checkValue } from './validate.ts'
import { createRow, updateRow } from './write.ts'

/** What a person in sales does by hand: same checks, look-ups by their column's name. */
export interface Human {
  seed(table: TableName, columns: Readonly<Record<string, unknown>>): string
  update(table: TableName, id: string, columns: Readonly<Record<string, unknown>>): void
  remove(table: TableName, id: string): void
  row(table: TableName, id: string): Readonly<Record<string, Value>> | undefined
  rows(table: TableName): readonly Readonly<Record<string, Value>>[]
}

export function humanOf(organisation: Organisation): Human {
  const { rows, ids } = organisation
  const existing = (table: TableName, id: string) => {
    const row = rows.get(table, id)
    if (!row) throw new Error(`the sandbox has no ${table} ${id}`)
    return row
  }
  return {
    seed(name, columns) {
      const table = requireTable(organisation.tables, name)
      return createRow(organisation, table, payloadOf(rows, table, columns), ids.salesPerson).id
    },
    update(name, id, columns) {
      const table = requireTable(organisation.tables, name)
      updateRow(organisation, table, existing(name, id), payloadOf(rows, table, columns), ids.salesPerson)
    },
    remove(name, id) {
      rows.remove(name, existing(name, id), ids.salesPerson)
    },
    row(name, id) {
      const row = rows.get(name, id)
      return row && plain(requireTable(organisation.tables, name), row)
    },
    rows(name) {
      const table = requireTable(organisation.tables, name)
      return Array.from(rows.all(name), (row) => plain(table, row))
    },
  }
}

/** Unlike a body over the wire it may set every column, read-only ones included: tests need merged and disabled rows. */
function payloadOf(rows: Rows, table: Table, columns: Readonly<Record<string, unknown>>): Payload {
  const payload: Payload = { values: new Map(), targets: new Map() }
  for (const [name, value] of Object.entries(columns)) {
    const column = table.columns.get(/^_(.+)_value$/.exec(name)?.[1] ?? name)
    if (!column) throw new Error(`the sandbox's ${table.name} has no column ${name}`)
    const checked = checkValue(table, column, value)
    payload.values.set(column.name, checked)
    const isThere = (name: string) => isTableName(name) && rows.get(name, String(checked)) !== undefined
    const target = column.targets?.find((candidate) => isThere(candidate.table)) ?? column.targets?.[0]
    if (isLookup(column) && target) payload.targets.set(column.name, target.table)
  }
  return payload
}

/** Property names as the Web API has them; empty columns are left out. */
function plain(table: Table, row: Row): Record<string, Value> {
  const shown: Record<string, Value> = {}
  for (const [name, value] of row.values) {
    const column = table.columns.get(name)
    if (column) shown[propertyName(column)] = value
  }
  return shown
}
