import type { Backoff } from '../retry.ts'

/** Every bound of the background sync, with its unit. */
export interface SyncSettings {
  /** Between the end of a cycle and the start of the next. */
  intervalMs: number
  /** How often Marketo's merges and deletions are read; each time is two calls of the shared quota. */
  lifeIntervalMs: number
  /** How often both schemas are asked for, and drift is noticed without an error that tells of it. */
  schemaIntervalMs: number
  /** How old the schemas must be before a value that they forbid makes us ask for them again. */
  schemaCheckMs: number
  /** Between two readings of the schemas because of what a side refuses. */
  schemaRefusalMs: number
  /** How long the start waits for Dynamics before it goes on without having checked the field selection. */
  startCheckMs: number
  /** Replicas that are worked on together: one $batch, four Sync Leads. */
  workMax: number
  /** Fields of one record that one write may leave out, one after the other, because a side refuses them. */
  refusedFieldsMax: number
  /** Replicas that are saved in one transaction; requests get their turn in between. */
  saveMax: number
  /** Pages of one stream before work gets its turn, however little they hold. */
  pagesMax: number
  /** Rounds of reading and working within one cycle, so that a cycle ends even while both sides change. */
  roundsMax: number
  /** How long a record waits for another with the same e-mail, or for a flow action, to be done. */
  laterMs: number
  /** How long a write to Marketo without an answer may still be executed there: a little above 90 s. */
  settleMs: number
  /** How long the change log may take to show a write of ours before it is read back. */
  confirmMs: number
  /** How long a sent value is remembered: late entries of the change log are told from edits by it. */
  sentKeepMs: number
  /** How far before the last entry the change log is read again when its cursor is lost. */
  overlapMs: number
  /** How often a person or record that shares a link is looked at without any news of it. */
  aliasMs: number
  /** Waits of a refused record between tries. */
  backoff: Backoff
  /** Waits of a record whose row changed under the write, or whose write got no answer; the first is none. */
  againBackoff: Backoff
  /** How long conflicts are kept. */
  retentionMs: number
  /** Records that a preview names. */
  previewMax: number
  /** How long a replica leads without a word of it. */
  leaseMs: number
  /** How often it gives that word; a few may get lost. */
  renewMs: number
  /** How often the others try to lead: with `leaseMs` the longest time without a leader. */
  tryMs: number
}

/** Source of settleMs and overlapMs: Adobe, "Leads" (time-outs), "Paging tokens" (late activities). */
export const defaultSyncSettings: SyncSettings = {
  intervalMs: 60_000,
  lifeIntervalMs: 300_000,
  schemaIntervalMs: 3_600_000,
  schemaCheckMs: 60_000,
  schemaRefusalMs: 10_000,
  startCheckMs: 10_000,
  workMax: 1_000,
  refusedFieldsMax: 5,
  saveMax: 100,
  pagesMax: 20,
  roundsMax: 1_000,
  laterMs: 2_000,
  settleMs: 100_000,
  confirmMs: 600_000,
  sentKeepMs: 7_200_000,
  overlapMs: 600_000,
  aliasMs: 21_600_000,
  backoff: { baseMs: 300_000, maxMs: 21_600_000 },
  againBackoff: { baseMs: 2_000, maxMs: 300_000 },
  retentionMs: 7_776_000_000,
  previewMax: 100,
  leaseMs: 15_000,
  renewMs: 3_000,
  tryMs: 5_000,
}

/** Whether less than `ms` has passed since then. A clock that was set back must not make anybody wait for it. */
export function isWithin(ms: number, since: number, now: number): boolean {
  return now >= since && now - since < ms
}
