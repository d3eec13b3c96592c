import type { Logger } from 'pino'
import type { CallContext } from '../../abort.ts'
import type { Clock } from '../../clock.ts'
import type { ChangePage, Changes } from '../../dataverse/changes.ts'
import type { RecordRef } from '../../dataverse/records.ts'
import type { RefusedRows, Rows } from '../../dataverse/rows.ts'
import type { RecordType } from '../../person/person.ts'
import type { SyncField } from '../../person/sync-field.ts'
import type { SyncSchema } from '../../person/sync-schema.ts'
import type { Cursor, Stream, SyncStore } from '../../store/sync-port.ts'
import type { SyncSettings } from '../settings.ts'
import { RowIntake } from './row-intake.ts'
import type { Peek, Pull, PullContext, Source } from './stream.ts'

/** How far a table was taken in. */
interface Position {
  next: string
  /** The columns that travel, which `next` asks for. */
  columns: string[]
  /** The table is to be read from its beginning, whatever `next` says. */
  again?: boolean
  /** Columns that did not travel for a while, until a full read has shown them: what is known of them may be old. */
  away?: string[]
  /** Counts full reads of this table, those included that a crash or a change of the columns broke off. */
  epoch: number
  /** A full read is under way; its last page makes this false. */
  full: boolean
  /** Rows that the present full read, or the last one, has given; absent in cursors of former versions. */
  rows?: number
  /** Epoch ms when that read began. */
  startedAt?: number
  /** Rows that the full read did not show are asked for one by one, from this link on. */
  unseenAfter?: number
}

export interface FullRead {
  /** Not all rows have been read. */
  isUnderWay: boolean
  rows: number
  startedAt?: number
}

/** Of the table's cursor: how far the present full read is, or how far the last one came. */
export function fullReadOf(cursor: Pick<Cursor, 'position'>): FullRead {
  const { full, unseenAfter, rows = 0, startedAt } = JSON.parse(cursor.position) as Position
  const isUnderWay = full || unseenAfter !== undefined
  return { isUnderWay, rows, ...(startedAt !== undefined && { startedAt }) }
}

interface Read {
  kind: 'page'
  page: ChangePage
  from: Position
}

interface Expired {
  kind: 'expired'
  from: Position
}

export interface DynamicsStreamOptions {
  recordType: RecordType
  changes: Changes
  rows: Rows
  store: SyncStore
  clock: Clock
  log: Logger
  settings: SyncSettings
  /** The columns may not be those that are known. */
  doubtSchema: () => void
  /** See SchemaWatch. */
  areRowsProven: (call: CallContext, pageVersion?: string) => Promise<boolean>
}

/** Changes of one table in Dynamics: a full read first, deltas after it, and a full read again when those end. */
export class DynamicsStream implements Source {
  readonly stream: Stream
  readonly #options: DynamicsStreamOptions
  readonly #intake: RowIntake

  constructor(options: DynamicsStreamOptions) {
    this.#options = options
    this.#intake = new RowIntake(options)
    this.stream = options.recordType === 'lead' ? 'dynamics-leads' : 'dynamics-contacts'
  }

