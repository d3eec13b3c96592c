import { join } from 'node:path'
import { systemClock } from './clock.ts'
import { readEnv } from './config/config.ts'
import { type BackupConfig, toBackupConfig } from './config/move.ts'
import type { Backup } from './store/backup-port.ts'
import { Backups } from './store/sqlite/backups.ts'
import { DatabaseInUse, openExisting } from './store/sqlite/database.ts'

/** npm run backup: a verified copy of the SQLite store, made by the running service if there is one. */
try {
  const { config, problems } = toBackupConfig(readEnv())
  if (!config) throw new Error(problems.join('\n'))
  const { name, bytes } = await makeHere(config).catch((error: unknown) => {
    if (error instanceof DatabaseInUse) return askService(config)
    throw error
  })
  console.log(`Backed up and verified: ${join(config.store.backups.directory, name)} (${bytes} bytes)`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  console.error('No backup was made.')
  process.exitCode = 1
}

async function makeHere({ store }: BackupConfig): Promise<Pick<Backup, 'name' | 'bytes'>> {
  using database = openExisting(store.directory)
  return await new Backups({ database, ...store.backups, clock: systemClock }).make()
}

async function askService({ url, key }: BackupConfig): Promise<Pick<Backup, 'name' | 'bytes'>> {
  if (key === undefined) {
    throw new Error(
      'The service is running, and API_KEYS is missing: run this with the environment of the service.',
    )
  }
  const response = await fetch(`${url}/v1/backups`, { method: 'POST', headers: { 'x-api-key': key } }).catch(
    (cause: unknown) => {
      throw new Error(`Another process has the store open, and no service answers at ${url} (HOST, PORT).`, {
        cause,
      })
    },
  )
  const body = (await response.json()) as Record<string, unknown>
  if (response.status === 201) return { name: String(body.name), bytes: Number(body.bytes) }
  throw new Error(
    `The service refused (${response.status} ${body.code}): ${body.detail} ${body.advice ?? ''}`.trim(),
  )
}
