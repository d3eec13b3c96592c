import type { Filter } from './filter.ts'
import { candidates, meets } from './match.ts'
import type { Page } from './order.ts'
import type { Organisation } from './organisation.ts'
import type { Row } from './shelf.ts'
import type { Table, Value } from './table.ts'

/** Without $orderby: in the order in which the rows came, in the time of the page. */
export function pageByPlace(
  organisation: Organisation,
  table: Table,
  filter: Filter | undefined,
  last: readonly Value[] | undefined,
  limit: number,
): Page {
  const after = typeof last?.[0] === 'number' ? last[0] : 0
  const shelf = organisation.rows.shelf(table.name)
  const ids = filter && candidates(organisation.rows, table, filter)
  const places = ids
    ? Array.from(ids, (id) => ({ id, number: shelf.places.numberOf(id) ?? 0 }))
        .filter(({ number }) => number > after)
        .sort((a, b) => a.number - b.number)
    : shelf.places.after(after)
  const rows: Row[] = []
  let place = after
  for (const { number, id } of places) {
    const row = shelf.rows.get(id)
    if (!row || (filter && !meets(row, filter))) continue
    if (rows.length === limit) return { rows, last: [place] }
    rows.push(row)
    place = number
  }
  return { rows }
}
