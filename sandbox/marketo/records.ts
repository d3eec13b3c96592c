import { MarketoError, marketoError, missingParameter } from './errors.ts'
import { isMembers, type Members } from './request.ts'

/** What became of one record of a bulk write. */
export interface RecordResult {
  id?: number
  /** Of a field that was made. */
  name?: string
  status: 'created' | 'updated' | 'deleted' | 'skipped'
  reasons?: readonly { code: string; message: string }[]
}

const RECORDS_MAX = 300

/** The records of a bulk write. Throws the refusal of the whole call. */
export function recordsOf({ input }: Members, recordsMax = RECORDS_MAX): readonly Members[] {
  if (!Array.isArray(input) || input.length === 0) throw missingParameter('input')
  if (input.length > recordsMax) {
    throw new MarketoError('1003', `Too many records, the maximum is ${recordsMax}`)
  }
  return input.map((record: unknown) => {
    if (isMembers(record)) return record
    throw marketoError('609')
  })
}

/** As the knob has it answered. */
export function odd<T extends { status: string }>(result: T, { oddStatus }: { oddStatus: string }): T {
  return oddStatus === '' || result.status === 'skipped' ? result : { ...result, status: oddStatus }
}

/** A refusal of one record skips that record. */
export function perRecord(write: () => RecordResult): RecordResult {
  try {
    return write()
  } catch (error) {
    if (!(error instanceof MarketoError)) throw error
    return { status: 'skipped', reasons: [{ code: error.code, message: error.message }] }
  }
}
