import { Unavailable } from '../../errors.ts'

/**
 * What says something about the server and not about the statement, and may pass by itself: the connection or the
 * server went away, it takes no writes, it has no room, or two transactions stood in each other's way. First match
 * wins. Source: PostgreSQL, "Appendix A. PostgreSQL Error Codes".
 */
const UNUSABLE: readonly (readonly [RegExp, string])[] = [
  // Also a standby: a failover is under way.
  [/^25006$/, 'the database is read-only'],
  [/^53100$/, 'the disk is full'],
  [/^53300$/, 'the database has no free connection'],
  [/^53...$/, 'the database has no room left'],
  // By our own limit, above all where another session holds a lock: nothing of the statement was stored.
  [/^57014$/, 'the database did not do it in time'],
  [/^57...$/, 'the database was stopped or cancelled the statement'],
  [/^28...$/, 'the database does not accept the user'],
  [/^3D000$/, 'the database no longer exists'],
  [/^(?:58...|XX00[12])$/, 'the disk reports an error'],
  [/^(?:08...|40001|40P01|25P0[34]|55P03)$/, 'the database cannot be used'],
]
const SQLSTATE = /^[0-9A-Z]{5}$/

/** The error as Unavailable when the same may be sent again; nothing else of it is kept from the log. */
export function asLost(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // An error without a code of PostgreSQL's own never reached it, or its answer never reached us.
  if (!SQLSTATE.test(code) || code.startsWith('E')) {
    return new Unavailable('the database does not answer', { cause: error })
  }
  const known = UNUSABLE.find(([pattern]) => pattern.test(code))
  return known === undefined ? error : new Unavailable(known[1], { cause: error })
}
