import type { Database } from './database.ts'
import type { Statement } from './statement.ts'

/** Every text prepared once, by its name. */
export function prepareAll<T extends Readonly<Record<string, string>>>(
  db: Database,
  texts: T,
): { [Name in keyof T]: Statement } {
  const prepared = Object.entries(texts).map(([name, text]) => [name, db.prepare(text)])
  return Object.fromEntries(prepared) as { [Name in keyof T]: Statement }
}