  /**
   * Columns that do not travel with this schema are noted before anything is read or decided with it: both sides' edits
   * of them pass by unseen meanwhile, and the table is read again.
   */
  async adopt({ selects }: SyncSchema): Promise<void> {
    const position = await this.#position()
    const columns = selects[this.#options.recordType]
    const gone = (position?.columns ?? []).filter((name) => !columns.includes(name))
    if (position === undefined || gone.length === 0) return
    const { store, clock } = this.#options
    const away = [...new Set([...(position.away ?? []), ...gone])]
    const travelling = position.columns.filter((name) => columns.includes(name))
    const now = clock.now()
    const to: Position = { ...position, columns: travelling, away, again: true }
    await store.save({ now, cursors: [this.#cursor(to, now)] })
  }

  /** Takes the page in in parts, the cursor after the last one. */
  async pull(context: PullContext): Promise<Pull> {
    const { store, clock, log, areRowsProven } = this.#options
    const position = await this.#position()
    if (position?.unseenAfter !== undefined) return this.#reconcile(position, position.unseenAfter, context)
    const read = await this.#read(position, context)
    if (read.kind === 'expired') return this.#beginAnew(read.from)
    const { page: told, from } = read
    const isProven = told.rows.length === 0 || (await areRowsProven(context, told.metadataVersion ?? ''))
    // Column security has changed: the page is read again with the columns that are left.
    if (!isProven) return { more: true, items: 0, skipped: 0, unreadable: 0 }
    const page = await this.#intake.clearUp(told, context)
    if (from !== position) await this.#begin(from)
    const to: Position = { ...from, next: page.next, full: from.full && page.more }
    if (from.full) to.rows = (from.rows ?? 0) + page.rows.length
    if (from.full && !page.more) to.unseenAfter = 0
    if (!to.full) to.away = (from.away ?? []).filter((name) => !from.columns.includes(name))
    const now = clock.now()
    const news = await this.#intake.takeIn(page, this.#known(from, now, context), context)
    await store.save({ now, cursors: [this.#cursor(to, now)] })
    if (page.unreadable.length > 0) {
      log.error({ event: 'rows-unreadable', stream: this.stream, rows: page.unreadable })
    }
    const items = page.rows.length + page.deletedIds.length
    return {
      more: page.more || to.unseenAfter !== undefined,
      items,
      skipped: items - news,
      unreadable: page.unreadable.length,
    }
  }

  /** Deleted rows and rows that moved to another record are only counted. */
  async peek(context: PullContext): Promise<Peek> {
    const { clock, settings } = this.#options
    let read = await this.#read(await this.#position(), context)
    if (read.kind === 'expired') read = await this.#readAll(read.from, context)
    const { page, from } = read
    const rows = page.rows.slice(0, settings.workMax)
    const { replicas, newLinks } = await this.#intake.foresee(rows, this.#known(from, clock.now(), context))
    const changes = page.rows.length + page.deletedIds.length
    return { changes, more: page.more, seen: replicas, found: newLinks }
  }

  /** The page after the position, from the beginning when there is none. Expired: Dynamics does not know it any more. */
  async #read(position: Position | undefined, context: PullContext): Promise<Read | Expired> {
    const columns = context.schema.selects[this.#options.recordType]
    if (position === undefined || position.again || !sameMembers(position.columns, columns))
      return this.#readAll(position, context)
    const page = await this.#options.changes.follow(this.#options.recordType, position.next, context)
    return page.kind === 'page' ? { kind: 'page', page, from: position } : { kind: 'expired', from: position }
  }

  async #readAll(position: Position | undefined, context: PullContext): Promise<Read> {
    const { changes, recordType, clock, log } = this.#options
    const columns = [...context.schema.selects[recordType]]
    const epoch = (position?.epoch ?? 0) + 1
    log.info({ event: 'full-read', stream: this.stream, epoch }, 'The table is read from its beginning')
    const page = await changes.start(recordType, columns, context)
    const startedAt = clock.now()
    const { away = [] } = position ?? {}
    return {
      kind: 'page',
      page,
      from: { next: page.next, columns, away, epoch, full: true, rows: 0, startedAt },
    }
  }

  /**
   * Noted before its first page takes effect: what comes after a crash is another read, which may see other columns
   * and other rows.
   */
  async #begin(fullRead: Position): Promise<void> {
    const { store, clock } = this.#options
    const now = clock.now()
    await store.save({ now, cursors: [this.#cursor({ ...fullRead, again: true }, now)] })
  }

  /** A changed table voids its cursors: the next pull reads all of it, with the columns that it has by then. */
  async #beginAnew(position: Position): Promise<Pull> {
    const { store, clock, doubtSchema } = this.#options
    doubtSchema()
    const now = clock.now()
    await store.save({ now, cursors: [this.#cursor({ ...position, again: true }, now)] })
    return { more: true, items: 0, skipped: 0, unreadable: 0 }
  }

  /** After a full read: who was not in it is asked for by id, and only a 404 counts as deleted. */
  async #reconcile(position: Position, after: number, context: PullContext): Promise<Pull> {
    const { store, rows, recordType, settings, clock } = this.#options
    const unseen = await store.unseen(recordType, position.epoch, after, settings.saveMax)
    const refs = unseen.map(({ recordId: id }) => ({ table: recordType, id }))
    const refused: RefusedRows = new Map()
    const present =
      refs.length === 0 ? new Map() : await rows.readRows(refs, context.schema.selects, context, refused)
    const now = clock.now()
    const isAmong = (known: ReadonlyMap<string, unknown>) => (ref: RecordRef) =>
      known.has(`${ref.table}:${ref.id}`)
    const isPresent = isAmong(present)
    const isRefused = isAmong(refused)
    const gone = refs.filter((ref) => !isPresent(ref) && !isRefused(ref)).map(({ id }) => id)
    await this.#intake.takeDoubtful(
      refs.filter(isRefused).map(({ id }) => id),
      now,
    )
    await this.#intake.takeDeleted(gone, now)
    const last = unseen.at(-1)
    const { unseenAfter, ...done } = position
    const to = last && unseen.length === settings.saveMax ? { ...position, unseenAfter: last.linkId } : done
    await store.save({ now, cursors: [this.#cursor(to, now)] })
    return { more: to !== done, items: unseen.length, skipped: unseen.length - gone.length, unreadable: 0 }
  }

  #known({ epoch, full, away = [] }: Position, now: number, { schema }: PullContext) {
    const isBack = ({ column }: SyncField) =>
      column !== undefined &&
      [column.logicalName, `_${column.logicalName}_value`].some((name) => away.includes(name))
    const anew = full ? schema.fields[this.#options.recordType].filter(isBack) : []
    const priority = full ? (1 as const) : (0 as const)
    return { now, epoch, priority, schema, anew: anew.map(({ marketo }) => marketo) }
  }

  async #position(): Promise<Position | undefined> {
    const { cursors } = await this.#options.store.readState()
    const cursor = cursors.find(({ stream }) => stream === this.stream)
    return cursor && (JSON.parse(cursor.position) as Position)
  }

  #cursor(position: Position, now: number) {
    const readAt = position.full || position.unseenAfter !== undefined ? {} : { readAt: now }
    return { stream: this.stream, position: JSON.stringify(position), ...readAt }
  }
}

function sameMembers(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && others.every((one) => some.includes(one))
}
