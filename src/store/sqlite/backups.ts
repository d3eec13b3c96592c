import { readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../clock.ts'
import type { Backup } from '../backup-port.ts'
import { makeDirectory, syncDirectory } from './data-directory.ts'
import type { Database } from './database.ts'
import { checkFile } from './soundness.ts'

const NAME = /^sync-person-\d{8}T\d{9}Z\.sqlite$/
/** A file of many GB is read within. */
const VERIFY_MS = 3_600_000

export interface BackupsOptions {
  database: Database
  directory: string
  /** How many are there afterwards, at most: the oldest go. */
  kept: number
  clock: Clock
}

/** Whole, verified copies of the database, made while it is in use. */
export class Backups {
  readonly #options: BackupsOptions
  #underWay: Promise<Backup> | undefined

  constructor(options: BackupsOptions) {
    this.#options = options
  }

  /** One at a time: who asks meanwhile gets the same one. Throws with a reason for an operator. */
  make(): Promise<Backup> {
    this.#underWay ??= this.#make().finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  async #make(): Promise<Backup> {
    const { database, directory, clock } = this.#options
    const takenAt = clock.now()
    const name = `sync-person-${new Date(takenAt).toISOString().replace(/[-:.]/g, '')}.sqlite`
    const partial = join(directory, `${name}.partial`)
    makeDirectory(directory)
    this.#clearPartial()
    try {
      await database.copyTo(partial)
      const found = await checkFile(partial, 'integrity_check', VERIFY_MS)
      if (found !== 'sound') throw new Error(`the copy could not be verified (${found})`)
      renameSync(partial, join(directory, name))
      syncDirectory(directory)
    } finally {
      rmSync(partial, { force: true })
    }
    this.#prune()
    return { name, bytes: statSync(join(directory, name)).size, takenAt }
  }

  /** Of a process that was killed. */
  #clearPartial(): void {
    const { directory } = this.#options
    for (const file of readdirSync(directory)) {
      if (/^sync-person-.*\.partial/.test(file)) rmSync(join(directory, file))
    }
  }

  #prune(): void {
    const { directory, kept } = this.#options
    const names = readdirSync(directory)
      .filter((file) => NAME.test(file))
      .sort()
    for (const name of names.slice(0, -kept)) rmSync(join(directory, name))
  }
}
