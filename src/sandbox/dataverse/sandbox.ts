import type { Bend } from './bends.ts'
import type { Call } from './call.ts'
import type { Human } from './human.ts'
import type { Limits } from './limits.ts'
import type { StockIds } from './organisation.ts'
import type { Commit } from './rows.ts'
import type { AlternateKey, Column, TableName } from './table.ts'

/** The handle of a running Dataverse: what a test or a visitor may do to it. */
export interface DataverseSandbox extends Human {
  url: string
  /** Ids of the rows that a fresh organisation has. */
  ids: StockIds
  /** Every HTTP request as it ended. */
  calls: readonly Call[]
  /** The truth, append-only: what was written, in order. Stock rows are not in it. */
  commits: readonly Commit[]
  /** As a person in sales would enter it; returns the id. Throws the vendor's refusal. */
  seed(table: TableName, columns: Readonly<Record<string, unknown>>): string
  bend(bend: Bend): void
  /** Schema drift; a column that is not there yet is made, `remove` takes one away. */
  changeColumn(table: TableName, logicalName: string, change: Partial<Column> & { remove?: boolean }): void
  /** Alternate keys of a table, replacing those it has. */
  setKeys(table: TableName, keys: readonly AlternateKey[]): void
  /** `delayMs` lies between the check and the insert. */
  setDuplicateRules(on: boolean, delayMs?: number): void
  setLimits(limits: Partial<Limits>): void
  /** The row version moves, no column does. */
  touch(table: TableName, id: string): void
  /** Back to a fresh organisation: rows, calls, commits, bends, keys, columns. */
  reset(): void
}
