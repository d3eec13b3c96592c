import type { StatementSync } from 'node:sqlite'
import type { Database } from './database.ts'

/** Every text prepared once, by its name. */
export function prepareAll<T extends Readonly<Record<string, string>>>(
  db: Database,
  texts: T,
): { [Name in keyof T]: StatementSync } {
  const prepared = Object.entries(texts).map(([name, text]) => [name, db.prepare(text)])
  return Object.fromEntries(prepared) as { [Name in keyof T]: StatementSync }
}
