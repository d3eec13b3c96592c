import type { Columns } from '../dataverse/records.ts'
import type { MarketoFields } from '../marketo/people.ts'
import { toColumnChanges } from '../person/column-changes.ts'
import { toMarketoFields } from '../person/marketo-fields.ts'
import type { SyncField } from '../person/sync-field.ts'
import type { SyncSchema } from '../person/sync-schema.ts'
import type { NewFailure, Replica, SentValue, SyncIntent, Values } from '../store/sync-port.ts'
import { type FieldConflict, type Plan, plan } from './plan.ts'
import { believedMarketo, lastSent, withTold } from './replica.ts'

/** What shall happen to one person now. Both writes empty: both sides agree. */
export interface Decision {
  replica: Replica
  plan: Plan
  /** What Marketo was taken to hold. */
  marketo: Values
  /** What goes to Dynamics, as values and as columns; fields that Dynamics would refuse are left out. */
  toDynamics: Values
  columns: Columns
  toMarketo: MarketoFields
  /** Of these, what the change log will show. */
  logged: readonly string[]
  /** Why fields were left out. */
  failures: NewFailure[]
  /** Every conflict that this decides, those of an earlier try included; the plan names the new ones. */
  told: readonly FieldConflict[]
  /** Marketo has nobody for this record yet. */
  create: boolean
}

/** Pure. Both sides of the replica are known, or it has no person and `marketo` is absent. */
export function decide(given: Replica, schema: SyncSchema): Decision {
  const { replica, overtaken } = withoutOvertaken(given)
  const { recordType, shadow, dynamics = {}, restore } = replica
  const create = replica.marketoId === undefined
  const fields = fieldsOf(replica, schema)
  const marketo = create ? nobody(fields) : (believedMarketo(replica) ?? {})
  // Whatever was agreed on with another person says nothing of one who is not there.
  const base = create ? {} : { shadow, ...(restore && { restore }) }
  const made = plan({ ...base, marketo, dynamics, recordType, fields })
  const conflicts = [...made.conflicts, ...doubtful(replica, made, schema), ...givenUp(replica, made)]
  const outward = toColumnChanges(made.toDynamics, recordType, schema)
  const inward = toMarketoFields(made.toMarketo, recordType, schema)
  return {
    replica,
    plan: { ...made, conflicts: [...overtaken, ...conflicts.filter((one) => !isTold(one, replica))] },
    told: conflicts,
    marketo,
    toDynamics: outward.sent,
    columns: outward.columns,
    toMarketo: inward.fields,
    logged: schema.feedFields.filter((field) => field in inward.fields),
    failures: [...outward.left, ...inward.left].map(({ side, code, field, advice }) => ({
      side,
      code,
      field,
      advice,
    })),
    create,
  }
}

/**
 * Without a stamp, a write to Dynamics that landed unanswered, and that somebody on either side took back, looks like
 * one that never landed, in a row that was edited elsewhere. It is decided so; the edit that this may undo is told.
 */
function doubtful(replica: Replica, made: Plan, schema: SyncSchema): FieldConflict[] {
  const { recordType, intent, etag, shadow = {}, marketo = {}, dynamics = {} } = replica
  if (schema.stamps[recordType] !== undefined || intent?.etag === etag) return []
  const contested = new Set(made.conflicts.map(({ field }) => field))
  return Object.keys(intent?.toDynamics ?? {}).flatMap((field): FieldConflict[] => {
    const isOutward = Object.hasOwn(made.toDynamics, field)
    const won = (isOutward ? made.toDynamics : made.toMarketo)[field]
    const lost = (isOutward ? dynamics : marketo)[field]
    if (won === undefined || lost === undefined || lost !== shadow[field] || contested.has(field)) return []
    return [{ field, winner: isOutward ? 'marketo' : 'dynamics', won, lost }]
  })
}

/**
 * An edit that was written back to Marketo there replaced another one unseen, and had not reached Dynamics: now that
 * one is written back, and the first is lost after all.
 */
