import type { CallContext } from '../abort.ts'

/** One entry of a person's change log. Values are texts whatever the field's type; null and absent are empty. */
export interface LeadChange {
  /** marketoGUID: the only unique key, since integer ids repeat. */
  guid: string
  marketoId: number
  /** Epoch ms; the vendor keeps whole seconds. */
  at: number
  kind: 'new' | 'changed'
  fields: readonly { name: string; oldValue: string | null; newValue: string | null }[]
  /** Such as `Web service API` or `Web form fillout`. */
  source?: string
}

/** Any other activity. Attributes by the name that Marketo sends; empty ones are left out. */
export interface LeadActivity {
  guid: string
  marketoId: number
  at: number
  typeId: number
  primaryAttributeValueId?: number
  primaryAttributeValue?: string
  attributes: Readonly<Record<string, string | number | boolean>>
}

export interface FeedPage<Item> {
  kind: 'page'
  items: readonly Item[]
  /** Entries without a readable person, date or key. */
  unreadable: number
  /** The cursor for the next page or the next cycle. */
  next: string
  /** Another page waits now, whether or not this one was empty. */
  more: boolean
}

/** Activity type ids that the background sync reads. Source: Adobe, "Activities" (always check types.json). */
export const ACTIVITY_TYPES = { changeScore: 22, mergeLeads: 32, deleteLead: 37 } as const

/**
 * Marketo's change log. Throws Unauthorized, Rejected, Busy or Unavailable (see errors.ts).
 * `lost`: Marketo does not take the token any more; begin again with `tokenSince`.
 */
export interface Changes {
  /** A cursor for everything dated from `since` (epoch ms) on. */
  tokenSince(since: number, call: CallContext): Promise<string>
  /** New people and changed values of the named fields (REST names). */
  leadChanges(
    token: string,
    fields: readonly string[],
    call: CallContext,
  ): Promise<FeedPage<LeadChange> | { kind: 'lost' }>
  /** At most 10 type ids. */
  activities(
    token: string,
    typeIds: readonly number[],
    call: CallContext,
  ): Promise<FeedPage<LeadActivity> | { kind: 'lost' }>
}
