import type { CallContext } from '../abort.ts'
import { Rejected } from '../errors.ts'
import { asObject, asString, type JsonObject, parseObject } from '../json.ts'
import { type ApiRequest, type Client, SERVICE_ROOT } from './client.ts'
import { entitySets, isGuid, selectOf } from './odata.ts'
import type { Table } from './records.ts'
import { rowId, type SeenRow, seenRow } from './rows.ts'
import type { DataverseSettings } from './settings.ts'
import { type Reply, unavailable, vendorError } from './verdict.ts'

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

/** Change tracking over the Web API. */
export function createChanges(options: {
  client: Client
  /** Of the organisation, such as https://contoso.crm4.dynamics.com. */
  origin: string
  settings: DataverseSettings
}): Changes {
  const { client, origin, settings } = options
  const pageSize = `odata.include-annotations="${METADATA_VERSION}",odata.maxpagesize=${settings.changesPageSize}`
  const tracking = `odata.track-changes,${pageSize}`

  const ask = async (table: Table, prefer: string, request: Question, call: CallContext): Promise<Reply> => {
    const { path, understands } = request
    const reply = await client.send(
      {
        method: 'GET',
        path,
        headers: { prefer },
        name: `changes of ${table}`,
        timeoutMs: settings.bulkTimeoutMs,
        understands: (given) => isUntracked(given) || understands?.(given) === true,
      },
      call,
    )
    if (isUntracked(reply)) throw untracked(reply)
    return reply
  }

  const pageOf = (reply: Reply, table: Table): ChangePage => {
    const page = readChangePage(reply, table)
    const ids = reply.requestId === undefined ? {} : { vendorRequestId: reply.requestId }
    return { kind: 'page', ...page, next: checkedLink(page.next, origin, table).href, ...ids }
  }

  return {
    async start(table, columns, call) {
      const path = `${entitySets[table]}?${selectOf(table, columns)}`
      return pageOf(await ask(table, tracking, { path }, call), table)
    },
    async follow(table, next, call) {
      // The organisation has another address now; its token of the old one is not sent there.
      if (URL.parse(next, origin)?.origin !== origin) return { kind: 'expired' }
      const url = checkedLink(next, origin, table)
      const request = { path: pathBelowRoot(url), understands: isExpired }
      const reply = await ask(table, isDeltaLink(url) ? pageSize : tracking, request, call)
      if (isExpired(reply)) return { kind: 'expired' }
      const page = pageOf(reply, table)
      if (page.more && page.next === url.href) throw unavailable(reply, 'a page of changes links to itself')
      return page
    },
  }
}

type Question = Pick<ApiRequest, 'path' | 'understands'>

/** ChangeTrackingNotEnabledForEntity. */
function isUntracked(reply: Reply): boolean {
  return reply.status >= 400 && vendorError(reply)?.code === '0x80072491'
}

function untracked(reply: Reply): Rejected {
  return new Rejected('change tracking is off for a table', {
    code: 'change-tracking-off',
    advice: 'Switch on "Track changes" in the properties of the tables lead and contact.',
    vendorCode: '0x80072491',
    ...(reply.requestId === undefined ? {} : { vendorRequestId: reply.requestId }),
  })
}

/** ExpiredVersionStamp. The HTTP status that comes with it is not documented. */
const expiredCode = '0x80044352'
/**
 * What is wrong with the question itself: its syntax or a column (0x80060888), an argument, or nothing that
 * has a code. The question was Dataverse's own link, so the table or the token has changed; a start with
 * today's columns says what is wrong if that is not it.
 */
const questionCodes: ReadonlySet<string | undefined> = new Set(['0x80060888', '0x80040203', '0x0', undefined])

function isExpired(reply: Reply): boolean {
  const { status } = reply
  // Without Dataverse's envelope somebody in between has answered.
  const error = status >= 400 ? vendorError(reply) : undefined
  if (error === undefined) return false
  if (error.code === expiredCode || status === 410) return true
  return (status === 400 || status === 404) && questionCodes.has(error.code)
}

type Item =
  | { kind: 'row'; row: SeenRow }
  | { kind: 'deleted'; id: string }
  | { kind: 'unreadable'; id: string | undefined }

/** An annotation of lists. Source: Microsoft Learn, "Cache schema data". */
const METADATA_VERSION = 'Microsoft.Dynamics.CRM.globalmetadataversion'

/** Its links are not checked yet. */
type RawPage = Pick<ChangePage, 'rows' | 'deletedIds' | 'unreadable' | 'next' | 'more' | 'metadataVersion'>

