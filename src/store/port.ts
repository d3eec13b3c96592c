import type { FailureDetail } from '../errors.ts'

/**
 * What the service remembers. Every verb is one whole transaction; none throws for an expected case.
 * A driver that cannot use its database throws StoreUnavailable, and nothing of that verb has happened.
 */

export type RecordType = 'lead' | 'contact'

/** One name of a person. Each (kind, value) points to exactly one link. */
export interface Identifier {
  kind: 'marketo' | 'email' | 'record'
  /** Marketo id in digits, normalised e-mail, or `lead:<guid>` / `contact:<guid>`. */
  value: string
}

/**
 * `claimed`: the record id is reserved, no record is proven yet · `linked`: proven in Dynamics ·
 * `tombstoned`: the record was deleted there · `orphaned`: the person was deleted in Marketo ·
 * `merged`: another link took over (its identifiers point there).
 */
export type LinkState = 'claimed' | 'linked' | 'tombstoned' | 'orphaned' | 'merged'

export interface Link {
  linkId: number
  state: LinkState
  canonicalKey: string
  recordType: RecordType
  recordId: string
  generation: number
  /** The first Marketo person of this link; others with the same e-mail are aliases. */
  marketoId?: number
  /** Epoch ms of the last proof that the record is there. */
  provenAt?: number
}

/** A field that did not travel as it was sent, although the person did. */
export interface Warning {
  /** Logical column name in Dynamics, or REST name in Marketo. */
  field: string
  /** Stable, kebab-case, documented in docs/codes.md. */
  code: string
  advice: string
}

export interface Outcome {
  outcome: 'created' | 'exists' | 'failed'
  recordType?: RecordType
  recordId?: string
  code?: string
  field?: string
  advice?: string
  /** Absent: every field travelled. */
  warnings?: readonly Warning[]
  vendorCode?: string
  /** The vendor's own words, as text of at most 500 characters. */
  vendorMessage?: string
  vendorRequestId?: string
}

export interface Campaign {
  id?: string
  name?: string
  type?: 'trigger' | 'batch'
  /** The program that the campaign belongs to. */
  program?: { id: string; name?: string }
  /** Name of the trigger that brought the person into the campaign. */
  trigger?: string
}

/** The exact bytes that answered a keyed request. */
export interface Answer {
  status: number
  body: string
}

export interface NewRequest extends Identity {
  requestId: string
  source: 'rest' | 'webhook' | 'flow-step'
  /** Name of the API key: the scope of `idempotency.key`. */
  caller: string
  idempotency?: { key: string; bodyHash: string }
  recordType: RecordType
  /** What finishing the request needs, as JSON. Erased when the request is settled. */
  payload: string
  campaign?: Campaign
  /** Batch work: unattended, and behind real-time work. */
  batch: boolean
  /** Nobody works on it at once: logged as queued and left to the worker. Batch work always is. */
  unattended?: boolean
  /** Until when (epoch ms) the one who made the request works on the link and others keep away. */
  leaseUntil: number
  now: number
}

/** By what a person is known. */
export interface Identity {
  /** Without kind `record`; sorted. */
  identifiers: readonly Identifier[]
  marketoId?: number
  canonicalKey: string
}

/** A request on its way. `leased`: the link is claimed and this request may make its record. */
export interface Work {
  requestId: string
  source: NewRequest['source']
  payload: string
  acceptedAt: number
  /** Attempts that ended without a result. */
  attempts: number
  link: Link
  leased: boolean
  /** Set once the request is settled: nothing is left to do. */
  outcome?: Outcome
}

export type Acceptance =
  | { kind: 'accepted'; work: Work }
  /** Same key, same body: the earlier request, answered or not. */
  | { kind: 'seen'; requestId: string; outcome?: Outcome; answer?: Answer }
  /** Same key, another body. */
  | { kind: 'mismatch' }

export type IntentResult =
  /** What to send. `resumed`: an earlier try may have sent it already, so it may have landed. */
  | { kind: 'stored'; columns: string; resumed: boolean }
  /** The link was linked, merged or re-generated meanwhile: take the request up again. */
  | { kind: 'moved' }

export type Settlement =
  /** The record is proven. Created or exists follows from whose intent made it. */
  | {
      kind: 'linked'
      recordType: RecordType
      recordId: string
      /** Epoch ms of the moment in which Dynamics showed the record. */
      provenAt: number
      /** The person of the record's link, whom Marketo does not know any more: the request's person takes it over. */
      gone?: number
      /** Why more is to be said than that the record is there. */
      code?: string
      advice?: string
      warnings?: readonly Warning[]
      vendorRequestId?: string
    }
  /** Several records match: the person exists, which one is for people to say. */
  | { kind: 'ambiguous'; code: string; advice: string; vendorRequestId?: string }
  | {
      kind: 'failed'
      code: string
      field?: string
      advice: string
      vendorCode?: string
      vendorMessage?: string
      vendorRequestId?: string
    }

