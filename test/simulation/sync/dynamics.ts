import assert from 'node:assert/strict'
import type { ChangePage } from '../../../src/dataverse/changes.ts'
import type { Columns } from '../../../src/dataverse/records.ts'
import type { SeenRow, Update, UpdateResult } from '../../../src/dataverse/rows.ts'
import type { Scheduler } from '../scheduler.ts'
import { shuffled } from './change-log.ts'
import { byColumn, FIELDS, fromColumn, STAMP, type Table, toColumn, type Value } from './schema.ts'

export interface Row {
  table: Table
  id: string
  columns: Record<string, Value>
  version: number
}

interface Token {
  table: Table
  columns: readonly string[]
  epoch: number
  /** Full reads go by id, deltas by version. */
  after: string | number
  until: number
}

export interface DynamicsWatch {
  /** After a PATCH of the service changed a column; values as Marketo has them. */
  onWritten(ref: { table: Table; id: string }, field: string, value: Value): void
}

const PAGE_MAX = 30
const WRITABLE = new Set([
  ...FIELDS.filter(({ direction }) => direction !== 'to-marketo').map(({ column }) => column),
  STAMP,
])
/** A value that a plug-in of the customer refuses. */
export const REFUSED = 'REFUSED'

/**
 * Leads and contacts with a global version, etags and change tracking, as Microsoft documents them: a delta shows
 * each changed row once, as it is now, and names the deleted ones.
 */
export class SimulatedDynamics {
  readonly rows: Readonly<Record<Table, Map<string, Row>>> = { lead: new Map(), contact: new Map() }
  readonly bin = new Map<string, Row>()
  /** What a plug-in makes of a value on its way into a row, whoever writes it. */
  alters: (column: string, value: Value) => Value = (_, value) => value
  /** Columns that read as null, without a word, and that a write is refused for. */
  readonly secured = new Set<string>()
  #schemaVersion = 0
  watch: DynamicsWatch = { onWritten: () => {} }
  writes = 0
  readonly #scheduler: Scheduler
  readonly #deleted: Readonly<Record<Table, Map<string, number>>> = { lead: new Map(), contact: new Map() }
  #version = 0
  #epoch = 0
  #nextRow = 0

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  row(table: Table, id: string): Row {
    const row = this.rows[table].get(id)
    assert.ok(row)
    return row
  }

  nextId(): string {
    this.#nextRow += 1
    return `00000000-0000-4000-8000-${String(this.#nextRow).padStart(12, '0')}`
  }

  create(table: Table, columns: Record<string, Value>, id = this.nextId()): string {
    assert.ok(!this.rows[table].has(id), 'a row is made once')
    this.rows[table].set(
      id,
      this.#touched({ table, id, columns: { statecode: 0, merged: false, ...columns }, version: 0 }),
    )
    this.#deleted[table].delete(id)
    this.#scheduler.note(`D+${table}${id}`)
    return id
  }

  set(table: Table, id: string, columns: Record<string, Value>): void {
    const row = this.row(table, id)
    Object.assign(row.columns, columns)
    this.#touched(row)
    this.#scheduler.note(`D${id}${JSON.stringify(columns)}`)
  }

  remove(table: Table, id: string): void {
    this.bin.set(id, this.row(table, id))
    this.rows[table].delete(id)
    this.#version += 1
    this.#deleted[table].set(id, this.#version)
    this.#scheduler.note(`D-${id}`)
  }