/**
 * A page of rows and tombstones. One item that cannot be read is set aside; a page without a list or
 * without a link to go on is Unavailable. Source: Microsoft Learn, "Use change tracking to synchronize data
 * with external systems"; OData JSON Format 4.0, "Deleted Entity".
 */
function readChangePage(reply: Reply, table: Table): RawPage {
  const page = reply.status === 200 ? parseObject(reply.body) : undefined
  const value = page?.value
  if (!Array.isArray(value)) throw unavailable(reply, 'a page of changes is not readable')
  const nextLink = asString(page?.['@odata.nextLink'])
  const next = nextLink ?? asString(page?.['@odata.deltaLink'])
  if (next === undefined)
    throw unavailable(reply, 'a page of changes has neither a next link nor a delta link')
  const metadataVersion = asString(page?.[`@${METADATA_VERSION}`])
  return {
    ...sorted(value.map((item) => itemOf(asObject(item), table))),
    next,
    more: nextLink !== undefined,
    ...(metadataVersion === undefined ? {} : { metadataVersion }),
  }
}

function sorted(items: readonly Item[]): Pick<RawPage, 'rows' | 'deletedIds' | 'unreadable'> {
  const deleted = new Set(items.flatMap((item) => (item.kind === 'deleted' ? [item.id] : [])))
  // Deleted and there: made anew or restored. Only a read tells which was last.
  const there = new Set(items.flatMap((item) => (item.kind === 'row' ? [item.row.id] : [])))
  const unclear = [...deleted].filter((id) => there.has(id))
  const isClear = (id: string) => !(deleted.has(id) && there.has(id))
  const unreadable = items.flatMap((item) => (item.kind === 'unreadable' ? [item.id] : []))
  return {
    rows: items.flatMap((item) => (item.kind === 'row' && isClear(item.row.id) ? [item.row] : [])),
    deletedIds: [...deleted].filter(isClear),
    unreadable: [...unreadable, ...unclear].map((id) => (id === undefined ? {} : { id })),
  }
}

function itemOf(item: JsonObject | undefined, table: Table): Item {
  if (item === undefined) return { kind: 'unreadable', id: undefined }
  const context = asString(item['@odata.context'])
  if (item.reason !== undefined || context?.endsWith('/$deletedEntity'))
    return tombstone(item, context, table)
  const row = seenRow(item, table)
  return row === undefined ? { kind: 'unreadable', id: rowId(item, table) } : { kind: 'row', row }
}

function tombstone(item: JsonObject, context: string | undefined, table: Table): Item {
  const id = idIn(asString(item.id), table)
  const ours = context === undefined || context.endsWith(`#${entitySets[table]}/$deletedEntity`)
  // The other reason, "changed", says that a row has left the selection, not that it is gone.
  const gone = item.reason === undefined || item.reason === 'deleted'
  return id !== undefined && ours && gone ? { kind: 'deleted', id } : { kind: 'unreadable', id }
}

/** A GUID, bare or as the end of the row's URL. */
function idIn(text: string | undefined, table: Table): string | undefined {
  if (text === undefined) return undefined
  const [, set, inUrl] = /(?:^|\/)(\w+)\(([0-9a-f-]{36})\)$/i.exec(text) ?? []
  const id = set === entitySets[table] ? inUrl : text
  return id !== undefined && isGuid(id) ? id.toLowerCase() : undefined
}

/**
 * A nextLink or deltaLink with all that it stands for: our token goes only to the configured organisation,
 * and only to the rows of this table. It stays absolute, so that a link of one organisation is never
 * followed in another. Throws Rejected `foreign-link`.
 */
function checkedLink(link: string, origin: string, table: Table): URL {
  const url = URL.parse(link, origin)
  const home = `${SERVICE_ROOT}${entitySets[table]}`
  const plain = url?.username === '' && url.password === '' && url.hash === ''
  if (url === null || !plain || url.origin !== origin || url.pathname !== home) {
    throw new Rejected('a link leads outside the organisation', {
      code: 'foreign-link',
      advice:
        "Set DATAVERSE_URL to the organisation's own address, and make sure that no proxy rewrites its answers.",
    })
  }
  return url
}

/** Below the service root, as the client wants it. */
function pathBelowRoot(url: URL): string {
  return url.pathname.slice(SERVICE_ROOT.length) + url.search
}

/** Of changes, and not of the first read of all rows. */
function isDeltaLink(url: URL): boolean {
  return url.searchParams.has('$deltatoken')
}
