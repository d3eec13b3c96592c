import { join } from 'node:path'
import { type Problems, readInteger } from './setting.ts'

export type StoreConfig =
  | SqliteConfig
  /** `connectionsMax`: of this process. */
  | { kind: 'postgres'; url: string; connectionsMax: number }

export interface SqliteConfig {
  kind: 'sqlite'
  directory: string
  /** How long the check of the file may take at the start; 0 = there is none. */
  checkSeconds: number
  /** How long the database's log may hold what was erased. */
  eraseWithinSeconds: number
  /** `kept`: at most. */
  backups: { directory: string; kept: number }
}

/** From which DATA_DIR to which database a store is moved. */
export interface Move {
  directory: string
  url: string
}

/** In the order of .env.example and of docs/configuration.md. */
export const STORE_VARIABLES = [
  'DATABASE_URL',
  'DATABASE_URL_FILE',
  'DATABASE_CONNECTIONS',
  'DATA_DIR',
  'STORE_CHECK_SECONDS',
  'ERASE_WITHIN_SECONDS',
  'BACKUP_DIR',
  'BACKUPS_KEPT',
] as const
type Values = Readonly<Partial<Record<string, string>>>

const CONNECTIONS = { default: 10, min: 2, max: 100 } as const
const CHECK_SECONDS = { default: 10, min: 0, max: 3_600 } as const
const ERASE_WITHIN_SECONDS = { default: 60, min: 1, max: 86_400 } as const
const BACKUPS_KEPT = { default: 7, min: 1, max: 1_000 } as const

/** DATABASE_URL is the choice: the image always sets DATA_DIR. */
export function readStore(values: Values, problems: Problems): StoreConfig {
  const { DATABASE_URL: url, DATABASE_CONNECTIONS: connections } = values
  const connectionsMax = readInteger('DATABASE_CONNECTIONS', connections, CONNECTIONS, problems)
  const sqlite = readSqlite(values, problems)
  if (url === undefined) return sqlite
  return { kind: 'postgres', url: readUrl(url, problems), connectionsMax }
}

function readSqlite(values: Values, problems: Problems): SqliteConfig {
  const directory = readDirectory(values)
  const { STORE_CHECK_SECONDS: check, ERASE_WITHIN_SECONDS: erase, BACKUP_DIR, BACKUPS_KEPT: kept } = values
  return {
    kind: 'sqlite',
    directory,
    checkSeconds: readInteger('STORE_CHECK_SECONDS', check, CHECK_SECONDS, problems),
    eraseWithinSeconds: readInteger('ERASE_WITHIN_SECONDS', erase, ERASE_WITHIN_SECONDS, problems),
    backups: {
      directory: BACKUP_DIR ?? join(directory, 'backups'),
      kept: readInteger('BACKUPS_KEPT', kept, BACKUPS_KEPT, problems),
    },
  }
}

export function readMove(values: Values, problems: Problems): Move {
  const { DATABASE_URL: url } = values
  if (url === undefined)
    problems.push('DATABASE_URL is missing: the empty PostgreSQL to which the store moves.')
  return { directory: readDirectory(values), url: url === undefined ? '' : readUrl(url, problems) }
}

function readDirectory({ DATA_DIR: directory = './data' }: Values): string {
  return directory
}

function readUrl(url: string, problems: Problems): string {
  const parsed = URL.parse(url)
  if (!parsed || !/^postgres(?:ql)?:$/.test(parsed.protocol) || parsed.pathname.length < 2) {
    problems.push(
      'DATABASE_URL is not the address of a PostgreSQL database such as postgres://user:password@host:5432/sync_person; leave it out to use SQLite.',
    )
  }
  return url
}
