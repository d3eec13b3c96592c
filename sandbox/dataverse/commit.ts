import type { TableName, Value } from './table.ts'

/** One committed write, for tests to check invariants against. */
export interface Commit {
  /** Milliseconds since the epoch. */
  at: number
  operation: 'create' | 'update' | 'delete'
  table: TableName
  id: string
  /** The columns as they were written, without what the server adds; empty for a delete. */
  columns: Readonly<Record<string, Value>>
  userId: string
}
