import type { CallContext } from '../abort.ts'
import { asObject, asObjects, asString, type JsonObject } from '../json.ts'
import type { Log } from '../log.ts'
import type { Client } from './client.ts'
import { CallRefused } from './refusal.ts'
import type { MarketoSettings } from './settings.ts'
import { readDate, readId, readText, unavailable, writeDate } from './verdict.ts'

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
  /** Entries without a readable person, date or key, or in which something changed that cannot be read. */
  unreadable: number
  /** The cursor for the next page or the next cycle. */
  next: string
  /** Another page waits now, whether or not this one was empty. */
  more: boolean
}

const NEW_LEAD = 12
const CHANGE_DATA_VALUE = 13

/** Activity type ids that the background sync reads. Source: Adobe, "Activities" (always check types.json). */
export const ACTIVITY_TYPES = { changeScore: 22, mergeLeads: 32, deleteLead: 37 } as const

/** How far back deletions can be read. Source: Adobe, "Activities" (deleted leads). */
export const DELETIONS_KEPT_MS = 14 * 86_400_000

/**
 * Marketo's change log. Throws Unauthorized, Rejected, Busy or Unavailable (see errors.ts).
 * `lost`: Marketo does not take the token any more; begin again with `tokenSince`. A token that has just been
 * issued is never `lost`: its refusal is Rejected, since another token would not help.
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
  /** At most 10 type ids, and never Delete Lead: whether this feed gives it is not documented. */
  activities(
    token: string,
    typeIds: readonly number[],
    call: CallContext,
  ): Promise<FeedPage<LeadActivity> | { kind: 'lost' }>
  /** Delete Lead, for as long as Marketo keeps it (`DELETIONS_KEPT_MS`); losers of a merge are among them. */
  deletedPeople(token: string, call: CallContext): Promise<FeedPage<LeadActivity> | { kind: 'lost' }>
}

export function createChanges(options: { client: Client; settings: MarketoSettings; log: Log }): Changes {
  const feed = createFeed(options)
  return {
    tokenSince: feed.start,
    leadChanges(token, fields, call) {
      const path = 'activities/leadchanges.json'
      return feed.page(
        { path, name: 'read changes', token, parameters: { fields: fields.join() } },
        readChange,
        call,
      )
    },
    activities(token, typeIds, call) {
      const parameters = { activityTypeIds: typeIds.join() }
      return feed.page(
        { path: 'activities.json', name: 'read activities', token, parameters },
        readActivity,
        call,
      )
    },
    deletedPeople(token, call) {
      const path = 'activities/deletedleads.json'
      return feed.page({ path, name: 'read deletions', token, parameters: {} }, readDeletion, call)
    },
  }
}

function readChange(entry: JsonObject): LeadChange | undefined {
  const head = readHead(entry)
  const fields = readFields(entry.fields)
  if (head === undefined || fields === undefined) return undefined
  const { typeId, ...common } = head
  const source = asString(attributesOf(entry).Source)
  const said = { ...common, fields, ...(source === undefined ? {} : { source }) }
  if (typeId === NEW_LEAD) return { kind: 'new', ...said }
  return typeId === CHANGE_DATA_VALUE && fields.length > 0 ? { kind: 'changed', ...said } : undefined
}

/** One field that cannot be read makes the entry unreadable: half of a change is not what happened. */
function readFields(value: unknown): LeadChange['fields'] | undefined {
  const fields = asObjects(value ?? [])?.map((field) => {
    const [name, oldValue, newValue] = [
      asString(field.name),
      readText(field.oldValue),
      readText(field.newValue),
    ]
    return !name || oldValue === undefined || newValue === undefined
      ? undefined
      : { name, oldValue, newValue }
  })
  return fields?.every((field) => field !== undefined) ? fields : undefined
}

function readActivity(entry: JsonObject): LeadActivity | undefined {
  const head = readHead(entry)
  if (head === undefined) return undefined
  const primaryAttributeValueId = readId(entry.primaryAttributeValueId)
  const primaryAttributeValue = readText(entry.primaryAttributeValue)
  return {
    ...head,
    ...(primaryAttributeValueId === undefined ? {} : { primaryAttributeValueId }),
    ...(primaryAttributeValue ? { primaryAttributeValue } : {}),
    attributes: attributesOf(entry),
  }
}

