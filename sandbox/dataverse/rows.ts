import type { Commit } from './commit.ts'
import { sequentialIds } from './ids.ts'
import { type Row, Shelf } from './shelf.ts'
import { TABLE_NAMES, type TableName, type Value } from './table.ts'

export type NewRow = Omit<Row, 'etag' | 'version'>

/** A null among the values empties the column. */
export interface Written {
  values: ReadonlyMap<string, Value>
  targets: ReadonlyMap<string, string>
}

export interface RowsOptions {
  /** Milliseconds since the epoch. */
  now?: () => number
  /** GUIDs for rows that come without one. */
  nextId?: () => string
}

/** All rows of the organisation, the row version and the commit log. Every verb is synchronous, hence atomic. */
export class Rows {
  readonly commits: Commit[] = []
  readonly now: () => number
  readonly nextId: () => string
  readonly #shelves = new Map<TableName, Shelf>()
  #undo: (() => void)[] | undefined
  #etag = 6_619_000
  #version = 7_400_000

  constructor({ now = Date.now, nextId = sequentialIds() }: RowsOptions = {}) {
    this.now = now
    this.nextId = nextId
    this.clear()
  }

  clear(): void {
    this.commits.length = 0
    const version = this.#nextVersion()
    for (const table of TABLE_NAMES) this.#shelves.set(table, new Shelf(table, version))
  }

  /** The newest version that any row has. */
  get version(): number {
    return this.#version
  }

  get(table: TableName, id: string): Row | undefined {
    return this.shelf(table).rows.get(id)
  }

  all(table: TableName): Iterable<Row> {
    return this.shelf(table).rows.values()
  }

  count(table: TableName): number {
    return this.shelf(table).rows.size
  }

  isIndexed(table: TableName, column: string): boolean {
    return this.shelf(table).isIndexed(column)
  }

  /** Ids of the rows whose indexed column equals the value, whatever the case. */
  idsBy(table: TableName, column: string, value: string): ReadonlySet<string> {
    return this.shelf(table).idsBy(column, value)
  }

  shelf(table: TableName): Shelf {
    const shelf = this.#shelves.get(table)
    if (!shelf) throw new Error(`the sandbox has no table ${table}`)
    return shelf
  }

  insert(table: TableName, row: NewRow, columns: Commit['columns'], userId: string): Row {
    const stored = this.#stamp({ ...row, etag: this.#nextEtag(), version: 0 })
    const undo = this.shelf(table).put(stored)
    this.#commit({ operation: 'create', table, id: row.id, columns, userId }, undo)
    return stored
  }

  update(table: TableName, before: Row, written: Written, columns: Commit['columns'], userId: string): Row {
    const after = this.#stamp({ ...merge(before, written), etag: this.#nextEtag() })
    const undo = this.shelf(table).put(after)
    this.#commit({ operation: 'update', table, id: before.id, columns, userId }, undo)
    return after
  }

  /** The row version moves and nothing else does, as system processes make it. */
  touch(table: TableName, row: Row): void {
    const shelf = this.shelf(table)
    shelf.put(this.#stamp(merge(row, { values: new Map(), targets: new Map() })))
    if (!this.#undo) shelf.tidy()
  }

  remove(table: TableName, row: Row, userId: string): void {
    const undo = this.shelf(table).drop(row, this.#nextVersion())
    this.#commit({ operation: 'delete', table, id: row.id, columns: {}, userId }, undo)
  }

  /** Nobody can go on from a delta token of this table that was given out so far. */
  expireTokens(table: TableName): void {
    this.shelf(table).trackedSince = this.#nextVersion()
  }

  /** Out of the recycle bin, under its old id; undefined when it is not in there. */
  restore(table: TableName, id: string, userId: string): Row | undefined {
    const binned = this.shelf(table).bin.get(id)
    return binned && this.insert(table, { ...binned, values: new Map(binned.values) }, {}, userId)
  }

  /** All of `work` or nothing; `work` is synchronous, so nobody sees a half of it. */
  atomically<T>(work: () => T): T {
    const mark = this.commits.length
    const undo: (() => void)[] = []
    this.#undo = undo
    try {
      return work()
    } catch (error) {
      for (const step of undo.reverse()) step()
      this.commits.length = mark
      throw error
    } finally {
      this.#undo = undefined
    }
  }

  #commit(commit: Omit<Commit, 'at'>, undo: () => void): void {
    this.commits.push({ at: this.now(), ...commit })
    if (this.#undo) this.#undo.push(undo)
    else this.shelf(commit.table).tidy()
  }

  /** A new version, and the column that shows it. */
  #stamp(row: Row): Row {
    row.version = this.#nextVersion()
    row.values.set('versionnumber', row.version)
    return row
  }

  #nextVersion(): number {
    this.#version += 3
    return this.#version
  }

  #nextEtag(): number {
    this.#etag += 1
    return this.#etag
  }
}

function merge(before: Row, written: Written): Row {
  const after = { ...before, values: new Map(before.values), targets: new Map(before.targets) }
  for (const [name, value] of written.values) {
    if (value === null) after.values.delete(name)
    else after.values.set(name, value)
  }
  for (const [name, target] of written.targets) after.targets.set(name, target)
  return after
}