/** Why a request is not finished: the last thing that stood in its way, and when it is tried again. */
export interface Waiting extends FailureDetail {
  /** Attempts that ended without a result. */
  attempts: number
  /** Epoch ms. In the past: an attempt is under way or about to begin. */
  nextAttemptAt: number
}

export interface Settled {
  outcome: Outcome
  /** This call ended the request; false: it had ended before. */
  isFirst: boolean
}

/** Open requests that wait for the same reason. */
export interface WaitingRequests {
  code: string
  requests: number
  /** Epoch ms when the first of them was accepted. */
  oldestAt: number
}

export interface Activity {
  activityId: number
  at: number
  /** Absent: the background sync's own. */
  requestId?: string
  /** `rest`, `webhook`, `flow-step`, or `sync` for the background sync. */
  source: string
  outcome: Outcome['outcome'] | 'queued'
  marketoId?: number
  campaign?: Campaign
  recordType?: RecordType
  recordId?: string
  code?: string
  field?: string
  advice?: string
  warnings?: readonly Warning[]
  vendorCode?: string
  vendorMessage?: string
  vendorRequestId?: string
  /** Of `queued`. */
  attempts?: number
  /** Of `queued`, while the request is open. */
  nextAttemptAt?: number
}

export interface RequestState {
  requestId: string
  acceptedAt: number
  waiting: Waiting
  outcome?: Outcome
  answer?: Answer
}

export interface Store extends AsyncDisposable {
  /** Makes the claim: request, link, identifiers and job, durable on return. */
  acceptRequest(request: NewRequest): Promise<Acceptance>
  /** Takes the link's lease if it is free, expired or this request's own. undefined = unknown request. */
  takeUp(requestId: string, leaseUntil: number, now: number): Promise<Work | undefined>
  /** Gives this request's lease back without a result. */
  release(requestId: string): Promise<void>
  /**
   * What Marketo told about a person who came with an id alone. While nothing was sent for the link, it takes
   * the canonical key or joins the link that has the e-mail; the request keeps `payload` either way.
   */
  identify(requestId: string, person: Identity, payload: string): Promise<void>
  /** Outlives this process on return, before the create is sent. `columns` is JSON. */
  storeIntent(requestId: string, recordId: string, columns: string, now: number): Promise<IntentResult>
  /** Ends a request: link, outcome, activity and job in one. A settled request keeps its first outcome. */
  settle(requestId: string, settlement: Settlement, now: number): Promise<Settled>
  /** An attempt ended without a result. Changes nothing of a settled request. */
  postpone(requestId: string, waiting: Waiting): Promise<void>
  /** 404 for the linked id, or a tombstone: the next generation is reserved and the link is claimed again. */
  confirmDeleted(requestId: string, recordId: string, recordType: RecordType): Promise<void>
  /**
   * Remembers the answer of a keyed request; the first one wins and is returned. With `waiting` the answer is
   * `queued`: that is logged once, with this reason unless an attempt has left a later one.
   */
  recordAnswer(requestId: string, answer: Answer, waiting: Waiting | undefined, now: number): Promise<Answer>
  readRequest(requestId: string): Promise<RequestState | undefined>
  /** The link that a record belongs to, if any has named it. */
  readLink(recordType: RecordType, recordId: string): Promise<Link | undefined>
  readPerson(marketoId: number): Promise<{ link: Link; identifiers: Identifier[] } | undefined>
  /** Newest first, at most `limit`, older than `before` (an activityId). */
  readActivities(marketoId: number, limit: number, before?: number): Promise<Activity[]>
  /** Forgets settled requests and activities older than `before` (epoch ms), `limit` of each at most. Links stay. */
  prune(before: number, limit: number): Promise<{ requests: number; activities: number }>
  /**
   * Where what has happened is dated after `now`, the clock was set back: all that waits for a moment ahead is due, and
   * what is held until one is free. Gives by how many ms the latest is ahead; 0 = it is not.
   */
  makeDue(now: number): Promise<number>
  /** Open requests by the reason for which they wait, ordered by it. */
  readWaiting(): Promise<WaitingRequests[]>
  /** Writes something of no meaning, durable on return. Throws StoreUnavailable, at once and without another try. */
  probe(): Promise<void>
}

/** UUIDv5 of organisation, record type, canonical key and generation: see person/identity.ts. */
export type DeriveRecordId = (recordType: RecordType, canonicalKey: string, generation: number) => string
