import type { CallContext } from '../abort.ts'
import { Rejected, Unauthorized } from '../errors.ts'
import { asNumber, asObjects, asString, type JsonObject, parseObject } from '../json.ts'
import type { BatchPart } from './batch.ts'
import type { Client } from './client.ts'
import {
  anyOf,
  entitySets,
  guidLiteral,
  isGuid,
  primaryKeys,
  rowPath,
  selectOf,
  stringLiteral,
} from './odata.ts'
import type { DataverseSettings } from './settings.ts'
import { errorOf, judge, type Reply, rejected, unavailable, vendorError } from './verdict.ts'

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

/** How requests for records reach Dataverse. `name` is what the event log calls them. */
export interface RecordWire {
  /** An answer in the sense of `judge`; everything else is thrown. */
  one(name: string, part: RecordPart, call: CallContext): Promise<Reply>
  /** One reply for each part, in order, whatever its status but 429; all in one HTTP request. */
  several(name: string, parts: readonly RecordPart[], call: CallContext): Promise<readonly Reply[]>
}

/** Leads and contacts over the Web API, each call a request of its own. */
export function createRecords(options: { client: Client; settings: DataverseSettings }): Records {
  const { client, settings } = options
  return recordsOver(
    {
      one: (name, part, call) => client.send({ ...part, name }, call),
      several: (name, parts, call) => client.batch({ name, parts }, call),
    },
    settings,
  )
}

export function recordsOver(wire: RecordWire, settings: DataverseSettings): Records {
  // originatingleadid comes with Dynamics 365 Sales: a contact may have no such column.
  let contactHasOrigin = true

  /**
   * Asks once more without originatingleadid when columns are refused, and remembers if that helped. The other
   * columns are stock: what is refused without it is the organisation's, and nobody's fault.
   */
  const withKnownColumns = async <T>(
    tables: readonly Table[],
    ask: (hasOrigin: boolean) => Promise<T>,
  ): Promise<T> => {
    const asked = contactHasOrigin
    try {
      return await ask(asked)
    } catch (error) {
      if (!isAboutColumns(error)) throw error
      if (!asked || !tables.includes('contact')) throw new Unauthorized(error.message, error.detail)
      const answer = await ask(false).catch((again: unknown) => {
        throw isAboutColumns(again) ? new Unauthorized(again.message, again.detail) : again
      })
      contactHasOrigin = false
      return answer
    }
  }

  const find: Records['find'] = async (query, call) => {
    const lookups = lookupsOf(query, settings.lookupRowsMax, contactHasOrigin)
    if (lookups.length === 0) return []
    const tables = lookups.map(({ table }) => table)
    const pages = await withKnownColumns(tables, async (hasOrigin) => {
      const asked = lookupsOf(query, settings.lookupRowsMax, hasOrigin)
      const parts = asked.map(({ part }) => part)
      const replies = await wire.several('find people', parts, call)
      return replies.map((reply, index) => rowsIn(reply, asked[index]?.table ?? 'lead'))
    })
    // A full page may have left out a row that was asked for by its id.
    const full = pages.some((rows, index) => rows.length >= (lookups[index]?.rowsMax ?? 0))
    if (full && query.email !== undefined && query.refs.length > 0) {
      pages.push(await find({ refs: query.refs }, call))
    }
    return [...new Map(pages.flat().map((row) => [`${row.table} ${row.id}`, row])).values()]
  }

  return {
    find,
    read: (ref, call) =>
      withKnownColumns([ref.table], async (hasOrigin) =>
        rowIn(await wire.one(`read ${ref.table}`, readPart(ref, hasOrigin), call), ref.table),
      ),
    async create(ref, columns, call) {
      const part = createPart(ref, columns, settings.duplicateDetection)
      return createResult(await wire.one(`create ${ref.table}`, part, call))
    },
  }
}

/** Newer organisations say 0x80060888, older ones 0x0, some 404 with a code that says nothing. */
function isAboutColumns(error: unknown): error is Rejected {
  if (!(error instanceof Rejected)) return false
  return error.detail.code === 'mapping-invalid' || error.detail.code === 'refused-without-reason'
}

/** One request for one row or for the rows of one table: sent alone, or as a part of a batch. */
interface RecordPart extends BatchPart {
  method: 'GET' | 'POST'
}

interface Lookup {
  table: Table
  part: RecordPart
  /** A page with so many rows may have left some out. */
  rowsMax: number
}

/** The queries of one look-up, one for each table that it is about. */
function lookupsOf(
  query: { email?: string; refs: readonly RecordRef[] },
  rowsMax: number,
  contactHasOrigin: boolean,
): Lookup[] {
  const tables: readonly Table[] = ['lead', 'contact']
  return tables.flatMap((table) => {
    const ids = query.refs.filter((ref) => ref.table === table).map((ref) => guidLiteral(ref.id))
    const byEmail = (query.email === undefined ? [] : spellingsOf(query.email)).map((spelling) => {
      return { column: 'emailaddress1', literal: stringLiteral(spelling) }
    })
    const terms = [...byEmail, ...ids.map((literal) => ({ column: primaryKeys[table], literal }))]
    if (terms.length === 0) return []
    const top = rowsMax + ids.length
    const path = `${entitySets[table]}?${select(table, contactHasOrigin)}&$filter=${anyOf(terms)}&$top=${top}`
    return [{ table, part: { method: 'GET', path }, rowsMax: top }]
  })
}

