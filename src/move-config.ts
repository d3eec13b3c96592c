import { type RawConfig, VARIABLES } from './config.ts'
import { misspellings, type Problems } from './setting.ts'
import { type Move, readMove, readStore, type StoreConfig } from './store-config.ts'

/** What moving a store to PostgreSQL needs, whatever else is set or missing. */
export function toMoveConfig({
  values,
  strangers,
}: RawConfig): { config: Move; problems?: never } | { config?: never; problems: string[] } {
  const problems: Problems = []
  const config = readMove(values, problems)
  problems.push(...misspellings(strangers, VARIABLES))
  return problems.length === 0 ? { config } : { problems }
}

/** Where the store is, whatever else is set or missing. */
export function toStoreConfig({
  values,
  strangers,
}: RawConfig): { config: StoreConfig; problems?: never } | { config?: never; problems: string[] } {
  const problems: Problems = []
  const config = readStore(values, problems)
  problems.push(...misspellings(strangers, VARIABLES))
  return problems.length === 0 ? { config } : { problems }
}
