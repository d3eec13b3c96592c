import type { Organisation } from './organisation.ts'
import { type AlternateKey, type Column, type ColumnType, requireTable, type TableName } from './table.ts'

/** What a customizer does while integrations run. Whatever touches the columns makes delta tokens of the table void. */
export interface Schema {
  /**
   * Adds a column (a text of 100), or changes one. A column of another type is another column: what the rows
   * hold in it is gone, as it is with `remove`.
   */
  changeColumn(table: TableName, logicalName: string, change: Partial<Column> & { remove?: boolean }): void
  /** The rows keep what they hold, under the new name. */
  renameColumn(table: TableName, from: string, to: string): void
  /** A new label for the option's value, a new option, or (no label) its removal; rows that hold it keep it. */
  changeOption(table: TableName, column: string, value: number, label: string | undefined): void
  setChangeTracking(table: TableName, on: boolean): void
  /** As if the table's delta tokens had grown too old. */
  expireTokens(table: TableName): void
  /** Alternate keys of a table, replacing those it has. */
  setKeys(table: TableName, keys: readonly AlternateKey[]): void
}

export function schemaOf(organisation: Organisation): Schema {
  const tableOf = (name: TableName) => requireTable(organisation.tables, name)
  const { rows } = organisation
  const changed = (table: TableName) => {
    rows.expireTokens(table)
    organisation.metadataVersion += 1
  }
  /** Those in the recycle bin, too. */
  const kept = (table: TableName) => [...rows.all(table), ...rows.shelf(table).bin.values()]
  return {
    changeColumn(table, name, { remove, ...change }) {
      const { columns } = tableOf(table)
      const known = columns.get(name)
      const { type = known?.type ?? 'String' } = change
      const isOther = type !== known?.type
      if (remove || isOther) for (const row of kept(table)) row.values.delete(name)
      if (remove) columns.delete(name)
      else columns.set(name, { ...(isOther ? fresh(name, type) : known), ...change, name })
      changed(table)
    },
    renameColumn(table, from, to) {
      const { columns } = tableOf(table)
      const column = existing(columns, table, from)
      if (columns.has(to)) throw new Error(`the sandbox's ${table} has a column ${to}`)
      columns.delete(from)
      columns.set(to, { ...column, name: to, schemaName: to })
      for (const row of kept(table)) {
        const value = row.values.get(from)
        if (value !== undefined) row.values.set(to, value).delete(from)
      }
      changed(table)
    },
    changeOption(table, name, value, label) {
      const { columns } = tableOf(table)
      const column = existing(columns, table, name)
      if (!column.options) throw new Error(`the sandbox's ${table}.${name} has no options`)
      const known = column.options.find((option) => option.value === value)
      if (!known && label === undefined)
        throw new Error(`the sandbox's ${table}.${name} has no option ${value}`)
      const others = column.options.filter((option) => option !== known)
      const options = label === undefined ? others : [...others, { ...known, value, label }]
      columns.set(name, { ...column, options: options.sort((a, b) => a.value - b.value) })
      changed(table)
    },
    setChangeTracking(table, on) {
      tableOf(table).changeTracking = on
    },
    expireTokens: (table) => rows.expireTokens(table),
    setKeys(table, keys) {
      tableOf(table).keys = [...keys]
    },
  }
}

function existing(columns: ReadonlyMap<string, Column>, table: TableName, name: string): Column {
  const column = columns.get(name)
  if (!column) throw new Error(`the sandbox's ${table} has no column ${name}`)
  return column
}

function fresh(name: string, type: ColumnType): Column {
  const column: Column = { name, schemaName: name, type, required: 'None', create: true, update: true }
  if (type === 'String' || type === 'Memo') return { ...column, maxLength: 100, format: 'Text' }
  if (type === 'Picklist' || type === 'MultiSelectPicklist') return { ...column, options: [] }
  return type === 'DateTime' ? { ...column, format: 'DateAndTime', behavior: 'UserLocal' } : column
}