/** What is copied along with an address: no-break space, zero-width space, byte order mark, left-to-right mark. */
const STRAYS = ['\u00a0', '\u200b', '\ufeff', '\u200e']

/**
 * `eq` takes no notice of case and of blanks at the end, but a row whose e-mail was pasted with something that cannot
 * be seen is the same person. Which character stands where cannot be asked for in general: what copying leaves at
 * one end can.
 */
function spellingsOf(email: string): string[] {
  const around = STRAYS.flatMap((stray) => [`${stray}${email}`, `${email}${stray}`])
  return [email, ` ${email}`, ...around, `\u202a${email}\u202c`]
}

function readPart(ref: RecordRef, contactHasOrigin: boolean): RecordPart {
  const path = `${rowPath(ref)}?${select(ref.table, contactHasOrigin)}`
  return { method: 'GET', path, headers: { 'if-none-match': 'null' } }
}

/**
 * The row carries our id. The organisation's published duplicate rules apply only when asked for.
 * Source: Microsoft Learn, "Create a table row using the Web API", "Manage duplicate detection".
 */
function createPart(ref: RecordRef, columns: Columns, duplicateDetection: boolean): RecordPart {
  return {
    method: 'POST',
    path: entitySets[ref.table],
    headers: duplicateDetection ? { 'mscrm.suppressduplicatedetection': 'false' } : {},
    body: JSON.stringify({ ...columns, [primaryKeys[ref.table]]: guidLiteral(ref.id) }),
  }
}

function select(table: Table, contactHasOrigin: boolean): string {
  const shared = ['statecode', 'merged', '_masterid_value']
  if (table === 'lead') return selectOf(table, [...shared, '_parentcontactid_value'])
  return selectOf(table, contactHasOrigin ? [...shared, '_originatingleadid_value'] : shared)
}

/** The rows of a page. Throws Unauthorized, Rejected or Unavailable. */
function rowsIn(reply: Reply, table: Table): FoundRecord[] {
  // Parts are told apart by their own status; a throttled one has already been thrown.
  const error = errorOf(judge(reply), reply, 0)
  if (error !== undefined) throw error
  const rows = asObjects(parseObject(reply.body)?.value)?.map((row) => foundRecord(row, table))
  if (rows === undefined || rows.includes(undefined))
    throw unavailable(reply, 'a page of rows is not readable')
  return rows.filter((row) => row !== undefined)
}

/** The row of a reply that is an answer; undefined = it is not there. Throws Unavailable. */
function rowIn(reply: Reply, table: Table): FoundRecord | undefined {
  // `judge` lets no other 404 pass than the one that names a missing row.
  if (reply.status === 404) return undefined
  const row = foundRecord(parseObject(reply.body), table)
  if (row === undefined) throw unavailable(reply, 'the row is not readable')
  return row
}

/**
 * What a reply that is an answer says of a create. Throws Rejected or Unavailable.
 * 0x80040333 can be the echo of our own earlier create, committed after its answer was lost: whoever gets
 * `duplicate` reads the row by id before believing it.
 */
function createResult(reply: Reply): CreateResult {
  const ids = reply.requestId === undefined ? {} : { vendorRequestId: reply.requestId }
  if (reply.status === 204) return { kind: 'created', ...ids }
  if (reply.status === 201 && parseObject(reply.body) !== undefined) return { kind: 'created', ...ids }
  if (reply.status < 300)
    throw unavailable(reply, `a create answered HTTP ${reply.status} with an unreadable body`)
  const error = vendorError(reply)
  switch (error?.code) {
    case '0x80040237':
      return { kind: 'id-taken', ...ids }
    case '0x80040333':
    case '0x80060892':
      return { kind: 'duplicate', vendorCode: error.code, ...ids }
    default:
      if (reply.status === 412) throw unavailable(reply, 'a create answered HTTP 412 for an unknown reason')
      throw rejected(error?.code, error?.message ?? '', reply)
  }
}

/** A row of the Web API as the look-up sees it; undefined when it is not such a row. */
function foundRecord(row: JsonObject | undefined, table: Table): FoundRecord | undefined {
  if (row === undefined) return undefined
  const id = guidIn(row[`${table}id`])
  const stateCode = asNumber(row.statecode)
  if (id === undefined || stateCode === undefined) return undefined
  const masterId = guidIn(row._masterid_value)
  const originatingLeadId = guidIn(row._originatingleadid_value)
  const parentContactId = guidIn(row._parentcontactid_value)
  return {
    table,
    id,
    stateCode,
    merged: row.merged === true,
    ...(masterId === undefined ? {} : { masterId }),
    ...(originatingLeadId === undefined ? {} : { originatingLeadId }),
    ...(parentContactId === undefined ? {} : { parentContactId }),
  }
}

function guidIn(value: unknown): string | undefined {
  const text = asString(value)
  return text !== undefined && isGuid(text) ? text.toLowerCase() : undefined
}
