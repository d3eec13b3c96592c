import type { CallContext } from '../abort.ts'
import {
  Busy,
  type FailureDetail,
  isVendorError,
  Rejected,
  Unauthorized,
  Unavailable,
  type VendorError,
} from '../errors.ts'
import { halves, type Sent, sendDivided } from '../gathering.ts'
import { asString, type JsonObject, parseObject } from '../json.ts'
import type { BatchPart } from './batch.ts'
import { type Client, isUnreadable, type PartOutcome } from './client.ts'
import type { Limiter } from './limiter.ts'
import { entitySets, guidLiteral, isGuid, primaryKeys, rowPath, selectsOf } from './odata.ts'
import type { Columns, RecordRef, Table } from './records.ts'
import type { DataverseSettings } from './settings.ts'
import { errorOf, isAboutEveryRow, judge, type Reply, rejected, unavailable, vendorError } from './verdict.ts'

/** A row as Dataverse returns it: columns by logical name, look-ups as `_column_value`. */
export interface SeenRow {
  /** Bare lower-case GUID. */
  id: string
  /** Goes into If-Match; has nothing to do with versionnumber. */
  etag: string
  columns: JsonObject
}

/** Which columns a row comes back with. */
type Selects = Readonly<Record<Table, readonly string[]>>

export interface Update {
  ref: RecordRef
  /** The state that the update was decided on. */
  etag: string
  columns: Columns
}

export type UpdateResult =
  /** Proven by the row as it is now. */
  | { kind: 'updated'; row: SeenRow; vendorRequestId?: string }
  /** The row is no longer the one with this etag: read it and decide again. */
  | { kind: 'stale' }
  /** 404: the row is not there. */
  | { kind: 'missing' }
  /** Sending the same again cannot help; `isDenied`: until our user may do it. */
  | { kind: 'refused'; detail: FailureDetail; isDenied?: true }
  /** Certainly not executed; try again after this time. `because`: what keeps every row back until an operator acts. */
  | { kind: 'unsent'; retryAfterMs: number; because?: Unauthorized }
  /** No usable answer: it may or may not have been executed, now or later. */
  | { kind: 'unknown' }

/** Rows that Dynamics will not give, by `<table>:<id>`, and why. */
export type RefusedRows = Map<string, FailureDetail>

/** Whole rows in bulk, for the background sync. */
export interface Rows {
  /**
   * PATCH with If-Match, in as few $batch requests as the pace allows. One result for each update, in order.
   * Throws only while there is no result yet: Unauthorized, or Unavailable when `call.signal` aborts before
   * anything was sent.
   */
  update(updates: readonly Update[], selects: Selects, call: CallContext): Promise<UpdateResult[]>
  /**
   * The rows that exist, by `<table>:<id>`. Who is not in the map got a 404 that names a missing row; any other
   * answer is thrown for all, as Unauthorized, Rejected, Busy or Unavailable. With `refused`, the rows at fault are
   * put into it instead, unless it is all of Dynamics or their whole table.
   */
  readRows(
    refs: readonly RecordRef[],
    selects: Selects,
    call: CallContext,
    refused?: RefusedRows,
  ): Promise<ReadonlyMap<string, SeenRow>>
}

interface Room {
  client: Client
  limiter: Limiter
  settings: DataverseSettings
}

/** A row that Dynamics answered with neither the row nor the news that it is gone. */
interface Unread {
  ref: RecordRef
  error: VendorError
  reply: Reply
}

/** Rows in bulk over the Web API. */
export function createRows(room: Room): Rows {
  return {
    update: (updates, selects, call) => updateRows(room, updates, selects, call),
    async readRows(refs, selects, call, refused) {
      const wanted = [...new Map(refs.map((ref) => [keyOf(ref), ref])).values()]
      const first = await readOnce(room, wanted, selects, call)
      const [unread] = first.unread
      if (unread === undefined) return first.found
      if (refused === undefined) throw unread.error
      const again = first.unread.map(({ ref }) => ref)
      const second = await readOnce(room, again, selects, call)
      const found = new Map([...first.found, ...second.found])
      await proveTables(room, { wanted, unread: second.unread }, selects, call)
      for (const one of second.unread) refused.set(keyOf(one.ref), detailOf(one))
      return found
    },
  }
}

