import type { Comparison, Filter, TextTest } from './filter.ts'
import type { Rows } from './rows.ts'
import type { Row } from './shelf.ts'
import { type Column, collationKey, type Table, type Value } from './table.ts'

/** The rows that meet the filter. An indexed equality anywhere in a conjunction avoids the scan. */
export function* matching(rows: Rows, table: Table, filter: Filter | undefined): Iterable<Row> {
  const ids = filter && candidates(rows, table, filter)
  if (!ids) {
    for (const row of rows.all(table.name)) if (!filter || meets(row, filter)) yield row
    return
  }
  for (const id of ids) {
    const row = rows.get(table.name, id)
    if (row && filter && meets(row, filter)) yield row
  }
}

/** undefined = any row may match. */
export function candidates(rows: Rows, table: Table, filter: Filter): ReadonlySet<string> | undefined {
  switch (filter.kind) {
    case 'compare':
      return filter.operator === 'eq' ? indexed(rows, table, filter.column, [filter.value]) : undefined
    case 'in':
      return indexed(rows, table, filter.column, filter.values)
    case 'and': {
      const left = candidates(rows, table, filter.left)
      const right = candidates(rows, table, filter.right)
      if (left && right) return left.size <= right.size ? left : right
      return left ?? right
    }
    case 'or': {
      const left = candidates(rows, table, filter.left)
      const right = candidates(rows, table, filter.right)
      return left && right ? new Set([...left, ...right]) : undefined
    }
    case 'text':
    case 'not':
      return undefined
    default:
      return filter satisfies never
  }
}

function indexed(rows: Rows, table: Table, column: Column, values: readonly Value[]) {
  const isId = column.name === table.primaryId
  if (!isId && !rows.isIndexed(table.name, column.name)) return undefined
  const found = new Set<string>()
  for (const value of values) {
    if (typeof value !== 'string') return undefined
    if (isId) found.add(value.toLowerCase())
    else for (const id of rows.idsBy(table.name, column.name, value)) found.add(id)
  }
  return found
}

export function meets(row: Row, filter: Filter): boolean {
  switch (filter.kind) {
    case 'compare':
      return compares(
        row.values.get(filter.column.name) ?? null,
        filter.operator,
        filter.value,
        filter.column,
      )
    case 'text':
      return testsText(row.values.get(filter.column.name) ?? null, filter.test, filter.value)
    case 'in': {
      const value = row.values.get(filter.column.name) ?? null
      return filter.values.some((wanted) => compares(value, 'eq', wanted, filter.column))
    }
    case 'and':
      return meets(row, filter.left) && meets(row, filter.right)
    case 'or':
      return meets(row, filter.left) || meets(row, filter.right)
    case 'not':
      return !meets(row, filter.inner)
    default:
      return filter satisfies never
  }
}

function compares(value: Value, operator: Comparison, wanted: Value, column: Column): boolean {
  if (value === null || wanted === null) {
    if (operator === 'eq') return value === wanted
    return operator === 'ne' && value !== wanted
  }
  const order = compareValues(value, wanted, column)
  switch (operator) {
    case 'eq':
      return order === 0
    case 'ne':
      return order !== 0
    case 'gt':
      return order > 0
    case 'ge':
      return order >= 0
    case 'lt':
      return order < 0
    case 'le':
      return order <= 0
    default:
      return operator satisfies never
  }
}

/** Texts compare as the database's collation does; null sorts first. */
export function compareValues(left: Value, right: Value, column: Column): number {
  if (left === null || right === null) return left === right ? 0 : left === null ? -1 : 1
  const [a, b] = [sortKey(left, column), sortKey(right, column)]
  return a < b ? -1 : a > b ? 1 : 0
}

function sortKey(value: string | number | boolean, column: Column): string | number {
  if (typeof value === 'boolean') return Number(value)
  if (typeof value === 'number') return value
  return column.type === 'DateTime' ? Date.parse(value) : collationKey(value)
}

/** SQL's LIKE underneath: `%` and `_` in the value are wildcards. */
function testsText(value: Value, test: TextTest, wanted: string): boolean {
  if (typeof value !== 'string') return false
  const like = [...wanted].map((char) =>
    char === '%' ? '.*' : char === '_' ? '.' : char.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'),
  )
  const before = test === 'startswith' ? '^' : ''
  const after = test === 'endswith' ? '$' : ''
  return new RegExp(`${before}${like.join('')}${after}`, 'isu').test(value)
}
