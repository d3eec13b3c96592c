import { asString, type JsonObject } from '../shape.ts'
import type { SeenRow } from './changes.ts'
import { isGuid } from './odata.ts'
import type { Table } from './records.ts'
import { primaryKeys } from './table.ts'

/** A row of the Web API; undefined without an id or a tag that If-Match would take. */
export function seenRow(row: JsonObject | undefined, table: Table): SeenRow | undefined {
  if (row === undefined) return undefined
  const { '@odata.context': context, '@odata.etag': tag, ...columns } = row
  const id = rowId(row, table)
  const etag = asString(tag)
  return id !== undefined && etag !== undefined && isEtag(etag) ? { id, etag, columns } : undefined
}

/** The row's id in lower case; undefined when it is no GUID. */
export function rowId(row: JsonObject, table: Table): string | undefined {
  const id = asString(row[primaryKeys[table]])
  return id !== undefined && isGuid(id) ? id.toLowerCase() : undefined
}

/** Never `*`, which would update whatever is there. Source: RFC 9110, 8.8.3. */
export function isEtag(text: string): boolean {
  return /^(?:W\/)?"[\x21\x23-\x7e]*"$/.test(text)
}
