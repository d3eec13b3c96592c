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
]
