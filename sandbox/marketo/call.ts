import type { Operation } from './bends.ts'

/** One HTTP request as it ended. */
export interface Call {
  /** Milliseconds since the epoch, on arrival. */
  at: number
  method: string
  /** With the query; a secret in it is masked. */
  path: string
  operation?: Operation
  /** 0 = cut off, hung, or broken in the middle. */
  status: number
  /** Of an envelope that says no. */
  errorCode?: string
}
