import { type Problems, readInteger } from './setting.ts'

export type StoreConfig =
  | { kind: 'sqlite'; directory: string }
  /** `connectionsMax`: of this process. */
  | { kind: 'postgres'; url: string; connectionsMax: number }

/** From which DATA_DIR to which database a store is moved. */
export interface Move {
  directory: string
  url: string
}

/** In the order of .env.example and of docs/configuration.md. */
export const STORE_VARIABLES = ['DATABASE_URL', 'DATABASE_CONNECTIONS', 'DATA_DIR'] as const
type Values = Readonly<Partial<Record<string, string>>>

const CONNECTIONS = { default: 10, min: 2, max: 100 } as const

/** DATABASE_URL is the choice: the image always sets DATA_DIR. */
export function readStore(values: Values, problems: Problems): StoreConfig {
  const { DATABASE_URL: url, DATABASE_CONNECTIONS: connections } = values
  const connectionsMax = readInteger('DATABASE_CONNECTIONS', connections, CONNECTIONS, problems)
  if (url === undefined) return { kind: 'sqlite', directory: readDirectory(values) }
  return { kind: 'postgres', url: readUrl(url, problems), connectionsMax }
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
