import type { CallContext } from '../abort.ts'
import type { FailureDetail } from '../errors.ts'
import type { MarketoFields } from './people.ts'

export interface PersonUpdate {
  marketoId: number
  fields: MarketoFields
}

/** What became of one record of a bulk write. */
export type WriteResult =
  | { kind: 'created' | 'updated'; marketoId: number }
  /** Marketo has no such person (any more). */
  | { kind: 'missing' }
  /** Sending the same again cannot help. */
  | { kind: 'refused'; detail: FailureDetail }
  /** Certainly not executed; try again after this time. */
  | { kind: 'unsent'; retryAfterMs: number }
  /** No usable answer: it may or may not have been executed, now or later. */
  | { kind: 'unknown' }

/** Bulk writes of people. Source: Adobe, "Leads" (Sync Leads). */
export interface SyncLeads {
  /** Sync Leads, updateOnly by id. One result each, in order; throws only Unauthorized. null empties a field. */
  update(updates: readonly PersonUpdate[], call: CallContext): Promise<WriteResult[]>
  /**
   * Sync Leads, createOrUpdate by `lookupField`, which every person in `people` has and no two share.
   * One result each, in order; throws only Unauthorized.
   */
  upsert(people: readonly MarketoFields[], lookupField: string, call: CallContext): Promise<WriteResult[]>
}