function givenUp(
  { restore = {}, shadow = {}, dynamics = {}, ...replica }: Replica,
  made: Plan,
): FieldConflict[] {
  return Object.keys(restore).flatMap((field): FieldConflict[] => {
    const last = lastSent(replica, field)
    if (!last?.restored || !Object.hasOwn(made.toMarketo, field)) return []
    const isElsewhere = [restore, shadow, dynamics].some((values) => values[field] === last.value)
    return isElsewhere ? [] : [{ field, winner: 'dynamics', won: last.replaced, lost: last.value }]
  })
}

/** An earlier try decided the same, and its outcome has not arrived. */
function isTold({ field, winner, won, lost }: FieldConflict, { told = [] }: Replica): boolean {
  return told.some(
    (one) => one.field === field && one.winner === winner && one.won === won && one.lost === lost,
  )
}

/**
 * A replaced value comes back only while our own stands there: an edit made since then has seen ours, and wins.
 * What was replaced is then lost after all, and told.
 */
function withoutOvertaken(replica: Replica): { replica: Replica; overtaken: FieldConflict[] } {
  const { restore, ...rest } = replica
  if (restore === undefined || rest.marketo === undefined) return { replica, overtaken: [] }
  const { marketo } = rest
  // Of what both sides had agreed on: an older write of ours that came late, and that nobody has touched since.
  const isLate = (field: string) =>
    restore[field] === rest.shadow?.[field] &&
    rest.sent.some((one) => one.shown && one.field === field && one.value === marketo[field])
  const isOurs = (field: string) => marketo[field] === lastSent(replica, field)?.value || isLate(field)
  const left = Object.entries(restore).filter(([field]) => isOurs(field))
  const overtaken = Object.entries(restore)
    .filter(([field, lost]) => !isOurs(field) && marketo[field] !== lost)
    .map(([field, lost]): FieldConflict => {
      return { field, winner: 'dynamics', won: lastSent(replica, field)?.value ?? null, lost }
    })
  return { replica: left.length === 0 ? rest : { ...rest, restore: Object.fromEntries(left) }, overtaken }
}

/** Of a deleted record, only that it is deleted travels. */
function fieldsOf({ state, recordType }: Replica, schema: SyncSchema): readonly SyncField[] {
  const fields = schema.fields[recordType]
  return state === 'tombstoned' ? fields.filter(({ marketo }) => marketo === 'microsoftIsDeleted') : fields
}

/** A person who is not there holds nothing. */
function nobody(fields: readonly SyncField[]): Values {
  return Object.fromEntries(fields.map(({ marketo, type }) => [marketo, type === 'boolean' ? false : null]))
}

export function writesNothing({ toDynamics, toMarketo }: Decision): boolean {
  return Object.keys(toDynamics).length === 0 && Object.keys(toMarketo).length === 0
}

/** The replica as it is stored before anything is sent. */
export function withIntent(
  { replica: decided, toDynamics, toMarketo, logged, told }: Decision,
  intentId: string,
  now: number,
): Replica {
  const replica = withTold(decided, told)
  const intent: SyncIntent = {
    intentId,
    at: now,
    ...(Object.keys(toDynamics).length > 0 && { toDynamics }),
    ...(replica.etag !== undefined && { etag: replica.etag }),
    ...(Object.keys(toMarketo).length > 0 && { toMarketo }),
  }
  // What a new person begins with is not in the change log.
  if (replica.marketoId === undefined) return { ...replica, intent }
  const sent = logged.map(
    (field): SentValue => ({
      field,
      value: toMarketo[field] ?? null,
      replaced: replica.marketo?.[field] ?? null,
      at: now,
      confirmed: false,
      ...(replica.restore && Object.hasOwn(replica.restore, field) && { restored: true }),
    }),
  )
  return { ...replica, intent, sent: [...superseded(replica, toMarketo), ...sent] }
}

/** A value that was kept out is no longer the last one sent. */
function superseded(replica: Replica, toMarketo: Values): SentValue[] {
  return replica.sent.filter(
    (one) => !(one.blocked && one.field in toMarketo && lastSent(replica, one.field) === one),
  )
}
