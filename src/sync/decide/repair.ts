import type { FieldValue, RecordType } from '../../person/person.ts'
import { type FieldConflict, winnerOf } from './plan.ts'

export interface RepairInput {
  recordType: RecordType
  /** Of the field; absent = never agreed on. */
  shadow?: FieldValue | undefined
  /** The value that we wrote to Marketo. */
  sent: FieldValue
  /** What it replaced there, by the change log: not what we believed. */
  replaced: FieldValue
}

export interface Repair {
  /** `restore`: the replaced value is planned with as Marketo's, and written back. `keep`: ours stays. */
  kind: 'restore' | 'keep'
  conflict?: Omit<FieldConflict, 'field'>
}

/**
 * Marketo has no conditional write, so a write can replace an edit that nobody had seen: both sides had changed,
 * and the winner rule is applied afterwards. Each conflict is told once: the plan that writes the edit back tells
 * what it replaces.
 */
export function repairOf({ recordType, shadow, sent, replaced }: RepairInput): Repair {
  if (replaced === sent) return { kind: 'keep' }
  // Both sides had agreed on it since: what came late was an older write of ours.
  if (replaced === shadow) return { kind: 'restore' }
  if (winnerOf(recordType) === 'dynamics') {
    return { kind: 'keep', conflict: { winner: 'dynamics', won: sent, lost: replaced } }
  }
  return { kind: 'restore' }
}