  restore(id: string): Row {
    const row = this.bin.get(id)
    assert.ok(row)
    this.bin.delete(id)
    this.#deleted[row.table].delete(id)
    this.rows[row.table].set(id, this.#touched(row))
    this.#scheduler.note(`D^${id}`)
    return row
  }

  /** Tokens stay valid: the worse case. */
  secure(column: string, on: boolean): void {
    if (on) this.secured.add(column)
    else this.secured.delete(column)
    this.#schemaVersion += 1
  }

  /** Every delta link given out so far is too old from now on. */
  expireTokens(): void {
    this.#epoch += 1
  }

  start(table: Table, columns: readonly string[]): ChangePage {
    return this.#fullPage({ table, columns, epoch: this.#epoch, after: '', until: this.#version })
  }

  follow(table: Table, next: string): ChangePage | { kind: 'expired' } {
    const token = JSON.parse(next) as Token
    assert.equal(token.table, table)
    if (token.epoch !== this.#epoch) return { kind: 'expired' }
    return typeof token.after === 'string' ? this.#fullPage(token) : this.#deltaPage(token)
  }

  read(table: Table, id: string, columns: readonly string[]): SeenRow | undefined {
    const row = this.rows[table].get(id)
    return row && this.#seen(row, columns)
  }

  update({ ref: { table, id }, etag, columns }: Update, select: readonly string[]): UpdateResult {
    const row = this.rows[table].get(id)
    if (row === undefined) return { kind: 'missing' }
    assert.notEqual(etag, '*', 'every update says on which state it was decided')
    if (etag !== etagOf(row)) return { kind: 'stale' }
    this.#check(columns)
    if (Object.values(columns).some((value) => String(value).startsWith(REFUSED))) {
      return { kind: 'refused', detail: { code: 'business-rule', advice: 'Ask the administrator.' } }
    }
    if (Object.keys(columns).some((column) => this.secured.has(column))) {
      return { kind: 'refused', detail: { code: 'column-secured', advice: 'Open the column.' } }
    }
    this.#touched(row)
    this.#scheduler.note(`S${id}${JSON.stringify({ ...columns, [STAMP]: '' })}`)
    for (const [column, value] of Object.entries(columns)) {
      const before = row.columns[column] ?? null
      const stored = this.alters(column, value)
      row.columns[column] = stored
      const field = byColumn.get(column)
      if (field === undefined || fromColumn(field, before) === fromColumn(field, stored)) continue
      this.writes += 1
      this.watch.onWritten({ table, id }, field.marketo, fromColumn(field, value))
    }
    return { kind: 'updated', row: this.#seen(row, select) }
  }

  #check(columns: Columns): void {
    for (const [column, value] of Object.entries(columns)) {
      assert.ok(WRITABLE.has(column), `S10: ${column} is not ours to write in Dynamics`)
      const field = byColumn.get(column)
      const isKnown =
        field === undefined || value === null || toColumn(field, fromColumn(field, value)) === value
      assert.ok(isKnown, `S10: ${column} cannot hold what was written`)
    }
  }

  #fullPage(token: Token): ChangePage {
    const { table, columns, after, until, epoch } = token
    const left = [...this.rows[table].values()].filter(({ id }) => id > String(after))
    const page = left.sort((one, other) => (one.id < other.id ? -1 : 1)).slice(0, PAGE_MAX)
    const last = page.at(-1)
    const more = left.length > page.length && last !== undefined
    const next: Token = more
      ? { ...token, after: last.id }
      : { table, columns, epoch, after: until, until: 0 }
    return this.#page(page, [], columns, next, more)
  }

  #deltaPage(token: Token): ChangePage {
    const { table, columns, after, until, epoch } = token
    const upTo = until === 0 ? this.#version : until
    const from = Number(after)
    const changes: { version: number; row?: Row; deletedId?: string }[] = []
    for (const row of this.rows[table].values()) {
      if (row.version > from) changes.push({ version: row.version, row })
    }
    for (const [deletedId, version] of this.#deleted[table]) {
      if (version > from) changes.push({ version, deletedId })
    }
    changes.sort((one, other) => one.version - other.version)
    const page = changes.slice(0, PAGE_MAX)
    const last = page.at(-1)
    const more = changes.length > page.length && last !== undefined
    const next: Token = {
      table,
      columns,
      epoch,
      after: last?.version ?? Math.max(from, upTo),
      until: more ? upTo : 0,
    }
    return this.#page(
      page.flatMap(({ row }) => row ?? []),
      page.flatMap(({ deletedId }) => deletedId ?? []),
      columns,
      next,
      more,
    )
  }

  #page(
    rows: Row[],
    deletedIds: string[],
    columns: readonly string[],
    next: Token,
    more: boolean,
  ): ChangePage {
    return {
      kind: 'page',
      rows: shuffled(rows, this.#scheduler).map((row) => this.#seen(row, columns)),
      deletedIds: shuffled(deletedIds, this.#scheduler),
      unreadable: [],
      next: JSON.stringify(next),
      more,
      ...(this.#schemaVersion > 0 && { metadataVersion: String(this.#schemaVersion) }),
    }
  }

  #seen(row: Row, columns: readonly string[]): SeenRow {
    const shown = (column: string) => (this.secured.has(column) ? null : (row.columns[column] ?? null))
    return {
      id: row.id,
      etag: etagOf(row),
      columns: Object.fromEntries(columns.map((column) => [column, shown(column)])),
    }
  }

  #touched(row: Row): Row {
    this.#version += 1
    row.version = this.#version
    return row
  }
}

/** Not the version itself: nobody may page by it. */
function etagOf({ version }: Row): string {
  return `W/"${version * 7 + 3}"`
}