function keyOf({ table, id }: RecordRef): string {
  return `${table}:${guidLiteral(id)}`
}

/** Throws what concerns no single row. */
async function readOnce(
  { client, limiter }: Room,
  wanted: readonly RecordRef[],
  selects: Selects,
  call: CallContext,
): Promise<{ found: Map<string, SeenRow>; unread: Unread[] }> {
  const found = new Map<string, SeenRow>()
  const unread: Unread[] = []
  const select = selectsOf(selects)
  const left = [...wanted]
  while (left.length > 0) {
    const batch = left.splice(0, limiter.pace.batchSize)
    const parts = batch.map((ref) => readPart(`${rowPath(ref)}?${select[ref.table]}`))
    const replies = await client.batch({ name: 'read rows', parts, paced: true }, call)
    for (const [index, ref] of batch.entries()) {
      const reply = replies[index]
      if (reply === undefined) throw new RangeError('fewer replies than parts')
      try {
        const row = rowIn(reply, ref)
        if (row !== undefined) found.set(keyOf(ref), row)
      } catch (error) {
        if (!isVendorError(error) || isAboutEveryRow(judge(reply))) throw error
        unread.push({ ref, error, reply })
      }
    }
  }
  return { found, unread }
}

function readPart(path: string): BatchPart {
  return { method: 'GET', path, headers: { 'if-none-match': 'null' } }
}

/**
 * Of a table of which no row could be read, the columns or our rights may be at fault: any one row of it shows
 * whether they are. Throws if so.
 */
async function proveTables(
  { client }: Room,
  { wanted, unread }: { wanted: readonly RecordRef[]; unread: readonly Unread[] },
  selects: Selects,
  call: CallContext,
): Promise<void> {
  const select = selectsOf(selects)
  const failed = Map.groupBy(unread, ({ ref }) => ref.table)
  for (const [table, rows] of failed) {
    if (rows.length < wanted.filter((ref) => ref.table === table).length) continue
    const parts = [readPart(`${entitySets[table]}?${select[table]}&$top=1`)]
    const [reply] = await client.batch({ name: 'read any row', parts }, call)
    if (reply === undefined) throw new RangeError('fewer replies than parts')
    const error = errorOf(judge(reply), reply, 0)
    if (error !== undefined) throw error
    if (reply.status !== 200) throw unavailable(reply, 'a table is not readable')
  }
}

function detailOf({ error, reply }: Unread): FailureDetail {
  if (error instanceof Rejected || error instanceof Unauthorized) return error.detail
  const { code, message = '' } = vendorError(reply) ?? {}
  const { field, ...detail } = rejected(code, message, reply).detail
  return { ...detail, ...NO_ROW }
}

const NO_ROW = {
  code: 'row-unreadable',
  advice:
    'Open the record in Dynamics; if it looks right there, report it to Microsoft with the request id. The service reads it again automatically, at growing intervals.',
}

function rowIn(reply: Reply, ref: RecordRef): SeenRow | undefined {
  const error = errorOf(judge(reply), reply, 0)
  if (error !== undefined) throw error
  // `judge` lets no other 404 pass than the one that names a missing row.
  if (reply.status === 404) return undefined
  const body = reply.status === 200 ? parseObject(reply.body) : undefined
  if (body === undefined) throw unavailable(reply, 'a row is not readable')
  const row = seenRow(body, ref.table)
  if (row === undefined) throw new Rejected('Dataverse returned something that is not a row', NO_ROW)
  if (row.id !== guidLiteral(ref.id))
    throw unavailable(reply, 'Dataverse returned another row than the requested one')
  return row
}

interface Planned {
  index: number
  update: Update
  part: BatchPart
}

/**
 * Batch after batch, so that what one of them meets holds back those behind it: after a throttled, lost or
 * unanswered batch the rest is `unsent`. A batch that is refused as a whole is halved until the row that is
 * to blame stands alone. See `Rows.update`.
 */
