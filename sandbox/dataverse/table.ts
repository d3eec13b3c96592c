import { readFileSync } from 'node:fs'

export type Value = string | number | boolean | null
export const TABLE_NAMES = [
  'lead',
  'contact',
  'account',
  'systemuser',
  'team',
  'fieldsecurityprofile',
  'fieldpermission',
  'attributemaskingrule',
] as const
export type TableName = (typeof TABLE_NAMES)[number]

export const COLUMN_TYPES = [
  'String',
  'Memo',
  'Integer',
  'BigInt',
  'Decimal',
  'Double',
  'Money',
  'Boolean',
  'Picklist',
  'MultiSelectPicklist',
  'State',
  'Status',
  'DateTime',
  'Lookup',
  'Customer',
  'Owner',
  'Uniqueidentifier',
] as const
export type ColumnType = (typeof COLUMN_TYPES)[number]

export interface Option {
  value: number
  label: string
  /** Status only: the state this reason belongs to. */
  state?: number
}

export interface Target {
  table: string
  navigation: string
  entitySet: string
}

export interface Column {
  name: string
  schemaName: string
  type: ColumnType
  required: 'None' | 'Recommended' | 'ApplicationRequired' | 'SystemRequired'
  create: boolean
  update: boolean
  /** UTF-16 units, as nvarchar counts them. */
  maxLength?: number
  format?: string
  behavior?: 'UserLocal' | 'DateOnly' | 'TimeZoneIndependent'
  minValue?: number
  maxValue?: number
  precision?: number
  /** Of a Boolean: 0 and 1 with labels of the customer's own. */
  options?: readonly Option[]
  default?: Value
  /** Column security is on: who has no permission reads null, and may not write it. */
  secured?: boolean
  targets?: readonly Target[]
}

export interface AlternateKey {
  schemaName: string
  columns: readonly string[]
  /** Only an Active key resolves and enforces. */
  status: 'Pending' | 'InProgress' | 'Active' | 'Failed'
}

export interface Table {
  name: TableName
  schemaName: string
  entitySet: string
  primaryId: string
  primaryName: string
  objectTypeCode: number
  /** State to the status that a bare change of state sets. */
  defaultStatus: Readonly<Record<string, number>>
  columns: Map<string, Column>
  keys: AlternateKey[]
  changeTracking: boolean
}

export type Tables = ReadonlyMap<TableName, Table>

type TableData = Omit<Table, 'columns' | 'keys' | 'changeTracking'> & { columns: Column[] }

/** A fresh copy of the stock tables (NOTICE.md names where their columns come from). */
export function stockTables(): Tables {
  return new Map(
    TABLE_NAMES.map((name) => {
      const data: TableData = JSON.parse(
        readFileSync(new URL(`./${name}.data.json`, import.meta.url), 'utf8'),
      )
      const columns = new Map(data.columns.map((column) => [column.name, column]))
      const changeTracking = name === 'lead' || name === 'contact'
      return [name, { ...data, columns, keys: [], changeTracking }]
    }),
  )
}

/** How the database compares texts: without regard to case or to blanks at the end. */
export function collationKey(text: string): string {
  let end = text.length
  while (text[end - 1] === ' ') end -= 1
  return text.slice(0, end).toLowerCase()
}

export function isLookup(column: Column): boolean {
  return column.type === 'Lookup' || column.type === 'Customer' || column.type === 'Owner'
}

/** How the column is called in replies, $select and $filter. */
export function propertyName(column: Column): string {
  return isLookup(column) ? `_${column.name}_value` : column.name
}

export function columnOfProperty(table: Table, property: string): Column | undefined {
  const lookup = /^_(.+)_value$/.exec(property)?.[1]
  const column = table.columns.get(lookup ?? property)
  return column && isLookup(column) === (lookup !== undefined) ? column : undefined
}

export function tableOfSet(tables: Tables, entitySet: string): Table | undefined {
  for (const table of tables.values()) if (table.entitySet === entitySet) return table
  return undefined
}

export function requireTable(tables: Tables, name: TableName): Table {
  const table = tables.get(name)
  if (!table) throw new Error(`the sandbox has no table ${name}`)
  return table
}

export function isTableName(name: string): name is TableName {
  return TABLE_NAMES.some((known) => known === name)
}
