import type { CallContext } from '../abort.ts'
import type { JsonObject } from '../shape.ts'
import type { Table } from './records.ts'

/** A row as Dataverse returns it: columns by logical name, look-ups as `_column_value`. */
export interface SeenRow {
  /** Bare lower-case GUID. */
  id: string
  /** Goes into If-Match; has nothing to do with versionnumber. */
  etag: string
  columns: JsonObject
}

export interface ChangePage {
  kind: 'page'
  rows: readonly SeenRow[]
  /** Rows that were deleted since the link was made; a first read has none. */
  deletedIds: readonly string[]
  /** Items of the page that cannot be read; those with an id can be read again one by one. */
  unreadable: readonly { id?: string }[]
  /** Where to go on; always on the configured organisation. */
  next: string
  /** Another page waits at `next` now. Otherwise `next` is the delta link for the next cycle. */
  more: boolean
  /** Of the whole schema as the page was read; absent where Dataverse does not give it. */
  metadataVersion?: string
  vendorRequestId?: string
}

/**
 * Change tracking of leads and contacts. Throws Unauthorized, Rejected, Busy or Unavailable (see errors.ts).
 * Source: Microsoft Learn, "Use change tracking to synchronize data with external systems".
 */
export interface Changes {
  /** Every row that there is, and the beginning of the changes after it. Only the named columns are read. */
  start(table: Table, columns: readonly string[], call: CallContext): Promise<ChangePage>
  /**
   * The page at a `next`. `expired`: the token is too old, the table was changed, or the organisation has another
   * address than when the link was given; so start again. No call goes to another address.
   * Throws Rejected `foreign-link` for a path that is not the table's, without a call.
   */
  follow(table: Table, next: string, call: CallContext): Promise<ChangePage | { kind: 'expired' }>
}
