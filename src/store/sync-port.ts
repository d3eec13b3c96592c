import type { LinkState, RecordType, Warning } from './port.ts'

/**
 * What the background sync remembers. Every verb is one whole transaction.
 * The flow action shares nothing of it but the link row.
 */

/** Field values by Marketo REST name, as both sides are compared. Absent = not known, null = empty. */
export type Values = Readonly<Record<string, string | number | boolean | null>>

export type Stream =
  | 'marketo-changes'
  | 'marketo-life'
  | 'marketo-deletions'
  | 'dynamics-leads'
  | 'dynamics-contacts'
  | 'activity-log'

export interface Cursor {
  stream: Stream
  /** Opaque to the store. */
  position: string
  /** Epoch ms of the last time that the source was read up to its end. */
  readAt?: number
}

/** A value that we sent to Marketo, kept until late entries of the change log cannot come any more. */
export interface SentValue {
  field: string
  value: string | number | boolean | null
  /** What we believed to replace. */
  replaced: string | number | boolean | null
  /** Epoch ms. */
  at: number
  /** Epoch ms; when Marketo had answered that it has taken it: it is not written later. */
  answeredAt?: number
  /** The change log has shown it, or a read has. */
  confirmed: boolean
  /** The change log has shown it: it does so once, and an equal entry after that is somebody else's. */
  shown?: boolean
  /** A read showed that Marketo kept what it had: Field Management blocks the field. */
  blocked?: boolean
  /** An edit of Marketo that an earlier write of ours had replaced, written back. */
  restored?: boolean
  /**
   * The change log has shown that Marketo stored it in a form of its own: one that looks like it, one that was only
   * at its place, or one of which it tells the beginning.
   */
  altered?: 'alike' | 'unlike' | 'cut'
}

/** Sent to a person whose link was merged into this one; the change log may still show what it replaced. */
export interface SentToOther extends SentValue {
  marketoId: number
}

/**
 * A value that was sent, and what a side keeps of it in a form of its own. One that is equal to `of` is known to be
 * kept whole; an absent one is taken to be.
 */
export interface Form {
  field: string
  of: string | number | boolean | null
  marketo?: string | number | boolean | null
  dynamics?: string | number | boolean | null
}

/** The last time that a field travelled, to notice when two writers take turns. */
export interface Turn {
  from: 'marketo' | 'dynamics'
  /** Fingerprints of the value that travelled and of the one that had been agreed on. */
  value: string
  before: string
  /** Epoch ms. */
  at: number
  /** Epoch ms of each time within a day that the value came back that the other side had replaced. */
  returns: readonly number[]
}

/** A decided write, stored before it is sent. */
export interface SyncIntent {
  intentId: string
  toDynamics?: Values
  /** Of the row that `toDynamics` was decided on. */
  etag?: string
  toMarketo?: Values
  /** Epoch ms. */
  at: number
  /** The columns with which the flow action made the record: no edits of Dynamics. */
  created?: Readonly<Record<string, string | number | boolean | null>>
}

/** One link with all that is known of both sides. `undefined` values: never seen, to be read. */
export interface Replica {
  linkId: number
  state: LinkState
  recordType: RecordType
  recordId: string
  marketoId?: number
  /** What both sides last agreed on; absent until the first time. */
  shadow?: Values
  /** Of what was agreed on, or is about to be: only where a side keeps something else. Never without a shadow. */
  forms?: readonly Form[]
  /** By field, of the last day. Never without a shadow. */
  turns?: Readonly<Record<string, Turn>>
  marketo?: Values
  dynamics?: Values
  /** Of the row that `dynamics` was read from. */
  etag?: string
  /** Epoch ms of the newest entry of the change log that was taken in. */
  marketoSeenAt: number
  sent: readonly SentValue[]
  sentToOthers?: readonly SentToOther[]
  /** Values that must be written back to Marketo, since a write of ours replaced them unseen. */
  restore?: Values
  intent?: SyncIntent
  /** Conflicts that the log has already and whose outcome has not arrived yet. */
  told?: readonly Omit<NewConflict, 'linkId'>[]
  /** The sync filter of the record says no. */
  stopped: boolean
  /** Epoch ms from which it is to be worked on; absent = nothing to do. */
  dueAt?: number
  /** Epoch ms of the oldest change that is not worked off; absent = nothing to do. */
  dirtySince?: number
  /** 0: live changes, 1: initial loading, behind them. */
  priority: 0 | 1
  /** Failed attempts since the last success or change. */
  attempts: number
  /** Of the full read that last showed the record. */
  epoch: number
  /** Counts writes of this replica; 0 = not stored yet. */
  version: number
}

