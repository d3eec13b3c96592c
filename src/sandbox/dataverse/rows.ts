import { TABLE_NAMES, type TableName, type Value } from './table.ts'

export interface Row {
  id: string
  /** For @odata.etag and If-Match; its numbers have nothing to do with versionnumber. */
  etag: number
  /** Only what is not null; look-ups under their column's name. */
  values: Map<string, Value>
  /** Which table a look-up column's id belongs to. */
  targets: Map<string, string>
}

/** One committed write, for tests to check invariants against. */
export interface Commit {
  /** Milliseconds since the epoch. */
  at: number
  operation: 'create' | 'update' | 'delete'
  table: TableName
  id: string
  /** The columns as they were written, without what the server adds; empty for a delete. */
  columns: Readonly<Record<string, Value>>
  userId: string
}

export interface Written {
  values: ReadonlyMap<string, Value>
  targets: ReadonlyMap<string, string>
}

const INDEXED: Record<TableName, readonly string[]> = {
  lead: ['emailaddress1', 'emailaddress2', 'emailaddress3'],
  contact: ['emailaddress1', 'emailaddress2', 'emailaddress3'],
  account: ['emailaddress1'],
  systemuser: ['internalemailaddress', 'domainname', 'applicationid'],
  team: ['name'],
}

interface Shelf {
  rows: Map<string, Row>
  /** Column to lower-cased value to ids. */
  indexes: Map<string, Map<string, Set<string>>>
}

/** All rows of the organisation, their indexes, the row version and the commit log. Every verb is synchronous, hence atomic. */
export class Rows {
  readonly commits: Commit[] = []
  readonly #shelves = new Map<TableName, Shelf>()
  #undo: (() => void)[] | undefined
  #etag = 6_619_000
  #version = 7_400_000
  #sequence = 0x5f0a31c0

  constructor() {
    this.clear()
  }

  clear(): void {
    this.commits.length = 0
    for (const table of TABLE_NAMES) {
      const indexes = new Map(INDEXED[table].map((column) => [column, new Map<string, Set<string>>()]))
      this.#shelves.set(table, { rows: new Map(), indexes })
    }
  }

  /** Ids made by the server look sequential, as real ones do. */
  nextId(): string {
    this.#sequence += 1
    return `${this.#sequence.toString(16).padStart(8, '0')}-17c3-f011-bec2-000d3a8b1a2c`
  }

  nextVersion(): number {
    this.#version += 3
    return this.#version
  }

  get(table: TableName, id: string): Row | undefined {
    return this.#shelf(table).rows.get(id)
  }

  all(table: TableName): Iterable<Row> {
    return this.#shelf(table).rows.values()
  }

  count(table: TableName): number {
    return this.#shelf(table).rows.size
  }

  isIndexed(table: TableName, column: string): boolean {
    return this.#shelf(table).indexes.has(column)
  }

  /** Ids of the rows whose indexed column equals the value, whatever the case. */
  idsBy(table: TableName, column: string, value: string): ReadonlySet<string> {
    return this.#shelf(table).indexes.get(column)?.get(value.toLowerCase()) ?? new Set()
  }

  insert(table: TableName, row: Omit<Row, 'etag'>, columns: Commit['columns'], userId: string): Row {
    const stored = { ...row, etag: this.#nextEtag() }
    this.#put(table, stored)
    this.#commit({ at: Date.now(), operation: 'create', table, id: row.id, columns, userId }, () =>
      this.#drop(table, stored),
    )
    return stored
  }

  /** A null in `written` empties the column. */
  update(table: TableName, before: Row, written: Written, columns: Commit['columns'], userId: string): Row {
    const after = this.#merge(before, written)
    after.etag = this.#nextEtag()
    this.#drop(table, before)
    this.#put(table, after)
    this.#commit({ at: Date.now(), operation: 'update', table, id: before.id, columns, userId }, () => {
      this.#drop(table, after)
      this.#put(table, before)
    })
    return after
  }

  /** The row version moves and nothing else does, as system processes make it. */
  touch(table: TableName, row: Row): void {
    this.#put(
      table,
      this.#merge(row, { values: new Map([['versionnumber', this.nextVersion()]]), targets: new Map() }),
    )
  }

  remove(table: TableName, row: Row, userId: string): void {
    this.#drop(table, row)
    this.#commit({ at: Date.now(), operation: 'delete', table, id: row.id, columns: {}, userId }, () =>
      this.#put(table, row),
    )
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

  #merge(before: Row, written: Written): Row {
    const after = { ...before, values: new Map(before.values), targets: new Map(before.targets) }
    for (const [name, value] of written.values) {
      if (value === null) after.values.delete(name)
      else after.values.set(name, value)
    }
    for (const [name, target] of written.targets) after.targets.set(name, target)
    return after
  }

  #commit(commit: Commit, undo: () => void): void {
    this.commits.push(commit)
    this.#undo?.push(undo)
  }

  #nextEtag(): number {
    this.#etag += 1
    return this.#etag
  }

  #put(table: TableName, row: Row): void {
    const shelf = this.#shelf(table)
    shelf.rows.set(row.id, row)
    for (const [column, index] of shelf.indexes) {
      const value = row.values.get(column)
      if (typeof value !== 'string') continue
      const ids = index.get(value.toLowerCase()) ?? new Set()
      index.set(value.toLowerCase(), ids.add(row.id))
    }
  }

  #drop(table: TableName, row: Row): void {
    const shelf = this.#shelf(table)
    shelf.rows.delete(row.id)
    for (const [column, index] of shelf.indexes) {
      const value = row.values.get(column)
      if (typeof value !== 'string') continue
      const ids = index.get(value.toLowerCase())
      ids?.delete(row.id)
      if (ids?.size === 0) index.delete(value.toLowerCase())
    }
  }

  #shelf(table: TableName): Shelf {
    const shelf = this.#shelves.get(table)
    if (!shelf) throw new Error(`the sandbox has no table ${table}`)
    return shelf
  }
}
