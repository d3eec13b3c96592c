import { type RawConfig, VARIABLES } from './config.ts'
import { misspellings, type Problems, readApiKeys } from './setting.ts'
import { type Move, readMove, readStore, type SqliteConfig, type StoreConfig } from './store.ts'

/** What moving a store to PostgreSQL needs, whatever else is set or missing. */
export function toMoveConfig({
  values,
  strangers,
  problems: unread = [],
}: RawConfig): { config: Move; problems?: never } | { config?: never; problems: string[] } {
  if (unread.length > 0) return { problems: [...unread] }
  const problems: Problems = []
  const config = readMove(values, problems)
  problems.push(...misspellings(strangers, VARIABLES))
  return problems.length === 0 ? { config } : { problems }
}

/** Where the store is, whatever else is set or missing. */
export function toStoreConfig({
  values,
  strangers,
  problems: unread = [],
}: RawConfig): { config: StoreConfig; problems?: never } | { config?: never; problems: string[] } {
  if (unread.length > 0) return { problems: [...unread] }
  const problems: Problems = []
  const config = readStore(values, problems)
  problems.push(...misspellings(strangers, VARIABLES))
  return problems.length === 0 ? { config } : { problems }
}

export interface BackupConfig {
  store: SqliteConfig
  /** Of the service, on this machine. */
  url: string
  /** One of the service's. */
  key: string | undefined
}

/** Where the store is, and how the service that has it open is reached. */
export function toBackupConfig(
  raw: RawConfig,
): { config: BackupConfig; problems?: never } | { config?: never; problems: string[] } {
  const { config: store, problems = [] } = toStoreConfig(raw)
  const { API_KEYS: keys, HOST: host = '127.0.0.1', PORT: port = '8080' } = raw.values
  const [key] = keys === undefined ? [] : readApiKeys(keys, problems)
  if (store?.kind === 'postgres') {
    problems.push('The store is PostgreSQL (DATABASE_URL): back it up with its own tools, such as pg_dump.')
  }
  if (store?.kind !== 'sqlite' || problems.length > 0) return { problems }
  // Where it listens on every address, this one is among them.
  const at = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return { config: { store, url: `http://${at}:${port}`, key: key?.secret } }
}
