import { unknownProperty, uriError } from './errors.ts'
import type { Filter } from './filter.ts'
import { compareValues, matching } from './match.ts'
import type { Organisation } from './organisation.ts'
import type { Row } from './shelf.ts'
import { type Column, columnOfProperty, type Table, type Value } from './table.ts'

export interface Order {
  column: Column
  descending: boolean
}

export interface Page {
  rows: readonly Row[]
  /** Where the next page begins: after this. Absent on the last page. */
  last?: readonly Value[]
}

export function parseOrder(table: Table, text: string | undefined): Order[] {
  if (text === undefined || text.trim() === '') return []
  return text.split(',').map((part) => {
    const [name = '', direction = 'asc', ...rest] = part.trim().split(/\s+/)
    const column = columnOfProperty(table, name)
    if (!column) throw unknownProperty(name, table.name)
    if (rest.length > 0 || (direction !== 'asc' && direction !== 'desc')) {
      throw uriError(`Syntax error in the $orderby expression '${text}'.`)
    }
    return { column, descending: direction === 'desc' }
  })
}

/** Sorted by value, so that rows which come or go meanwhile shift nothing. Takes the time of the whole table. */
export function orderedPage(
  organisation: Organisation,
  table: Table,
  filter: Filter | undefined,
  order: readonly Order[],
  after: readonly Value[] | undefined,
  limit: number,
): Page {
  const compare = (a: readonly Value[], b: readonly Value[]) => compareKeys(a, b, order, table)
  const found = Array.from(matching(organisation.rows, table, filter), (row) => ({
    row,
    keys: sortKeys(row, order),
  }))
  const rest = after ? found.filter(({ keys }) => compare(keys, after) > 0) : found
  rest.sort((a, b) => compare(a.keys, b.keys))
  const page = rest.slice(0, limit)
  const last = page.at(-1)?.keys
  return { rows: page.map(({ row }) => row), ...(last && rest.length > limit ? { last } : {}) }
}

function sortKeys(row: Row, order: readonly Order[]): Value[] {
  return [...order.map(({ column }) => row.values.get(column.name) ?? null), row.id]
}

function compareKeys(
  a: readonly Value[],
  b: readonly Value[],
  order: readonly Order[],
  table: Table,
): number {
  for (const [at, { column, descending }] of order.entries()) {
    const difference = compareValues(a[at] ?? null, b[at] ?? null, column)
    if (difference !== 0) return descending ? -difference : difference
  }
  const id = table.columns.get(table.primaryId)
  return id ? compareValues(a.at(-1) ?? null, b.at(-1) ?? null, id) : 0
}
