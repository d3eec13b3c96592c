import type { SeenRow } from '../../dataverse/rows.ts'
import { identifiersOf } from '../../person/identity.ts'
import type { FieldValue, RecordType } from '../../person/person.ts'
import type { SyncSchema } from '../../person/sync-schema.ts'
import { dynamicsValues, type RecordLife, recordLife, stampOf, valueIn } from '../../person/sync-values.ts'
import type { LinkMove, NewReplica, Replica, Values } from '../../store/sync-port.ts'
import { formOf, halfOf, withForm, withoutForm } from '../decide/agreement.ts'
import { isLikelyForm } from '../decide/form.ts'
import { differs, touch, withoutDynamics, withoutMarketo } from '../decide/replica.ts'

export interface RowsContext {
  now: number
  epoch: number
  priority: 0 | 1
  schema: SyncSchema
  /** Fields that travel again: what is known of them, on both sides, may be old. */
  anew?: readonly string[]
  /** The link that owns a record's name, if any. */
  ownerOf(recordType: RecordType, recordId: string): Replica | undefined
}

export interface RecordName {
  recordType: RecordType
  recordId: string
}

/** The rows that were merged or qualified into another record, or made by that, with all records concerned. */
export function handedOver(rows: readonly SeenRow[], recordType: RecordType) {
  const names: RecordName[] = []
  const concerned = rows.filter((row) => {
    const life = recordLife(row.columns, recordType)
    const target = targetOf(life, recordType)
    const from = life.originatingLeadId
    if (target) names.push(target)
    if (from !== undefined) names.push({ recordType: 'lead', recordId: from })
    if (target || from !== undefined) names.push({ recordType, recordId: row.id })
    return target !== undefined || from !== undefined
  })
  return { rows: concerned, names }
}

/** What rows say about who holds whom. */
export function movesOfRows(
  rows: readonly SeenRow[],
  recordType: RecordType,
  context: RowsContext,
): LinkMove[] {
  return rows.flatMap((row) => {
    const life = recordLife(row.columns, recordType)
    const link = context.ownerOf(recordType, row.id)
    const qualified = life.originatingLeadId && context.ownerOf('lead', life.originatingLeadId)
    if (qualified && isCurrent(qualified, 'lead', life.originatingLeadId)) {
      return [handOver(qualified, { recordType, recordId: row.id }, context)]
    }
    if (link === undefined || !isCurrent(link, recordType, row.id)) return []
    const target = targetOf(life, recordType)
    const isGone = target && context.ownerOf(target.recordType, target.recordId)?.state === 'tombstoned'
    return target && !isGone ? [handOver(link, target, context)] : []
  })
}

/** The replica after a look at its row; the same object when the row says nothing new. */
export function seeRow(known: Replica, row: SeenRow, context: RowsContext): Replica {
  const { recordType, recordId, etag } = known
  const { now, epoch, schema, anew = [] } = context
  if (recordId !== row.id) return known
  if (etag === row.etag && epoch === known.epoch && known.dynamics) return known
  const replica = epoch === known.epoch ? known : withoutFields(known, anew)
  const dynamics = dynamicsValues(row.columns, { recordType, recordId }, schema)
  const { stopped } = recordLife(row.columns, recordType)
  const stamp = stampOf(row.columns, recordType, schema)
  const isStamped = schema.stamps[recordType] !== undefined
  const stored = reopened(landed(replica, dynamics, isStamped ? (stamp ?? null) : undefined), dynamics)
  const after = {
    ...withoutForeign(stored, schema),
    dynamics,
    etag: row.etag,
    stopped,
    epoch,
  }
  const isNews = differs(knownOf(replica, dynamics), dynamics) || stopped !== replica.stopped
  if (!isNews) return after
  // A column may have been away and open again while the row was deleted: no full read has shown the row.
  const isDoubtful = isBack(known, row) || hasNewField(replica, after)
  return touch(isDoubtful ? withoutMarketo(after) : after, now, context.priority)
}

function withoutFields(replica: Replica, fields: readonly string[]): Replica {
  if (fields.length === 0) return replica
  const { dynamics, marketo } = replica
  const left = (values: Values) =>
    Object.fromEntries(Object.entries(values).filter(([field]) => !fields.includes(field)))
  return {
    ...replica,
    ...(dynamics && { dynamics: left(dynamics) }),
    ...(marketo && { marketo: left(marketo) }),
  }
}