/** Whatever this feed gives is a deletion. Adobe's own samples differ in which member names the person. */
function readDeletion(entry: JsonObject): LeadActivity | undefined {
  const { leadId = entry.primaryAttributeValueId, marketoGUID = entry.id } = entry
  return readActivity({ ...entry, leadId, marketoGUID, activityTypeId: ACTIVITY_TYPES.deleteLead })
}

function readHead({ marketoGUID, leadId, activityDate, activityTypeId }: JsonObject) {
  const [guid, marketoId] = [readText(marketoGUID), readId(leadId)]
  const [at, typeId] = [readDate(activityDate), readId(activityTypeId)]
  if (!guid || marketoId === undefined || at === undefined || typeId === undefined) return undefined
  return { guid, marketoId, at, typeId }
}

/** A value that is no plain one, such as a list of ids, is given as JSON. */
function attributesOf({ attributes }: JsonObject): LeadActivity['attributes'] {
  const list: readonly unknown[] = Array.isArray(attributes) ? attributes : []
  return Object.fromEntries(
    list.flatMap((attribute) => {
      const { name, value = null } = asObject(attribute) ?? {}
      if (typeof name !== 'string' || value === null || value === '') return []
      const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      return [[name, isPlain ? value : JSON.stringify(value)] as const]
    }),
  )
}

/** A log of Marketo that is read page by page, behind a token. */
interface Feed {
  start(since: number, call: CallContext): Promise<string>
  /** `read` gives undefined for an entry that cannot be read: it is counted, and the page goes on without it. */
  page<Item>(
    query: { path: string; name: string; token: string; parameters: Readonly<Record<string, string>> },
    read: (entry: JsonObject) => Item | undefined,
    call: CallContext,
  ): Promise<FeedPage<Item> | { kind: 'lost' }>
}

const permission = 'Read-Only Activity'

/** Source: Adobe, "Paging tokens" and "Activities". */
function createFeed(options: { client: Client; settings: MarketoSettings; log: Log }): Feed {
  const { client, settings, log } = options
  /** The last one issued, while no page was read with it: a refusal cannot be about it. */
  let unused: string | undefined

  return {
    async start(since, call) {
      const query = new URLSearchParams({ sinceDatetime: writeDate(since) })
      const request = { path: 'activities/pagingtoken.json', query, name: 'begin a feed', permission }
      const answer = await client.read({ ...request, timeoutMs: settings.feedStartTimeoutMs }, call)
      if (answer.nextPageToken === undefined) throw unavailable('no paging token', answer.requestId)
      unused = answer.nextPageToken
      return unused
    },

    async page({ path, name, token, parameters }, read, call) {
      const query = new URLSearchParams({
        ...parameters,
        nextPageToken: token,
        batchSize: String(settings.batchSizeMax),
      })
      const request = { path, query, name, permission, timeoutMs: settings.feedTimeoutMs }
      try {
        const answer = await client.read(request, call)
        if (token === unused) unused = undefined
        const { moreResult, nextPageToken = token, requestId } = answer
        // A page that leads to itself would be read for ever.
        const more = moreResult && nextPageToken !== token
        const entries = answer.items.map((entry) => read(asObject(entry) ?? {}))
        const items = entries.filter((item) => item !== undefined)
        const unreadable = entries.length - items.length
        if (unreadable > 0) {
          log.warn({
            event: 'marketo-entries-unreadable',
            request: name,
            count: unreadable,
            vendorRequestId: requestId,
          })
        }
        return { kind: 'page', items, unreadable, next: nextPageToken, more }
      } catch (error) {
        if (token !== unused && isAboutToken(error)) return { kind: 'lost' }
        // Of no record, since a feed is asked about none: a code that Adobe does not list may pass.
        if (!(error instanceof CallRefused) || !error.isUnlisted) throw error
        throw unavailable(error.message, error.detail.vendorRequestId)
      }
    },
  }
}

/**
 * Adobe documents neither how long a paging token lasts nor what its end looks like. So every refusal for good
 * counts as one, save those that name another cause: method, body, address, feature or field.
 */
const otherCauses = new Set(['605', '609', '610', '612', '613', '616', '703', '1006', '1011', '1018'])

function isAboutToken(error: unknown): boolean {
  if (!(error instanceof CallRefused) || error.fields.length > 0 || error.isUnlisted) return false
  const { vendorCode = '' } = error.detail
  return /^\d+$/.test(vendorCode) && !otherCauses.has(vendorCode)
}