async function updateRows(
  room: { client: Client; limiter: Limiter; settings: DataverseSettings },
  updates: readonly Update[],
  selects: Selects,
  call: CallContext,
): Promise<UpdateResult[]> {
  const { client, limiter, settings } = room
  const results = new Map<number, UpdateResult>()
  const select = selectsOf(selects)
  const planned = updates.flatMap((update, index) => {
    const part = updatePart(update, select[update.ref.table])
    if ('path' in part) return [{ index, update, part }]
    results.set(index, part)
    return []
  })
  let nothingKnown = true
  const send = async (group: readonly Planned[], mayDivide: boolean): Promise<Sent<Planned>> => {
    const parts = group.map(({ part }) => part)
    const outcomes = await client.attempt({ name: 'update rows', parts, paced: true }, call)
    // The next batches are smaller, until the row that makes them unreadable stands alone.
    if (outcomes.some(isUnreadable)) limiter.learn({ kind: 'slow', operations: parts.length })
    if (nothingKnown) throwIfInVain(outcomes, call)
    if (group.length > 1 && mayDivide && outcomes.every(isRefusedUnread)) return halves(group)
    nothingKnown = false
    for (const [at, { index, update }] of group.entries()) {
      const outcome = outcomes[at]
      if (outcome) results.set(index, updateResult(outcome, update, settings.resendAfterMs))
    }
    return outcomes.some(holdsBack) ? 'stop' : 'done'
  }
  const sizeMax = () => limiter.pace.batchSize
  await sendDivided([planned], { sizeMax, splitsMax: settings.batchSplitsMax, send })
  const retryAfterMs = Math.max(limiter.pausedForMs, settings.resendAfterMs)
  return updates.map((_, index) => results.get(index) ?? { kind: 'unsent', retryAfterMs })
}

/**
 * The organisation's duplicate rules are not applied, unlike to a create: they look at the whole row, so an
 * update of any column would fail for every record that somebody has twice.
 * Source: Microsoft Learn, "Update and delete table rows using the Web API", "Manage duplicate detection".
 */
function updatePart(update: Update, select: string): BatchPart | UpdateResult {
  const { ref, etag, columns } = update
  // Without a proper tag the update would be unconditional, or break the batch.
  if (!isEtag(etag)) return { kind: 'stale' }
  try {
    return {
      method: 'PATCH',
      path: `${rowPath(ref)}?${select}`,
      headers: { 'if-match': etag, prefer: 'return=representation' },
      body: JSON.stringify(columns),
    }
  } catch (error) {
    if (error instanceof Rejected) return { kind: 'refused', detail: error.detail }
    throw error
  }
}

/** Throws while there is nothing to tell yet: our token is refused, or the caller left before a byte did. */
function throwIfInVain(outcomes: readonly PartOutcome[], call: CallContext): void {
  for (const outcome of outcomes) {
    const error = errorIn(outcome)
    const leftEarly = call.signal.aborted && outcome.kind === 'no-reply' && !outcome.sent
    if (!leftEarly && !(error instanceof Unauthorized)) return
  }
  const [first] = outcomes
  const error = first && errorIn(first)
  if (error !== undefined) throw error
}

function errorIn(outcome: PartOutcome) {
  if (outcome.kind === 'no-reply') return outcome.error
  const verdict = judge(outcome.reply)
  return isAboutEveryRow(verdict) ? errorOf(verdict, outcome.reply, 0) : undefined
}

function isRefusedUnread(outcome: PartOutcome): boolean {
  return outcome.kind === 'no-reply' && outcome.error instanceof Rejected
}

function holdsBack(outcome: PartOutcome): boolean {
  if (outcome.kind === 'no-reply') return !(outcome.error instanceof Rejected)
  const verdict = judge(outcome.reply)
  return verdict.kind === 'throttled' || isAboutEveryRow(verdict)
}

/** What one part of a batch of updates means for its row. `resendAfterMs` where Dataverse names no time. */
export function updateResult(outcome: PartOutcome, update: Update, resendAfterMs: number): UpdateResult {
  if (outcome.kind === 'no-reply') return unanswered(outcome.error, outcome.sent, resendAfterMs)
  const { reply, waitMs } = outcome
  const verdict = judge(reply)
  const error = errorOf(verdict, reply, waitMs)
  // A token, and what concerns the whole organisation, stops an operation before it begins and says nothing of the row.
  if (isAboutEveryRow(verdict)) {
    return {
      kind: 'unsent',
      retryAfterMs: resendAfterMs,
      ...(error instanceof Unauthorized && { because: error }),
    }
  }
  if (error === undefined) return answered(reply, update)
  if (error instanceof Unavailable) return unanswered(error, !wasRolledBack(reply), resendAfterMs)
  return error instanceof Busy
    ? { kind: 'unsent', retryAfterMs: error.retryAfterMs }
    : { kind: 'refused', detail: error.detail, ...(error instanceof Unauthorized && { isDenied: true }) }
}

