import { FORGET_PAIRED, type Rebound } from '../rebinding.ts'
import { openExisting } from './database.ts'

/** The file itself refuses a second process. */
export function openSqliteRebound(directory: string): Rebound {
  const database = openExisting(directory)
  return {
    read: async (sql) => database.prepare(sql).all(),
    forget: () =>
      database.write(() => {
        for (const sql of [...FORGET_PAIRED, 'delete from job']) database.prepare(sql).run()
      }),
    [Symbol.asyncDispose]: async () => database[Symbol.dispose](),
  }
}
