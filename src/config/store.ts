import { join } from 'node:path'
import { isLoopback, type Problems, readChoice, readInteger } from './setting.ts'

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
  'DATABASE_TLS',
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
  if (url === undefined) {
    readTls(values, problems)
    return sqlite
  }
  return { kind: 'postgres', url: readUrl(values, problems), connectionsMax }
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
  return { directory: readDirectory(values), url: url === undefined ? '' : readUrl(values, problems) }
}

function readDirectory({ DATA_DIR: directory = './data' }: Values): string {
  return directory
}

function readTls({ DATABASE_TLS: tls }: Values, problems: Problems): 'required' | 'optional' {
  return readChoice('DATABASE_TLS', tls, ['required', 'optional'], 'required', problems)
}

function readUrl(values: Values, problems: Problems): string {
  const { DATABASE_URL: url = '' } = values
  const isTlsRequired = readTls(values, problems) === 'required'
  const parsed = URL.parse(url)
  if (!parsed || !/^postgres(?:ql)?:$/.test(parsed.protocol) || parsed.pathname.length < 2) {
    problems.push(
      'DATABASE_URL is not the address of a PostgreSQL database such as postgres://user:password@host:5432/sync_person; leave it out to use SQLite.',
    )
  } else if (isTlsRequired && !isOnThisMachine(parsed) && !hasTls(parsed)) {
    problems.push(
      "DATABASE_URL leads to another host without TLS, so that the password and people's data would travel in the clear: add ?sslmode=verify-full to it, or set DATABASE_TLS=optional where the network itself is private.",
    )
  }
  return url
}

/** A query of that name wins over the host of the address; without any it is a socket. Source: pg-connection-string. */
function isOnThisMachine({ hostname, searchParams }: URL): boolean {
  const host = searchParams.getAll('host').at(-1) || decodeURIComponent(hostname)
  return host === '' || host.startsWith('/') || isLoopback(host)
}

/** With `prefer` a server may decline TLS, save for this driver's present version. Source: pg-connection-string. */
function hasTls({ searchParams }: URL): boolean {
  const mode = searchParams.getAll('sslmode').at(-1)
  if (mode !== undefined) return ['require', 'verify-ca', 'verify-full', 'no-verify'].includes(mode)
  return ['true', '1'].includes(searchParams.getAll('ssl').at(-1) ?? '')
}
