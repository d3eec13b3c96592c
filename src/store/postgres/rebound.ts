import { FORGET_PAIRED, type Rebound } from '../rebinding.ts'
import { integer } from '../rows.ts'
import { APPLICATION_NAME } from './postgres.ts'
import { statement } from './statement.ts'
import { Transfer } from './transfer.ts'

/** A service shows by its connections, also through a pooler that passes their names on. */
const IN_USE = `select count(*) as connections from pg_stat_activity
                 where datname = current_database() and application_name = :name`

/** `clearJobs`: on connections of its own, after the rest is forgotten. */
export async function openPostgresRebound(url: string, clearJobs: () => Promise<void>): Promise<Rebound> {
  const transfer = await Transfer.begin(url)
  try {
    const [row] = await transfer.run(statement(IN_USE, { name: APPLICATION_NAME }))
    if (row && integer(row, 'connections') > 0) {
      throw new Error('A service uses the database of DATABASE_URL: stop every replica first.')
    }
  } catch (error) {
    await transfer[Symbol.asyncDispose]()
    throw error
  }
  return {
    read: (sql) => transfer.run(statement(sql)),
    async forget() {
      for (const sql of FORGET_PAIRED) await transfer.run(statement(sql))
      await transfer.commit()
      await clearJobs()
    },
    [Symbol.asyncDispose]: () => transfer[Symbol.asyncDispose](),
  }
}
