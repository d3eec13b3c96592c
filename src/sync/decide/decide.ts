import type { Columns } from '../../dataverse/records.ts'
import type { MarketoFields } from '../../marketo/people.ts'
import { toColumnChanges } from '../../person/column-changes.ts'
import { toMarketoFields } from '../../person/marketo-fields.ts'
import type { RecordType } from '../../person/person.ts'
import type { SyncField } from '../../person/sync-field.ts'
import type { SyncSchema } from '../../person/sync-schema.ts'
import type { NewFailure, Replica, SentValue, SyncIntent, Values } from '../../store/sync-port.ts'
import { asSent, halfOf, opposite, originalOf, type Side } from './agreement.ts'
import { agreedOnCreate, agreedOnCut } from './created.ts'
import { isCuttable } from './form.ts'
import { type FieldConflict, type Plan, type PlanInput, plan } from './plan.ts'
import { believedMarketo, lastSent, withTold } from './replica.ts'
import { afterTravels, isContested, type Travel } from './turns.ts'

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

/** Pure. Both sides of the replica are known, or it has no person and `marketo` is absent. `now`: epoch ms. */
export function decide(given: Replica, schema: SyncSchema, now: number): Decision {
  const { replica, overtaken } = withoutOvertaken(agreedOnCut(agreedOnCreate(given, schema), schema))
  const { state, recordType, shadow, forms, restore } = replica
  const create = replica.marketoId === undefined
  const fields = fieldsOf(replica, schema)
  const marketo = create ? nobody(fields) : asSent('marketo', believedMarketo(replica) ?? {}, replica)
  const dynamics = asSent('dynamics', replica.dynamics ?? {}, replica)
  // Whatever was agreed on with another person says nothing of one who is not there.
  const base = create ? {} : { shadow, forms, ...(restore && { restore }) }
  const { made, contested } = planUncontested(
    { ...base, marketo, dynamics, recordType, fields },
    replica,
    now,
  )
  const unseen = [...doubtful(replica, made, schema), ...takenBack(replica, made)]
  const conflicts = [...made.conflicts, ...unseen, ...givenUp(replica, made)]
  const outward = toColumnChanges(state === 'tombstoned' ? {} : made.toDynamics, recordType, schema)
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
    failures: [
      ...[...outward.left, ...inward.left].map(({ side, code, field, advice }) => ({
        side,
        code,
        field,
        advice,
      })),
      ...contested.map((travel) => contestedFailure(travel, schema, recordType)),
    ],
    create,
  }
}

/** Planned without the fields over which two writers outside fight: they stay as they are, on both sides. */
function planUncontested(input: PlanInput, { turns }: Replica, now: number) {
  const made = plan(input)
  const contested = travelsOf(made, input).filter((travel) => isContested(turns, travel, now))
  if (contested.length === 0) return { made, contested }
  const names = new Set(contested.map(({ field }) => field))
  return {
    made: plan({ ...input, fields: input.fields.filter(({ marketo }) => !names.has(marketo)) }),
    contested,
  }
}

/** What goes from one side to the other, of what was agreed on before; what comes back to both goes nowhere. */
function travelsOf(
  { toMarketo, toDynamics }: Pick<Plan, 'toMarketo' | 'toDynamics'>,
  { shadow = {}, restore = {} }: Pick<PlanInput, 'shadow' | 'restore'>,
): Travel[] {
  const to = (side: Side, values: Values) =>
    Object.entries(values).flatMap(([field, value]): Travel[] => {
      const before = shadow[field]
      const isPlain = before !== undefined && !Object.hasOwn(restore, field)
      return isPlain ? [{ field, from: opposite(side), value, before }] : []
    })
  return [...to('marketo', toMarketo), ...to('dynamics', toDynamics)]
}

function contestedFailure({ field, from }: Travel, schema: SyncSchema, recordType: RecordType): NewFailure {
  const column = schema.fields[recordType].find(({ marketo }) => marketo === field)?.column
  const side = opposite(from)
  return {
    side,
    code: 'field-contested',
    field: side === 'dynamics' && column ? column.logicalName : field,
    advice: CONTESTED,
  }
}

