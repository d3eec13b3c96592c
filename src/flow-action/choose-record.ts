import type { FoundRecord, RecordRef } from '../dataverse/records.ts'

export type Choice =
  | { kind: 'none' }
  | { kind: 'one'; record: RecordRef }
  | { kind: 'several'; records: readonly RecordRef[] }

/**
 * Which of the rows found is this person. `own` is the row reserved for them: if it is there, it is theirs,
 * whatever else matches; else `named`, which Marketo says is theirs. A row that lost a merge stands for the survivor, and a qualified lead for the
 * contact it became. Source: Dataverse, lead and contact tables (merged, masterid, originatingleadid).
 */
export function chooseRecord(found: readonly FoundRecord[], own: RecordRef, named?: RecordRef): Choice {
  const rowOf = (ref: RecordRef | undefined) =>
    found.find((record) => record.table === ref?.table && record.id === ref.id)
  const ours = rowOf(own) ?? rowOf(named)
  if (ours) return { kind: 'one', record: survivor(ours) }
  const survivors = new Map<string, RecordRef>()
  for (const record of found) {
    if (isReplacedByContact(record, found)) continue
    const { table, id } = survivor(record)
    survivors.set(`${table}:${id}`, { table, id })
  }
  const records = [...survivors.values()]
  const [first] = records
  if (first === undefined) return { kind: 'none' }
  return records.length === 1 ? { kind: 'one', record: first } : { kind: 'several', records }
}

/** The row that stands for a found one: itself, or the winner of the merge that it lost. */
export function survivor(record: FoundRecord): RecordRef {
  const id = record.merged && record.masterId ? record.masterId : record.id
  return { table: record.table, id }
}

const QUALIFIED = 1

function isReplacedByContact(record: FoundRecord, found: readonly FoundRecord[]): boolean {
  if (record.table !== 'lead' || record.stateCode !== QUALIFIED) return false
  return found.some(
    (other) =>
      other.table === 'contact' &&
      (other.originatingLeadId === record.id || other.id === record.parentContactId),
  )
}
