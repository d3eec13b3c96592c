import type { CallContext } from '../abort.ts'

/** The table in Dynamics that holds a person. */
export type Table = 'lead' | 'contact'

/** One row, named. `id` is a bare lower-case GUID. */
export interface RecordRef {
  table: Table
  id: string
}

/** A row as the look-up sees it: just enough to decide whether it is this person. */
export interface FoundRecord extends RecordRef {
  /** 0 = open / active; a lead is 1 qualified, 2 disqualified. */
  stateCode: number
  /** The row lost a merge and `masterId` is the row that survived. */
  merged: boolean
  masterId?: string
  /** Contact only: the lead it was qualified from. */
  originatingLeadId?: string
  /** Lead only: the contact it was qualified into or belongs to. */
  parentContactId?: string
  /** REQ_ID of the reply that showed it. */
  vendorRequestId?: string
}

export type CreateResult =
  /** Our request made the row. */
  | { kind: 'created'; vendorRequestId?: string }
  /** A row with this id is there (0x80040237): made by an earlier try of ours, or by another link. */
  | { kind: 'id-taken'; vendorRequestId?: string }
  /** A duplicate-detection rule or an alternate key of the customer refuses the row. */
  | { kind: 'duplicate'; vendorCode: string; vendorRequestId?: string }

/** A row's columns on their way to Dynamics: logical names, or `navigation@odata.bind` for look-ups. */
export type Columns = Readonly<Record<string, string | number | boolean | null>>

/**
 * Leads and contacts over the wire.
 * Every verb throws Unauthorized, Rejected, Busy or Unavailable (see errors.ts) and nothing else.
 */
export interface Records {
  /** One HTTP request ($batch): leads and contacts with this e-mail, plus the named rows that exist. */
  find(query: { email?: string; refs: readonly RecordRef[] }, call: CallContext): Promise<FoundRecord[]>
  /** undefined = 404: the row is not there. */
  read(ref: RecordRef, call: CallContext): Promise<FoundRecord | undefined>
  /** POST with our id. Safe to send again with the same id after any Unavailable. */
  create(ref: RecordRef, columns: Columns, call: CallContext): Promise<CreateResult>
}

/** A user or team that may own a row. */
export interface Owner {
  kind: 'systemuser' | 'team'
  id: string
}

export interface Owners {
  /**
   * `who` is a system user's id or e-mail (internalemailaddress, else domainname), or a team's id.
   * Throws Rejected `owner-not-found`, `owner-disabled` or `owner-ambiguous` (several enabled users match).
   */
  resolve(who: string, call: CallContext): Promise<Owner>
}
