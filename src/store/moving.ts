import type { JobStatements } from '../jobs/port.ts'
import {
  Contents,
  columnsInSqlite,
  type MovedTable,
  movedTables,
  orderInPostgres,
  quotedColumns,
} from './moved-table.ts'
import { statement } from './postgres/statement.ts'
import type { Transfer } from './postgres/transfer.ts'
import { integer, type Row, text } from './rows.ts'
import type { Database } from './sqlite/database.ts'

export interface MoveOptions {
  /** The store that is moved; it stays as it is. Nobody else can have it open. */
  from: Database
  /** Into tables that are there and empty; committed by who began it. */
  to: Transfer
  jobs: Pick<JobStatements, 'enqueue'>
  /** Told of each table that has arrived. */
  say: (line: string) => void
}

const DIGEST_SHOWN = 16

/** Carries everything over and compares it. Throws with a sentence when something is in the way or has changed. */
export async function moveStore(options: MoveOptions): Promise<void> {
  const { from, to, say } = options
  const tables = movedTables(from)
  await holdEmpty(to, tables)
  for (const table of tables) {
    const { rows, digest } = await moveTable(table, options).catch((error) => {
      throw new Error(`${table.name}: ${error instanceof Error ? error.message : error}`, { cause: error })
    })
    say(`${table.name}: ${rows} rows, sha256 ${digest.slice(0, DIGEST_SHOWN)}`)
    await countOn(table, options)
  }
  await run(to, 'set constraints all immediate')
  await run(to, 'alter table link alter constraint link_merged_into_fkey not deferrable')
  await freeLeases(to)
  say(`jobs: ${await makeJobs(options)} made for requests that are not finished`)
}

function run(to: Transfer, sql: string, parameters?: Readonly<Record<string, unknown>>): Promise<Row[]> {
  return to.run(statement(sql, parameters))
}

/** Nobody writes to the tables from here on until it is over. */
async function holdEmpty(to: Transfer, tables: readonly MovedTable[]): Promise<void> {
  await run(to, `lock table ${tables.map(({ name }) => name).join(', ')} in share row exclusive mode`)
  const filled: string[] = []
  for (const { name } of tables) {
    // Made with one row, which says that the sync is not paused.
    if (name === 'sync_control') continue
    if ((await run(to, `select from ${name} limit 1`)).length > 0) filled.push(name)
  }
  if (filled.length > 0) {
    throw new Error(
      `The database of DATABASE_URL is not empty: there are rows in ${filled.join(', ')}. A store moves into an empty one only.`,
    )
  }
  await run(to, 'delete from sync_control')
  // A link that was merged away may point to a later one.
  await run(to, 'alter table link alter constraint link_merged_into_fkey deferrable initially deferred')
}

async function moveTable(
  table: MovedTable,
  { from, to }: MoveOptions,
): Promise<{ rows: number; digest: string }> {
  const columns = quotedColumns(table)
  const insert = `insert into ${table.name} (${columns})
                  select ${columns} from json_populate_recordset(null::${table.name}, :rows::json)`
  const sent = new Contents(table)
  const all = from
    .prepare(`select ${columnsInSqlite(table)} from ${table.name} order by ${table.key.join(', ')}`)
    .iterate()
  for (const rows of pagesOf(all, table.pageRows)) {
    sent.add(rows)
    await run(to, insert, { rows: JSON.stringify(rows) })
  }
  const arrived = new Contents(table)
  await run(
    to,
    `declare arrived cursor for select ${columns} from ${table.name} order by ${orderInPostgres(table)}`,
  )
  for (let rows: Row[] = []; ; arrived.add(rows)) {
    rows = await run(to, `fetch ${table.pageRows} from arrived`)
    if (rows.length === 0) break
  }
  await run(to, 'close arrived')
  const digest = sent.digest()
  if (arrived.rows !== sent.rows || arrived.digest() !== digest) {
    throw new Error(
      `The copy differs from the original: ${sent.rows} rows, of which ${arrived.rows} arrived.`,
    )
  }
  return { rows: sent.rows, digest }
}

function* pagesOf(rows: Iterable<Row>, pageRows: number): Generator<Row[]> {
  let page: Row[] = []
  for (const row of rows) {
    page.push(row)
    if (page.length < pageRows) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}

/** Numbers go on after the last one that was ever given: a cursor may stand on one whose row is gone. */
async function countOn({ name, counted }: MovedTable, { from, to }: MoveOptions): Promise<void> {
  if (counted === undefined) return
  const row = from
    .prepare(
      `select coalesce((select seq from sqlite_sequence where name = :name),
                       (select max(${counted}) from ${name}), 0) as last`,
    )
    .get({ name })
  const last = row === undefined ? 0 : integer(row, 'last')
  if (last > 0)
    await run(to, 'select setval(pg_get_serial_sequence(:name, :counted), :last)', { name, counted, last })
}

/** Of the process that had the store. */
async function freeLeases(to: Transfer): Promise<void> {
  await run(to, 'update link set lease_owner = null, lease_until = 0 where lease_owner is not null')
  await run(to, 'update chunk set leased_until = 0 where leased_until > 0')
}

/** Each is due at once, as if it had not been tried. */
async function makeJobs({ from, to, jobs }: MoveOptions): Promise<number> {
  const open = from
    .prepare(
      `select request_id, coalesce(priority, 0) as priority from request left join job using (request_id)
        where settled_at is null order by accepted_at`,
    )
    .iterate()
  let made = 0
  for (const row of open) {
    const lane = integer(row, 'priority') === 0 ? 'real-time' : 'batch'
    await to.run(await jobs.enqueue({ requestId: text(row, 'request_id'), lane, held: false }))
    made += 1
  }
  return made
}