/** A record that nobody has linked, as it enters the store. */
export interface NewLink {
  recordType: RecordType
  recordId: string
  /** Normalised; claimed for the link when no other has it. */
  email?: string
}

/** Where the record has a link already, that stays as it is, but its row is to be read again. */
export interface NewReplica {
  link: NewLink
  replica: Omit<Replica, 'linkId' | 'state' | 'version' | 'recordType' | 'recordId'>
}

/**
 * What happens to the link itself. Applied in order, before the replicas are written: those saved with it do
 * not become stale by it, any other copy does. A link that was merged away stands for the one that took over.
 */
export type LinkMove =
  /** The record was deleted in Dynamics. Ignored when the link has another record by now. */
  | { kind: 'tombstone'; linkId: number; recordType: RecordType; recordId: string }
  /** A deleted record is back. */
  | { kind: 'restore'; linkId: number }
  /** The person was deleted in Marketo: the name is free, the record stays. */
  | { kind: 'orphan'; linkId: number; marketoId: number }
  /**
   * The person is held by this record from now on (qualified, or merged in Dynamics). A link that has the
   * record already takes this one in. Ignored while a create for the link may be under way.
   */
  | { kind: 'record'; linkId: number; recordType: RecordType; recordId: string }
  /**
   * The record is this person's from now on (found by e-mail, made by us, or merged in Marketo). A link of
   * theirs for which nothing was sent is taken in; any other keeps them.
   */
  | { kind: 'person'; linkId: number; marketoId: number }
  /** `linkId` is another name of `into`: its names move there, its own replica goes, that of `into` is due. */
  | { kind: 'merge'; linkId: number; into: number }
  /** The agreed e-mail, normalised: the one e-mail name of the link, where it is free. */
  | { kind: 'email'; linkId: number; email?: string }

export interface NewConflict {
  linkId: number
  field: string
  winner: 'marketo' | 'dynamics'
  won: string | number | boolean | null
  lost: string | number | boolean | null
}

export interface Conflict extends NewConflict {
  conflictId: number
  at: number
  recordType: RecordType
  recordId: string
  marketoId?: number
}

export interface NewFailure {
  /** Which side refuses, or would. */
  side: 'marketo' | 'dynamics'
  /** Stable, kebab-case, documented in docs/codes.md. */
  code: string
  /** REST name or logical name of the field at fault. */
  field?: string
  advice: string
  vendorCode?: string
  /** The vendor's own words, as text of at most 500 characters. */
  vendorMessage?: string
  vendorRequestId?: string
}

export interface Failure extends NewFailure {
  failureId: number
  /** Absent: about the set-up, not about a person. */
  linkId?: number
  recordType?: RecordType
  recordId?: string
  marketoId?: number
  firstSeenAt: number
  lastSeenAt: number
  attempts: number
  /** Absent: tried again when something changes. */
  nextAttemptAt?: number
  /** Who else has the link: the failure names both. */
  other?: Other
}

/** A person, or a record. */
export type Other =
  | { kind: 'marketo'; marketoId: number }
  | { kind: 'record'; recordType: RecordType; recordId: string }

/**
 * A name of a link that is not its own person or record: somebody who shares it since an e-mail was the same or a
 * merge made them one, or a record that it had before.
 */
export interface Alias {
  other: Other
  link: Pick<Replica, 'linkId' | 'state' | 'recordType' | 'recordId' | 'marketoId'>
  /** What the former record held when it was left: no news. */
  seen?: Values
}

/** What a look at an alias has shown. An alias that has become its link's own, or nobody's, is left out. */
export interface AliasChange {
  other: Other
  /** Epoch ms of the next look; absent: when there is news of it. */
  dueAt?: number
  /** Absent: as before. */
  seen?: Values
  /** Open from now on; absent: over. */
  failure?: NewFailure
}

/** The open failures of one link, or of the set-up (no linkId): whatever is not named here is over, but aliases. */
export interface FailureSet {
  linkId?: number
  failures: readonly NewFailure[]
}

