import type { BeyondBmp, Overlong } from './value.ts'

/** What a subscription does where Adobe's pages are silent or at odds, and how awkward its change log is. */
export interface Knobs {
  /** Every new activity shows up that much later than it is dated. */
  visibleAfterMs: number
  /** A page of the change log holds at most this. */
  pageItemsMax: number
  /** Each nth page of the change log is empty and says that there is more; 0 = none, else at least 2. */
  emptyPageEvery: number
  /** Newest first inside a page. */
  reversePages: boolean
  /** An older paging token is refused; 0 = never. */
  pagingTokenLifetimeMs: number
  /** Sync Leads looks its people up, and writes that much later: two calls at once can make a person twice. */
  syncGapMs: number
  /** A text longer than its field skips the record, or is cut. */
  overlong: Overlong
  /** A text that comes over the API is kept whole, or ends before its first character like an emoji and is trimmed. */
  beyondBmp: BeyondBmp
  /** Tokens of a webhook have blanks for line breaks, as recordings show. */
  webhookFoldsLines: boolean
  /** Tokens of a webhook are escaped for HTML. */
  webhookEscapesHtml: boolean
  /** What a field that is not there is refused with: 1006 for each, or 1003 with a list of all. */
  unknownFieldWords: '1006' | '1003'
  /** Sync Leads and Add Custom Activities are carried out, and each result has this status; empty = as documented. */
  oddStatus: string
  /** A field that is not there skips the record, or fails the call. */
  unknownField: 'record' | 'call'
  /** Characters of a value in the change log. */
  logTextMax: number
  /** Date-times in the change log have no zone; they are written in one that is so far ahead of UTC. */
  logOffsetMinutes: number
  /** Whose entry Merge Leads is: the survivor's, with the losers as Merge IDs, or the other way round. */
  mergeNames: 'survivor' | 'loser'
  /** The losers of a merge are logged as deleted, too. */
  mergeDeletes: boolean
  /** Get Lead Activities gives Delete Lead, too, not only the feed of deleted leads: not known of real ones. */
  deletionsInActivities: boolean
  /** Change Score is logged as a changed value, too, as recorded. */
  scoreLogsValues: boolean
  /** What the survivor takes over is logged value by value. */
  mergeLogsValues: boolean
  /** Salesforce or Dynamics is connected natively: companies and opportunities are closed (1018). */
  nativeCrmSync: boolean
}

export const STOCK_KNOBS: Knobs = {
  visibleAfterMs: 0,
  pageItemsMax: 300,
  emptyPageEvery: 0,
  reversePages: false,
  pagingTokenLifetimeMs: 0,
  syncGapMs: 0,
  overlong: 'skip',
  beyondBmp: 'keep',
  webhookFoldsLines: false,
  webhookEscapesHtml: false,
  unknownFieldWords: '1006',
  oddStatus: '',
  unknownField: 'record',
  logTextMax: 255,
  logOffsetMinutes: 0,
  mergeNames: 'survivor',
  mergeDeletes: true,
  deletionsInActivities: false,
  scoreLogsValues: true,
  mergeLogsValues: false,
  nativeCrmSync: false,
}