/** Of a row without a person only what was known of it counts: nobody is made of a field that was never seen. */
function knownOf({ state, dynamics }: Replica, after: Values): Values | undefined {
  return state === 'orphaned' && dynamics ? { ...after, ...dynamics } : dynamics
}

/** A field that travels from now on: what Marketo holds of it was never read. */
function hasNewField({ dynamics: before = {} }: Replica, { marketo, dynamics = {} }: Replica): boolean {
  if (marketo === undefined) return false
  return Object.keys(dynamics).some((field) => !(field in before) && !(field in marketo))
}

/** A field that does not travel now is not followed in Marketo either: what was known of it grows old. */
function withoutForeign(replica: Replica, schema: SyncSchema): Replica {
  const { marketo, recordType } = replica
  if (marketo === undefined) return replica
  const followed = schema.fields[recordType].filter((field) => field.marketo in marketo)
  if (followed.length === Object.keys(marketo).length) return replica
  return {
    ...replica,
    marketo: Object.fromEntries(followed.map(({ marketo: name }) => [name, marketo[name] ?? null])),
  }
}

/** A deleted row that is back, from the recycle bin. */
export function isBack(replica: Replica, row: SeenRow): boolean {
  return replica.state === 'tombstoned' && replica.recordId === row.id
}

/**
 * The stamp of our own intent proves that it landed, even when somebody has edited the row since. Without a stamp
 * (undefined) what looks like a form of a value that was sent is one. null = another one's stamp, or none.
 */
function landed(replica: Replica, row: Values, stamp: string | null | undefined): Replica {
  const { toDynamics = {}, intentId } = replica.intent ?? {}
  const isProven = stamp !== undefined && stamp === intentId
  if (!isProven && stamp !== undefined) return replica
  const looksLike = (field: string, value: FieldValue) =>
    row[field] !== undefined && isLikelyForm(row[field], value)
  const isForm = (field: string, value: FieldValue) =>
    looksLike(field, value) && row[field] !== halfOf('dynamics', field, replica)
  const there = Object.entries(toDynamics).filter(([field, value]) => isProven || isForm(field, value))
  if (there.length === 0) return replica
  const after = { ...replica, shadow: { ...replica.shadow, ...Object.fromEntries(there) } }
  let { forms } = after
  for (const [field, value] of there) {
    // What Dynamics made of a value that cannot be read now stays known.
    if (row[field] === undefined) continue
    forms = looksLike(field, value)
      ? withForm(forms, 'dynamics', { field, of: value, own: row[field] ?? null })
      : withoutForm(forms, 'dynamics', field, value)
  }
  return { ...after, ...(forms && { forms }) }
}

/**
 * A column can be read again that could not be when our write landed: what looks like a form of the value that was
 * written is what Dynamics made of it then, and no edit.
 */
function reopened(replica: Replica, row: Values): Replica {
  const { shadow = {}, dynamics: before } = replica
  if (before === undefined) return replica
  let { forms } = replica
  for (const [field, own] of Object.entries(row)) {
    const of = valueIn(shadow, field)
    if (field in before || of === undefined) continue
    const isKnown = formOf(field, of, forms)?.dynamics !== undefined
    if (!isKnown && isLikelyForm(own, of)) forms = withForm(forms, 'dynamics', { field, of, own })
  }
  return forms === replica.forms ? replica : { ...replica, ...(forms && { forms }) }
}

/** A record that nobody has linked; undefined when it is none of our business. */
export function newReplicaOf(
  row: SeenRow,
  recordType: RecordType,
  context: RowsContext,
): NewReplica | undefined {
  const { now, epoch, priority, schema } = context
  const life = recordLife(row.columns, recordType)
  if (life.stopped || life.merged || targetOf(life, recordType)) return undefined
  const ref = { recordType, recordId: row.id }
  const dynamics = dynamicsValues(row.columns, ref, schema)
  const email = typeof dynamics.email === 'string' ? dynamics.email : undefined
  const [name] = identifiersOf({ ...(email !== undefined && { email }) })
  return {
    link: { ...ref, ...(name && { email: name.value }) },
    replica: {
      dynamics,
      etag: row.etag,
      marketoSeenAt: 0,
      sent: [],
      stopped: false,
      dueAt: now,
      dirtySince: now,
      priority,
      attempts: 0,
      epoch,
    },
  }
}

