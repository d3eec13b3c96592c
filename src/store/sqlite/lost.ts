import { StoreUnavailable } from '../../errors.ts'

const DAMAGE: ReadonlySet<number> = new Set([11, 26])

/** The part of a result code that is its primary code. */
const PRIMARY = 0xff

/** Primary result codes that say something about the file, not about the statement. Source: SQLite, "Result Codes". */
const UNUSABLE: ReadonlyMap<number, string> = new Map([
  [5, 'the database is locked by another process'],
  [6, 'the database is locked'],
  [7, 'there is no memory left'],
  [8, 'the database is read-only'],
  [10, 'the disk reports an error'],
  [11, 'the database file is damaged'],
  [13, 'the disk is full'],
  [14, 'the database file cannot be opened'],
  [15, 'the database file cannot be locked'],
  [22, 'the database file is too large for its file system'],
  [26, 'the database file is damaged'],
])

/** The error as StoreUnavailable when the file cannot be used now; any other error as it came. */
export function asUnavailable(error: unknown): unknown {
  const code = codeOf(error)
  const reason = code === undefined ? undefined : UNUSABLE.get(code & PRIMARY)
  if (code === undefined || reason === undefined) return error
  // An extended code says what of many it was, such as 6410: no directory for a temporary file.
  const detail = code === (code & PRIMARY) ? '' : ` (SQLite code ${code})`
  return new StoreUnavailable(`${reason}${detail}`, { cause: error })
}

/** Whether the file itself is not what was written, so that to go on would make it worse. */
export function isDamage(error: unknown): boolean {
  return DAMAGE.has((codeOf(error) ?? 0) & PRIMARY)
}

/**
 * Whether a copy found the database locked: it is made in another thread, and its first step may fall into a
 * transaction of ours. node:sqlite then rejects with SQLITE_OK; it repeats every later step by itself.
 */
export function metTransaction(error: unknown): boolean {
  return codeOf(error) === 0
}

function codeOf(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) : undefined
}
