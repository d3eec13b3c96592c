import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Postgres } from './postgres.ts'

/** One replica works, the others wait for it and find it done. */
const LOCK = "select pg_advisory_xact_lock(hashtextextended('sync-person-to-microsoft: migrations', 0))"
const LEDGER = `create table if not exists migration (
                  number bigint primary key,
                  applied_at timestamptz not null default now()
                )`

/** The SQL of this version's functions. */
export function readFunctions(): string {
  return readFolder('functions').join('\n')
}

function readFolder(folder: string): string[] {
  const directory = join(import.meta.dirname, folder)
  return readdirSync(directory)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => readFileSync(join(directory, name), 'utf8'))
}

/**
 * Brings tables and functions up to this version, and gives the schema of the functions. Tables only ever gain, so
 * that an older version goes on working beside a newer one. Functions are code: each version of them has a schema
 * of its own, named after what they say, and no replica calls another version's.
 */
export async function migrate(postgres: Postgres, functions = readFunctions()): Promise<string> {
  const schema = `sync_person_${createHash('sha256').update(functions).digest('hex').slice(0, 12)}`
  const steps = readFolder('migrations').map((sql, index) =>
    unless(
      `exists (select from migration where number = ${index + 1})`,
      `${sql} insert into migration (number) values (${index + 1});`,
    ),
  )
  const install = unless(
    `to_regnamespace('${schema}') is not null`,
    `create schema ${schema};
     select set_config('search_path', '${schema},' || current_setting('search_path'), true);
     ${functions}`,
  )
  await postgres.transaction([LOCK, LEDGER, ...steps, install].map((sql) => ({ text: sql, values: [] })))
  return schema
}

function unless(condition: string, sql: string): string {
  return `do $unless$ begin if not (${condition}) then execute $sql$${sql}$sql$; end if; end $unless$`
}
