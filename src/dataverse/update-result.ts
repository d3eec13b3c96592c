import { Busy, Rejected, Unauthorized, Unavailable, type VendorError } from '../errors.ts'
import { parseObject } from '../shape.ts'
import type { PartOutcome } from './client.ts'
import type { Update, UpdateResult } from './rows.ts'
import { seenRow } from './seen-row.ts'
import { errorOf, isAboutEveryRow, judge, type Reply, rejected, vendorError } from './verdict.ts'

/** What one part of a batch of updates means for its row. `resendAfterMs` where Dataverse names no time. */
export function updateResult(outcome: PartOutcome, update: Update, resendAfterMs: number): UpdateResult {
  if (outcome.kind === 'no-reply') return unanswered(outcome.error, outcome.sent, resendAfterMs)
  const { reply, waitMs } = outcome
  const verdict = judge(reply)
  const error = errorOf(verdict, reply, waitMs)
  // A token, and what concerns the whole organisation, stops an operation before it begins and says nothing of the row.
  if (isAboutEveryRow(verdict)) {
    return {
      kind: 'unsent',
      retryAfterMs: resendAfterMs,
      ...(error instanceof Unauthorized && { because: error }),
    }
  }
  if (error === undefined) return answered(reply, update)
  if (error instanceof Unavailable) return unanswered(error, !wasRolledBack(reply), resendAfterMs)
  return error instanceof Busy
    ? { kind: 'unsent', retryAfterMs: error.retryAfterMs }
    : { kind: 'refused', detail: error.detail, ...(error instanceof Unauthorized && { isDenied: true }) }
}

/** A refusal of the whole batch stands for each of its updates; so does silence. */
function unanswered(error: VendorError, sent: boolean, resendAfterMs: number): UpdateResult {
  if (error instanceof Rejected) return { kind: 'refused', detail: error.detail }
  if (error instanceof Unavailable && sent) return { kind: 'unknown' }
  return { kind: 'unsent', retryAfterMs: error instanceof Busy ? error.retryAfterMs : resendAfterMs }
}

/** DuplicateRecord, DuplicateRecordsFound, DuplicateRecordEntityKey. */
const duplicates: ReadonlySet<string> = new Set(['0x80040237', '0x80040333', '0x80060892'])
/** ObjectDoesNotExist, RecordNotFoundByEntityKey. */
const absences: ReadonlySet<string> = new Set(['0x80040217', '0x80060891'])

/** A success or one of the replies that `judge` leaves to the verb. */
function answered(reply: Reply, update: Update): UpdateResult {
  const { ref } = update
  if (reply.status < 300) {
    const row = seenRow(parseObject(reply.body), ref.table)
    // Executed, but what the row is now can only be read.
    if (row?.id !== ref.id.toLowerCase()) return { kind: 'unknown' }
    return { kind: 'updated', row, ...(reply.requestId ? { vendorRequestId: reply.requestId } : {}) }
  }
  const error = vendorError(reply)
  // What is left besides these is a 412: the row is not in the state that the update was decided on.
  if (error?.code === undefined || !(duplicates.has(error.code) || absences.has(error.code))) {
    return { kind: 'stale' }
  }
  if (reply.status === 404 && isAboutRow(error.message, error.code, update)) return { kind: 'missing' }
  return { kind: 'refused', detail: rejected(error.code, error.message, reply).detail }
}

/**
 * The row itself, or a row that one of its look-ups is to point to? Both are 0x80040217, and a wrong answer
 * would bury a living row. Messages are localised, ids in them are not.
 */
function isAboutRow(message: string, code: string, { ref, columns }: Update): boolean {
  if (code !== '0x80040217') return false
  const named: readonly string[] =
    message.toLowerCase().match(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? []
  if (named.length > 0) return named.includes(ref.id.toLowerCase())
  return !Object.keys(columns).some((key) => key.endsWith('@odata.bind'))
}

/** ConcurrentOperationFailure and the two refusals of an overloaded database. */
const rolledBackCodes: ReadonlySet<string | undefined> = new Set(['0x80071154', '0x80072324', '0x8005f103'])

/** A deadlock's victim is rolled back; its SQL number stands in the message, in every language. */
function wasRolledBack(reply: Reply): boolean {
  const error = vendorError(reply)
  if (error?.code === '0x80044150') return /\b1205\b/.test(error.message)
  return rolledBackCodes.has(error?.code)
}