/** A refusal of the whole batch stands for each of its updates; so does silence. */
function unanswered(error: VendorError, sent: boolean, resendAfterMs: number): UpdateResult {
  if (error instanceof Rejected) return { kind: 'refused', detail: error.detail }
  if (error instanceof Unavailable && sent) return { kind: 'unknown' }
  return { kind: 'unsent', retryAfterMs: error instanceof Busy ? error.retryAfterMs : resendAfterMs }
}

/** DuplicateRecord, DuplicateRecordsFound, DuplicateRecordEntityKey. */
const duplicates: ReadonlySet<string> = new Set(['0x80040237', '0x80040333', '0x80060892'])
/** ObjectDoesNotExist, RecordNotFoundByEntityKey. */
const absences: ReadonlySet<string> = new Set(['0x80040217', '0x80060891'])

/** A success or one of the replies that `judge` leaves to the verb. */
function answered(reply: Reply, update: Update): UpdateResult {
  const { ref } = update
  if (reply.status < 300) {
    const row = seenRow(parseObject(reply.body), ref.table)
    // Executed, but what the row is now can only be read.
    if (row?.id !== ref.id.toLowerCase()) return { kind: 'unknown' }
    return { kind: 'updated', row, ...(reply.requestId ? { vendorRequestId: reply.requestId } : {}) }
  }
  const error = vendorError(reply)
  // What is left besides these is a 412: the row is not in the state that the update was decided on.
  if (error?.code === undefined || !(duplicates.has(error.code) || absences.has(error.code))) {
    return { kind: 'stale' }
  }
  if (reply.status === 404 && isAboutRow(error.message, error.code, update)) return { kind: 'missing' }
  return { kind: 'refused', detail: rejected(error.code, error.message, reply).detail }
}

/**
 * The row itself, or a row that one of its look-ups is to point to? Both are 0x80040217, and a wrong answer
 * would bury a living row. Messages are localised, ids in them are not.
 */
function isAboutRow(message: string, code: string, { ref, columns }: Update): boolean {
  if (code !== '0x80040217') return false
  const named: readonly string[] =
    message.toLowerCase().match(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? []
  if (named.length > 0) return named.includes(ref.id.toLowerCase())
  return !Object.keys(columns).some((key) => key.endsWith('@odata.bind'))
}

/** ConcurrentOperationFailure and the two refusals of an overloaded database. */
const rolledBackCodes: ReadonlySet<string | undefined> = new Set(['0x80071154', '0x80072324', '0x8005f103'])

/** A deadlock's victim is rolled back; its SQL number stands in the message, in every language. */
function wasRolledBack(reply: Reply): boolean {
  const error = vendorError(reply)
  if (error?.code === '0x80044150') return /\b1205\b/.test(error.message)
  return rolledBackCodes.has(error?.code)
}

/** A row of the Web API; undefined without an id or a tag that If-Match would take. */
export function seenRow(row: JsonObject | undefined, table: Table): SeenRow | undefined {
  if (row === undefined) return undefined
  const { '@odata.context': context, '@odata.etag': tag, ...columns } = row
  const id = rowId(row, table)
  const etag = asString(tag)
  return id !== undefined && etag !== undefined && isEtag(etag) ? { id, etag, columns } : undefined
}

/** The row's id in lower case; undefined when it is no GUID. */
export function rowId(row: JsonObject, table: Table): string | undefined {
  const id = asString(row[primaryKeys[table]])
  return id !== undefined && isGuid(id) ? id.toLowerCase() : undefined
}

/** Never `*`, which would update whatever is there. Source: RFC 9110, 8.8.3. */
function isEtag(text: string): boolean {
  return /^(?:W\/)?"[\x21\x23-\x7e]*"$/.test(text)
}