const CONTESTED =
  'Something in Marketo and something in Dynamics keep changing this field to different values, three times within a day. Find both (a smart campaign, a workflow, a plug-in, an integration) and stop one of them. The field is left unchanged on both sides; it is synced again after a day, or once this failure is retried.'

/**
 * Without a stamp, a write to Dynamics that landed unanswered, and that somebody on either side took back, looks like
 * one that never landed, in a row that was edited elsewhere. It is decided so; the edit that this may undo is told.
 */
function doubtful(replica: Replica, made: Plan, schema: SyncSchema): FieldConflict[] {
  const { recordType, intent, etag, marketo = {}, dynamics = {} } = replica
  if (schema.stamps[recordType] !== undefined || intent?.etag === etag) return []
  const contested = new Set(made.conflicts.map(({ field }) => field))
  return Object.keys(intent?.toDynamics ?? {}).flatMap((field): FieldConflict[] => {
    const isOutward = Object.hasOwn(made.toDynamics, field)
    const won = (isOutward ? made.toDynamics : made.toMarketo)[field]
    const lost = (isOutward ? dynamics : marketo)[field]
    const agreed = halfOf(isOutward ? 'dynamics' : 'marketo', field, replica)
    if (won === undefined || lost === undefined || lost !== agreed || contested.has(field)) return []
    return [{ field, winner: isOutward ? 'marketo' : 'dynamics', won, lost }]
  })
}

/**
 * An edit that lost a conflict, and that somebody has taken back to what was agreed on before the winner arrived, looks
 * like no edit: it is one, and loses as well.
 */
function takenBack(replica: Replica, made: Plan): FieldConflict[] {
  const { told = [], marketo = {}, dynamics = {} } = replica
  return told.flatMap(({ field, winner, lost: before }): FieldConflict[] => {
    const [loser, there, values] =
      winner === 'marketo'
        ? (['dynamics', dynamics, made.toDynamics] as const)
        : (['marketo', marketo, made.toMarketo] as const)
    const [won, lost] = [values[field], there[field]]
    const isBack = lost !== before && lost === halfOf(loser, field, replica)
    return won !== undefined && lost !== undefined && isBack ? [{ field, winner, won, lost }] : []
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
  const isOurs = (field: string) => {
    // Of a field that does not travel for a while, nothing is known: it waits.
    if (!Object.hasOwn(marketo, field)) return true
    const last = lastSent(replica, field)
    const held = originalOf('marketo', field, marketo[field] ?? null, rest.forms)
    // What should have come back may never have arrived: what it was to replace stands there still.
    return held === last?.value || (last?.restored && marketo[field] === last.replaced) || isLate(field)
  }
  const left = Object.entries(restore).filter(([field]) => isOurs(field))
  const overtaken = Object.entries(restore)
    .filter(([field, lost]) => !isOurs(field) && marketo[field] !== lost)
    .map(([field, lost]): FieldConflict => {
      return { field, winner: 'dynamics', won: lastSent(replica, field)?.value ?? null, lost }
    })
  return { replica: left.length === 0 ? rest : { ...rest, restore: Object.fromEntries(left) }, overtaken }
}

/** Of a deleted record, only that it is deleted travels, and what a write of ours had replaced in Marketo comes back. */
function fieldsOf({ state, recordType, restore = {} }: Replica, schema: SyncSchema): readonly SyncField[] {
  const fields = schema.fields[recordType]
  if (state !== 'tombstoned') return fields
  return fields.filter(({ marketo }) => marketo === 'microsoftIsDeleted' || Object.hasOwn(restore, marketo))
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
  const travels = travelsOf({ toMarketo, toDynamics }, decided)
  const turns = afterTravels(decided.turns, travels, now)
  const replica: Replica = { ...withTold(decided, told), ...(decided.shadow && { turns }) }
  const intent: SyncIntent = {
    intentId,
    at: now,
    ...(Object.keys(toDynamics).length > 0 && { toDynamics }),
    ...(replica.etag !== undefined && { etag: replica.etag }),
    ...(Object.keys(toMarketo).length > 0 && { toMarketo }),
  }
  // Not in the change log is what a new person begins with, and what goes one way: what Marketo may cut is read back.
  const isNew = replica.marketoId === undefined
  const sent = Object.keys(toMarketo)
    .filter((field) => (logged.includes(field) && !isNew) || isCuttable(toMarketo[field]))
    .map(
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