export interface SyncChange {
  now: number
  /** Of the lease on the background sync under which this was found out; absent: whoever writes needs none. */
  fence?: number
  cursors?: readonly Cursor[]
  moves?: readonly LinkMove[]
  newLinks?: readonly NewReplica[]
  /** Each as it shall be. One whose stored version differs makes the whole change `stale`. */
  replicas?: readonly Replica[]
  conflicts?: readonly NewConflict[]
  /** A failure that was not open before is also logged as an activity of the person. */
  failures?: readonly FailureSet[]
  aliases?: readonly AliasChange[]
}

export interface Backlog {
  /** Replicas with changes that are not worked off, by priority; those that only wait with a failure are not here. */
  live: number
  initial: number
  oldestDirtyAt?: number
  /** Links by state, for the status page. */
  links: Readonly<Partial<Record<LinkState, number>>>
  openFailures: number
}

/** What the activity log of Marketo has not been told yet. */
export interface UnsentActivity {
  activityId: number
  at: number
  marketoId?: number
  outcome: string
  code?: string
  field?: string
  advice?: string
  /** Of a person who travelled without some fields, or with altered ones. */
  warnings?: readonly Warning[]
  vendorMessage?: string
  recordType?: RecordType
  recordId?: string
  campaign?: string
  /** Of `queued`. */
  attempts?: number
  /** Of `queued`, while the request is open. */
  nextAttemptAt?: number
}

export interface SyncStore {
  readState(): Promise<{ cursors: readonly Cursor[]; paused: boolean }>
  setPaused(paused: boolean): Promise<void>
  /** The links that own these names, each once, in no order. A link that was never synced has version 0. */
  findReplicas(names: {
    records?: readonly { recordType: RecordType; recordId: string }[]
    marketoIds?: readonly number[]
    linkIds?: readonly number[]
  }): Promise<Replica[]>
  /**
   * People who are not those of their links, and former records, that are to be looked at by now. None of a link that
   * a flow action works on; of a claim that has come to nothing only the former records.
   */
  dueAliases(limit: number, now: number): Promise<Alias[]>
  /** Of these records, those that a link had before the one that it has now. */
  formerRecords(records: readonly { recordType: RecordType; recordId: string }[]): Promise<Alias[]>
  /** All people by whose id these links are found, their own included; the lowest id first. */
  peopleOf(linkIds: readonly number[]): Promise<{ linkId: number; marketoId: number }[]>
  /** The links that these people had before Marketo lost them, each with its id then. */
  linksOfDeparted(marketoIds: readonly number[]): Promise<{ linkId: number; marketoId: number }[]>
  /** Of these links, the claimed ones of which a request is open, or a create may have been sent. */
  claimsUnderWay(linkIds: readonly number[]): Promise<number[]>
  /** Whether any record is without a person, since the person was deleted in Marketo. */
  hasOrphans(): Promise<boolean>
  /**
   * Records without a person that have one of these e-mails (normalised), or whose link is found by it. What records
   * have is compared without regard to case, of ASCII letters at least.
   */
  orphansWith(emails: readonly string[]): Promise<Replica[]>
  /** Due by now: live before initial, the longest due first. Links that are claimed or merged never are. */
  due(limit: number, now: number): Promise<Replica[]>
  /**
   * `stale`: nothing was written, since a replica was changed meanwhile. `fenced`: nothing was written, since the
   * lease of the change's fence is over or somebody else's. Gives the ids of `newLinks`, in order.
   */
  save(change: SyncChange): Promise<{ kind: 'saved'; linkIds: number[] } | { kind: 'stale' | 'fenced' }>
  /** Linked records of the type that no full read since `epoch` has shown, by ascending linkId after `after`. */
  unseen(recordType: RecordType, epoch: number, after: number, limit: number): Promise<Replica[]>
  backlog(): Promise<Backlog>
  /** Newest first, older than `before` (a conflictId). */
  readConflicts(limit: number, before?: number): Promise<Conflict[]>
  /** Open ones, by code, then the oldest first; after `after` (a failureId) within that order. */
  readFailures(filter: { code?: string; limit: number; after?: number }): Promise<Failure[]>
  countFailures(): Promise<readonly { code: string; count: number }[]>
  /** Its record is due at once. false = no such open failure. */
  retryFailure(failureId: number, now: number): Promise<boolean>
  /** After the activity id, ascending. */
  readUnsentActivities(after: number, limit: number): Promise<UnsentActivity[]>
  /**
   * Forgets conflicts, and failures that were over, older than `before` (epoch ms): `limit` of each at most.
   * Gives the larger count.
   */
  pruneSync(before: number, limit: number): Promise<number>
}