/** A row that is gone: flagged in Marketo, deleted nowhere. */
export function seeDeleted(replica: Replica, now: number): Replica {
  const { etag, ...row } = replica
  return touch({ ...row, dynamics: { ...replica.dynamics, microsoftIsDeleted: true } }, now)
}

function targetOf(life: RecordLife, recordType: RecordType): RecordName | undefined {
  if (life.merged && life.masterId !== undefined) return { recordType, recordId: life.masterId }
  const qualified = recordType === 'lead' && life.stateCode === 1
  if (qualified && life.parentContactId !== undefined) {
    return { recordType: 'contact', recordId: life.parentContactId }
  }
  return undefined
}

function handOver(link: Replica, to: RecordName, { ownerOf }: RowsContext): LinkMove {
  const owner = ownerOf(to.recordType, to.recordId)
  if (owner && owner.linkId !== link.linkId) return { kind: 'merge', linkId: link.linkId, into: owner.linkId }
  return { kind: 'record', linkId: link.linkId, ...to }
}

function isCurrent(link: Replica, recordType: RecordType, recordId: string | undefined): boolean {
  return link.recordType === recordType && link.recordId === recordId
}

/** A former record that is back while the one after it is gone, or was never made: the link has it again. */
export function returned(
  home: Replica,
  row: SeenRow,
  recordType: RecordType,
  context: InheritContext,
): { move: LinkMove; replica: Replica } | undefined {
  const { merged, stateCode } = recordLife(row.columns, recordType)
  const isOpen = !merged && (recordType === 'contact' || stateCode === 0)
  const isBereft = home.state === 'tombstoned' || home.state === 'claimed'
  if (!isBereft || !isOpen) return undefined
  const ref = { recordType, recordId: row.id }
  const move: LinkMove = { kind: 'record', linkId: home.linkId, ...ref }
  return { move, replica: inherit(home, ref, row, context) }
}

/** The record that the row was merged or qualified into: its link is about to be handed over, if that is there. */
export function heirOf(row: SeenRow, recordType: RecordType): RecordName | undefined {
  return targetOf(recordLife(row.columns, recordType), recordType)
}

type InheritContext = Pick<RowsContext, 'now' | 'schema'>

/** Of another table, or of a record that no full read has shown as this link's own. */
const NO_EPOCH = 0

/**
 * The replica of a link that was handed to another record: its person is read, whatever was known of them. A contact
 * that was made of the lead has the lead's values, and what it does not say was never filled there. Any other record
 * has values of its own: nothing that was agreed on is a base to decide by.
 */
export function inherit(
  replica: Replica,
  to: RecordName,
  row: SeenRow | undefined,
  { now, schema }: InheritContext,
): Replica {
  const heir = touch({ ...withoutMarketo(withoutDynamics(replica)), ...to, epoch: NO_EPOCH }, now)
  const { shadow = {}, forms, turns, ...unread } = heir
  if (row === undefined) return unread
  const dynamics = dynamicsValues(row.columns, to, schema)
  const { stopped, originatingLeadId } = recordLife(row.columns, to.recordType)
  const seen = { dynamics, etag: row.etag, stopped }
  if (replica.recordType !== 'lead' || originatingLeadId !== replica.recordId) return { ...unread, ...seen }
  return { ...heir, ...seen, shadow: agreedWithCopy(heir, dynamics, schema) }
}

/**
 * What still counts of what was agreed on with the lead that a contact was made of. A value of the contact that is
 * another one may be older, since it was copied before or was in the recycle bin, or newer: nothing counts as agreed
 * on, so that the one that loses is logged. What only Dynamics says is the contact's word from now on.
 */
function agreedWithCopy(
  { shadow = {}, forms, recordType }: Replica,
  dynamics: Values,
  schema: SyncSchema,
): Values {
  const inward = new Set(
    schema.fields[recordType].flatMap(({ marketo, direction }) =>
      direction === 'to-marketo' ? marketo : [],
    ),
  )
  const isKept = (field: string, agreed: FieldValue) => {
    const own = dynamics[field] ?? null
    const isSame = own === agreed || own === halfOf('dynamics', field, { shadow, forms })
    return own !== null && (isSame || inward.has(field))
  }
  return Object.fromEntries(Object.entries(shadow).filter(([field, agreed]) => isKept(field, agreed)))
}
