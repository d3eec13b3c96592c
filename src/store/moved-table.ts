import { createHash, type Hash } from 'node:crypto'
import { type Row, text } from './rows.ts'
import type { Database } from './sqlite/database.ts'
import { unpadded } from './sqlite/erasable.ts'

/** A table that both databases have, with the same columns. */
export interface MovedTable {
  name: string
  /** Columns that order its rows. */
  key: readonly string[]
  /** Columns in the order of SQLite, with their type there. */
  columns: ReadonlyMap<string, string>
  /** The column whose values the database counts up. */
  counted?: string
  pageRows: number
}

const PAGE_ROWS = 1_000
/** Of tables whose rows are pages themselves. */
const LONG_PAGE_ROWS = 20

type Named = Pick<MovedTable, 'name' | 'key' | 'counted'> & { isLong?: boolean }

/** Each after those that it points to. */
const TABLES: readonly Named[] = [
  { name: 'link', key: ['link_id'], counted: 'link_id' },
  { name: 'identifier', key: ['kind', 'value'] },
  { name: 'alias', key: ['kind', 'value'] },
  { name: 'departed', key: ['marketo_id'] },
  { name: 'request', key: ['request_id'] },
  { name: 'intent', key: ['link_id', 'generation'] },
  { name: 'activity', key: ['activity_id'], counted: 'activity_id' },
  { name: 'replica', key: ['link_id'] },
  { name: 'conflict', key: ['conflict_id'], counted: 'conflict_id' },
  { name: 'failure', key: ['failure_id'], counted: 'failure_id' },
  { name: 'cursor', key: ['stream'] },
  { name: 'sync_control', key: ['paused'] },
  { name: 'chunk', key: ['number'], counted: 'number' },
  { name: 'chunk_page', key: ['number', 'position'], isLong: true },
  { name: 'callback_part', key: ['number', 'position'], isLong: true },
  { name: 'chunk_person', key: ['number', 'position'] },
  { name: 'binding', key: ['kind'] },
]
/** Jobs are made anew; each database keeps its own migrations, and its own row to write for a probe. */
const LEFT_BEHIND: ReadonlySet<string> = new Set(['job', 'migration', 'probe', 'sqlite_sequence'])

/** Throws when the store has a table of which nobody has said whether it moves. */
export function movedTables(database: Database): MovedTable[] {
  const known = new Set([...LEFT_BEHIND, ...TABLES.map(({ name }) => name)])
  for (const row of database.prepare("select name from sqlite_schema where type = 'table'").iterate()) {
    if (!known.has(text(row, 'name'))) throw new Error(`There is no rule for moving the table ${row.name}`)
  }
  return TABLES.map(({ isLong = false, ...table }) => ({
    ...table,
    columns: columnsOf(database, table.name),
    pageRows: isLong ? LONG_PAGE_ROWS : PAGE_ROWS,
  }))
}

function columnsOf(database: Database, name: string): Map<string, string> {
  const rows = database.prepare('select name, type from pragma_table_info(?)').all(name)
  return new Map(rows.map((row) => [text(row, 'name'), text(row, 'type')]))
}

export function quotedColumns({ columns }: MovedTable): string {
  return [...columns.keys()].map((column) => `"${column}"`).join(', ')
}

/** Texts that SQLite keeps padded come as they were given. */
export function columnsInSqlite({ columns }: MovedTable): string {
  const padded = ['payload', 'columns', 'body']
  return [...columns.keys()]
    .map((column) => (padded.includes(column) ? `${unpadded(column)} as "${column}"` : `"${column}"`))
    .join(', ')
}

/** Texts in the order of their bytes, as SQLite has them. */
export function orderInPostgres({ key, columns }: MovedTable): string {
  return key.map((column) => `"${column}"${columns.get(column) === 'TEXT' ? ' collate "C"' : ''}`).join(', ')
}

/** How many rows there are and what they say, told the same way by both databases. */
export class Contents {
  readonly #columns: readonly string[]
  readonly #hash: Hash = createHash('sha256')
  rows = 0

  constructor({ columns }: MovedTable) {
    this.#columns = [...columns.keys()]
  }

  add(rows: readonly Row[]): void {
    this.rows += rows.length
    for (const row of rows) this.#hash.update(`${JSON.stringify(this.#columns.map((name) => row[name]))}\n`)
  }

  /** Call it once, at the end. */
  digest(): string {
    return this.#hash.digest('hex')
  }
}
