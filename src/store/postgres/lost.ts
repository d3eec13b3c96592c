import { Unavailable } from '../../errors.ts'

/**
 * What passes by itself: the connection or the server went away, it is a standby (a failover is under way), or two
 * transactions stood in each other's way. Source: PostgreSQL, "Appendix A. PostgreSQL Error Codes".
 */
const PASSING = /^(?:08...|57P0[1-5]|40001|40P01|25006|25P0[34]|53300|55P03)$/
const SQLSTATE = /^[0-9A-Z]{5}$/

/** The error as Unavailable when the same may be sent again; nothing else of it is kept from the log. */
export function asLost(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // An error without a code of PostgreSQL's own never reached it, or its answer never reached us.
  const isLost = SQLSTATE.test(code) && !code.startsWith('E') ? PASSING.test(code) : true
  return isLost ? new Unavailable('The database cannot be used', { cause: error }) : error
}
