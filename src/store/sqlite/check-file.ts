import { DatabaseSync } from 'node:sqlite'
import { isDamage } from './lost.ts'
import { DAMAGED, SOUND, UNKNOWN } from './soundness.ts'

/**
 * A process of its own, because a check of a large file cannot be interrupted otherwise: its exit code is what
 * it found. Arguments: path, and `quick_check` or `integrity_check`. Source: SQLite, "PRAGMA integrity_check".
 */
const [, , path = '', pragma = 'quick_check'] = process.argv
process.exitCode = check()

function check(): number {
  try {
    const database = new DatabaseSync(path, { timeout: 0 })
    try {
      database.exec('pragma locking_mode = exclusive')
      const row = database.prepare(`pragma ${pragma}(1)`).get() ?? {}
      return Object.values(row)[0] === 'ok' ? SOUND : DAMAGED
    } finally {
      database.close()
    }
  } catch (error) {
    return isDamage(error) ? DAMAGED : UNKNOWN
  }
}
