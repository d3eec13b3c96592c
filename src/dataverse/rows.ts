import type { CallContext } from '../abort.ts'
import type { FailureDetail, Unauthorized } from '../errors.ts'
import type { SeenRow } from './changes.ts'
import type { Columns, RecordRef, Table } from './records.ts'

/** Which columns a row comes back with. */
export type Selects = Readonly<Record<Table, readonly string[]>>

export interface Update {
  ref: RecordRef
  /** The state that the update was decided on. */
  etag: string
  columns: Columns
}

export type UpdateResult =
  /** Proven by the row as it is now. */
  | { kind: 'updated'; row: SeenRow; vendorRequestId?: string }
  /** The row is no longer the one with this etag: read it and decide again. */
  | { kind: 'stale' }
  /** 404: the row is not there. */
  | { kind: 'missing' }
  /** Sending the same again cannot help; `isDenied`: until our user may do it. */
  | { kind: 'refused'; detail: FailureDetail; isDenied?: true }
  /** Certainly not executed; try again after this time. `because`: what keeps every row back until an operator acts. */
  | { kind: 'unsent'; retryAfterMs: number; because?: Unauthorized }
  /** No usable answer: it may or may not have been executed, now or later. */
  | { kind: 'unknown' }

/** Rows that Dynamics will not give, by `<table>:<id>`, and why. */
export type RefusedRows = Map<string, FailureDetail>

/** Whole rows in bulk, for the background sync. */
export interface Rows {
  /**
   * PATCH with If-Match, in as few $batch requests as the pace allows. One result for each update, in order.
   * Throws only while there is no result yet: Unauthorized, or Unavailable when `call.signal` aborts before
   * anything was sent.
   */
  update(updates: readonly Update[], selects: Selects, call: CallContext): Promise<UpdateResult[]>
  /**
   * The rows that exist, by `<table>:<id>`. Who is not in the map got a 404 that names a missing row; any other
   * answer is thrown for all, as Unauthorized, Rejected, Busy or Unavailable. With `refused`, the rows at fault are
   * put into it instead, unless it is all of Dynamics or their whole table.
   */
  readRows(
    refs: readonly RecordRef[],
    selects: Selects,
    call: CallContext,
    refused?: RefusedRows,
  ): Promise<ReadonlyMap<string, SeenRow>>
}
