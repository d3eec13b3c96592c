import { asObject, asString, type JsonObject, parseObject } from '../shape.ts'
import type { ChangePage, SeenRow } from './changes.ts'
import { isGuid } from './odata.ts'
import type { Table } from './records.ts'
import { rowId, seenRow } from './seen-row.ts'
import { entitySets } from './table.ts'
import { type Reply, unavailable } from './verdict.ts'

type Item =
  | { kind: 'row'; row: SeenRow }
  | { kind: 'deleted'; id: string }
  | { kind: 'unreadable'; id: string | undefined }

/** An annotation of lists. Source: Microsoft Learn, "Cache schema data". */
export const METADATA_VERSION = 'Microsoft.Dynamics.CRM.globalmetadataversion'

/** Its links are not checked yet. */
export type RawPage = Pick<
  ChangePage,
  'rows' | 'deletedIds' | 'unreadable' | 'next' | 'more' | 'metadataVersion'
>

/**
 * A page of rows and tombstones. One item that cannot be read is set aside; a page without a list or
 * without a link to go on is Unavailable. Source: Microsoft Learn, "Use change tracking to synchronize data
 * with external systems"; OData JSON Format 4.0, "Deleted Entity".
 */
export function readChangePage(reply: Reply, table: Table): RawPage {
  const page = reply.status === 200 ? parseObject(reply.body) : undefined
  const value = page?.value
  if (!Array.isArray(value)) throw unavailable(reply, 'a page of changes is not readable')
  const nextLink = asString(page?.['@odata.nextLink'])
  const next = nextLink ?? asString(page?.['@odata.deltaLink'])
  if (next === undefined)
    throw unavailable(reply, 'a page of changes has neither a next link nor a delta link')
  const metadataVersion = asString(page?.[`@${METADATA_VERSION}`])
  return {
    ...sorted(value.map((item) => itemOf(asObject(item), table))),
    next,
    more: nextLink !== undefined,
    ...(metadataVersion === undefined ? {} : { metadataVersion }),
  }
}

function sorted(items: readonly Item[]): Pick<RawPage, 'rows' | 'deletedIds' | 'unreadable'> {
  const deleted = new Set(items.flatMap((item) => (item.kind === 'deleted' ? [item.id] : [])))
  // Deleted and there: made anew or restored. Only a read tells which was last.
  const there = new Set(items.flatMap((item) => (item.kind === 'row' ? [item.row.id] : [])))
  const unclear = [...deleted].filter((id) => there.has(id))
  const isClear = (id: string) => !(deleted.has(id) && there.has(id))
  const unreadable = items.flatMap((item) => (item.kind === 'unreadable' ? [item.id] : []))
  return {
    rows: items.flatMap((item) => (item.kind === 'row' && isClear(item.row.id) ? [item.row] : [])),
    deletedIds: [...deleted].filter(isClear),
    unreadable: [...unreadable, ...unclear].map((id) => (id === undefined ? {} : { id })),
  }
}

function itemOf(item: JsonObject | undefined, table: Table): Item {
  if (item === undefined) return { kind: 'unreadable', id: undefined }
  const context = asString(item['@odata.context'])
  if (item.reason !== undefined || context?.endsWith('/$deletedEntity'))
    return tombstone(item, context, table)
  const row = seenRow(item, table)
  return row === undefined ? { kind: 'unreadable', id: rowId(item, table) } : { kind: 'row', row }
}

function tombstone(item: JsonObject, context: string | undefined, table: Table): Item {
  const id = idIn(asString(item.id), table)
  const ours = context === undefined || context.endsWith(`#${entitySets[table]}/$deletedEntity`)
  // The other reason, "changed", says that a row has left the selection, not that it is gone.
  const gone = item.reason === undefined || item.reason === 'deleted'
  return id !== undefined && ours && gone ? { kind: 'deleted', id } : { kind: 'unreadable', id }
}

/** A GUID, bare or as the end of the row's URL. */
function idIn(text: string | undefined, table: Table): string | undefined {
  if (text === undefined) return undefined
  const [, set, inUrl] = /(?:^|\/)(\w+)\(([0-9a-f-]{36})\)$/i.exec(text) ?? []
  const id = set === entitySets[table] ? inUrl : text
  return id !== undefined && isGuid(id) ? id.toLowerCase() : undefined
}
