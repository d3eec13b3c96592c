import type { TableName } from './table.ts'

/** One HTTP request as it ended. */
export interface Call {
  /** Milliseconds since the epoch, on arrival. */
  at: number
  method: string
  /** With the query. */
  path: string
  /** 0 = cut off, hung, or broken in the middle. */
  status: number
  table?: TableName
  /** Parts of a $batch, else 1. */
  operations: number
}
