import type { Mutant } from './mutant.ts'

/** Keeping: the database holds what was promised, where it should, and says so when it cannot. */
export const keeping: readonly Mutant[] = [
  {
    name: 'temporary files in memory',
    why: "people's data lies outside of DATA_DIR, and callers get 503 where that cannot be written",
    file: 'src/store/sqlite/database.ts',
    text: "db.exec('pragma temp_store = memory')",
    replacement: '',
    tests: ['test/store/sqlite.test.ts'],
  },
  {
    name: 'first error of a write',
    why: 'the log names a savepoint instead of the cause, and callers get 500 instead of 503',
    file: 'src/store/sqlite/database.ts',
    text: `      } catch {
        // That the savepoint is gone`,
    replacement: `      } catch (error) {
        // That the savepoint is gone`,
    tests: ['test/store/sqlite.test.ts'],
  },
  {
    name: 'file in its place before a transaction',
    why: 'people are created into a file that has no name any more, and are gone with the process',
    file: 'src/store/sqlite/database.ts',
    text: `    try {
      this.#inPlace()
      this.#synchronise`,
    replacement: `    try {
      this.#synchronise`,
    tests: ['test/store/sqlite-file.test.ts'],
  },
  {
    name: 'file in its place after a transaction',
    why: 'what was committed into a file that was deleted meanwhile is promised',
    file: 'src/store/sqlite/database.ts',
    text: `      // What went into a file without a name is gone with the process.
      this.#inPlace()`,
    replacement: '',
    tests: ['test/store/sqlite-file.test.ts'],
  },
  {
    name: 'reads of a file that is gone',
    why: 'callers are shown what nobody else can see',
    file: 'src/store/sqlite/database.ts',
    text: '    if (this.#fault !== undefined) throw new StoreUnavailable(this.#fault)\n',
    replacement: '',
    tests: ['test/store/sqlite-file.test.ts'],
  },
  {
    name: 'log of a replaced file',
    why: 'the next start applies the log of one database to another one and damages it',
    file: 'src/store/sqlite/maintenance.ts',
    text: "if (found === 'replaced') this.#database.truncateLog()",
    replacement: '',
    tests: ['test/store/sqlite-file.test.ts'],
  },
  {
    name: 'time to put a file back',
    why: 'a file that is moved and put back is taken for another one, and what came meanwhile is lost',
    file: 'src/store/sqlite/maintenance.ts',
    text: "if (found !== 'deleted' || now - this.#missingSince < RESTORE_AFTER_MS) return",
    replacement: "if (found !== 'deleted') return",
    tests: ['test/store/sqlite-file.test.ts'],
  },
  {
    name: 'damage stops the service',
    why: 'the service goes on writing into a damaged file',
    file: 'src/store/sqlite/database.ts',
    text: '      this.#options.damaged?.(damageSentence(this.#options.path))\n',
    replacement: '',
    tests: ['test/store/sqlite-file.test.ts'],
  },
  {
    name: 'directories level by level',
    why: 'a DATA_DIR below /proc holds the start forever',
    file: 'src/store/sqlite/data-directory.ts',
    text: '  for (const path of missing) mkdirSync(path, { mode: 0o700 })',
    replacement: '  mkdirSync(directory, { recursive: true, mode: 0o700 })',
    tests: ['test/journeys/store-start.test.ts'],
  },
  {
    name: 'check at the start',
    why: 'a damaged database is found by a campaign, days later',
    file: 'src/storage.ts',
    text: "if (found === 'damaged') throw new Error(damageSentence(path))",
    replacement: '',
    tests: ['test/backup.test.ts'],
  },
  {
    name: 'end of the check',
    why: 'a large database holds the start for minutes',
    file: 'src/store/sqlite/soundness.ts',
    text: '    timeout: timeoutMs,\n',
    replacement: '',
    tests: ['test/backup.test.ts'],
  },
  {
    name: 'verified copies',
    why: 'the backup that is needed one day cannot be read',
    file: 'src/store/sqlite/backups.ts',
    text: "if (found !== 'sound') throw",
    replacement: 'if (false) throw',
    tests: ['test/backup.test.ts'],
  },
  {
    name: 'few copies',
    why: "backups fill the disk, and keep people's fields forever",
    file: 'src/store/sqlite/backups.ts',
    text: '    this.#prune()\n',
    replacement: '',
    tests: ['test/backup.test.ts'],
  },
]
