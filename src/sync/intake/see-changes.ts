import type { LeadChange } from '../../marketo/changes.ts'
import type { FieldValue } from '../../person/person.ts'
import type { SyncSchema } from '../../person/sync-schema.ts'
import { changedValue } from '../../person/sync-values.ts'
import type { NewConflict, Replica, SentToOther, SentValue } from '../../store/sync-port.ts'
import { formOf, halfOf, withForm, withoutForm } from '../decide/agreement.ts'
import { isCuttable, isLikelyForm } from '../decide/form.ts'
import { type Repair, repairOf } from '../decide/repair.ts'
import { isAnswered, lastSent, touch, withSentToOthers } from '../decide/replica.ts'

/** What Marketo writes as the source of a change that came over its REST API. Source: Adobe, "Activities". */
const API_SOURCE = 'Web service API'
const LOGGED_TEXT_MAX = 255
const ZONELESS_TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?$/
/** Stamps are whole seconds. */
const STAMP_MS = 1_000
/** And the vendor's clock is not ours. */
const CLOCK_SLACK_MS = 60_000

export interface ChangesContext {
  now: number
  schema: SyncSchema
  /** How long after it was sent a write to Marketo may still be executed, ms. */
  settleMs: number
}

interface Change {
  field: string
  at: number
  from: FieldValue
  to: FieldValue
  /** The log has only the beginning of a long text, or a time without its zone. */
  fromIsPart: boolean
  toIsPart: boolean
  /** In a form that says nothing about what Marketo has made of a value. */
  toIsZoneless: boolean
  ours: boolean
  /** Whether the entry alone tells what the field holds now. */
  conclusive: boolean
}

/**
 * What the change log says of one person, oldest entry first. A chain of old and new values that leads on from
 * what we know is believed; anything else only says that the person is to be read.
 */
export function seeChanges(
  replica: Replica,
  entries: readonly LeadChange[],
  context: ChangesContext,
): { replica: Replica; conflicts: NewConflict[] } {
  const changes = toChanges(replica, entries, context.schema)
  const travelling = new Set(context.schema.fields[replica.recordType].map(({ marketo }) => marketo))
  const draft: Draft = { ...replica, values: replica.marketo && { ...replica.marketo }, touched: false }
  const conflicts: NewConflict[] = []
  for (const change of changes) {
    if (change.ours && seeOwn(draft, change, conflicts)) continue
    if (change.ours && seeAltered(draft, change, conflicts, context)) continue
    // An edit of a field that is set aside is compared when it travels again.
    if (travelling.has(change.field)) seeEdit(draft, change)
  }
  const { values, touched, marketo, ...rest } = draft
  const newest = Math.max(replica.marketoSeenAt, ...entries.map(({ at }) => at))
  const after = { ...rest, marketoSeenAt: newest, ...(values && { marketo: values }) }
  return { replica: touched ? touch(after, context.now) : after, conflicts }
}

/**
 * What the change log says of people whose links were merged into this one: an edit that a write of ours replaced
 * unseen, before that, comes back nowhere, and is told.
 */
export function seeOthers(
  replica: Replica,
  entriesOf: ReadonlyMap<number, readonly LeadChange[]>,
  schema: SyncSchema,
): { replica: Replica; conflicts: NewConflict[] } {
  const { linkId, sentToOthers = [] } = replica
  const conflicts: NewConflict[] = []
  const left = sentToOthers.filter((sent): boolean => {
    const changes = toChanges(replica, entriesOf.get(sent.marketoId) ?? [], schema)
    const change = changes.find((one) => one.ours && isShownBy(sent, one))
    if (change === undefined) return true
    const { field, from, fromIsPart } = change
    const before = { sent: sentToOthers.filter((one) => isOfSame(one, sent)) }
    const isSeen = isSame(sent.replaced, from, fromIsPart) || isOwnForm(before, sent, from)
    if (!isSeen && from !== sent.value)
      conflicts.push({ linkId, field, winner: 'dynamics', won: sent.value, lost: from })
    return false
  })
  return {
    replica: left.length === sentToOthers.length ? replica : withSentToOthers(replica, left),
    conflicts,
  }
}

function isOfSame({ marketoId }: SentToOther, other: SentToOther): boolean {
  return marketoId === other.marketoId
}

interface Draft extends Replica {
  values: Record<string, FieldValue> | undefined
  touched: boolean
}

function toChanges(replica: Replica, entries: readonly LeadChange[], schema: SyncSchema): Change[] {
  const times = new Map<string, number>()
  const changes = entries.flatMap((entry) =>
    entry.fields.flatMap(({ name, oldValue, newValue }): Change[] => {
      const from = changedValue(oldValue, name, replica.recordType, schema)
      const to = changedValue(newValue, name, replica.recordType, schema)
      if (from === undefined || to === undefined) return []
      const moment = `${name} ${entry.at}`
      times.set(moment, (times.get(moment) ?? 0) + 1)
      const [fromIsPart, toIsPart] = [isPart(oldValue), isPart(newValue)]
      const conclusive = !(fromIsPart || toIsPart) && entry.at > replica.marketoSeenAt
      const toIsZoneless = isZoneless(newValue)
      const ours = entry.source === API_SOURCE
      return [{ field: name, at: entry.at, from, to, fromIsPart, toIsPart, toIsZoneless, ours, conclusive }]
    }),
  )
  return changes
    .map((change) => ({
      ...change,
      conclusive: change.conclusive && times.get(`${change.field} ${change.at}`) === 1,
    }))
    .sort((one, other) => one.at - other.at)
}

/** Not the whole value: a long text may be cut, and the zone of a time without one is not documented. */
function isPart(text: string | null): boolean {
  return isZoneless(text) || (text !== null && text.length >= LOGGED_TEXT_MAX)
}

function isZoneless(text: string | null): boolean {
  return text !== null && ZONELESS_TIME.test(text)
}

function isSame(value: FieldValue, logged: FieldValue, isPart: boolean): boolean {
  if (!isPart || typeof value !== 'string' || typeof logged !== 'string') return value === logged
  return value.startsWith(logged.trimEnd())
}

/** Our own write, shown by the log: the proof that it landed, or the sign that it replaced an unseen edit. */
function seeOwn(draft: Draft, change: Change, conflicts: NewConflict[]): boolean {
  const { field, from, fromIsPart, at } = change
  const sent = draft.sent.filter((one) => isShownBy(one, change))
  const latest = sent.at(-1)
  if (latest === undefined) return false
  const to = latest.value
  draft.sent = draft.sent.map((one) => (sent.includes(one) ? shownBy(one, change) : one))
  // What was taken for our write in a form of Marketo's own was another one's: this is ours.
  if (sent.some(({ altered }) => altered)) draft.forms = withoutForm(draft.forms, 'marketo', field, to)
  const overtaken = draft.sent.some((one) => one.field === field && one.at > latest.at && one.value !== to)
  const landed = !overtaken && (draft.dynamics?.[field] === to || isOpen(draft, field, to))
  const agreed = landed ? { ...draft.shadow, [field]: to } : draft.shadow
  if (sent.some(({ replaced }) => isSame(replaced, from, fromIsPart)) || isOwnForm(draft, latest, from)) {
    if (agreed) draft.shadow = agreed
    if (isCuttable(to) && !change.toIsPart && agreed?.[field] === to) {
      draft.forms = withForm(draft.forms, 'marketo', { field, of: to, own: to })
    }
    if (draft.values?.[field] !== to && at > draft.marketoSeenAt) forgetValues(draft)
    return true
  }
  const isKept = repair(draft, latest, change, conflicts)
  if (isKept && agreed) draft.shadow = agreed
  return true
}

/** A write of ours replaced what nobody had seen. Tells whether what we wrote stays. */
function repair(draft: Draft, latest: SentValue, change: Change, conflicts: NewConflict[]): boolean {
  const { field, from, fromIsPart } = change
  const half = halfOf('marketo', field, draft)
  const { kind, conflict } = fromIsPart
    ? unrepairable(latest.value, from)
    : repairOf({ recordType: draft.recordType, shadow: half, sent: latest.value, replaced: from })
  if (kind === 'restore') {
    // Of what Marketo keeps in a form of its own, the original comes back.
    const lost = from === half ? (draft.shadow?.[field] ?? from) : from
    conflicts.push(...givenUp(draft, latest, lost))
    draft.restore = { ...draft.restore, [field]: lost }
  }
  if (conflict) conflicts.push({ linkId: draft.linkId, field, ...conflict })
  forgetValues(draft)
  return kind === 'keep'
}

/** Of a text that Marketo may have cut behind what the log tells, only a read is proof. */
function shownBy(sent: SentValue, { toIsPart }: Change): SentValue {
  const { altered, ...one } = sent
  return { ...one, confirmed: sent.confirmed || !toIsPart || !isCuttable(sent.value), shown: true }
}

/** The write before this one, which the log has not shown yet, as Marketo stored it. */
function isOwnForm(
  { sent }: Pick<Replica, 'sent'>,
  { field, at, replaced }: SentValue,
  from: FieldValue,
): boolean {
  const before = sent.findLast((one) => one.field === field && one.at < at)
  return before?.value === replaced && !before.shown && isLikelyForm(from, replaced)
}

/**
 * Our own write as Marketo stored it, in a form of its own: the entry begins with what we replaced, or ends with what
 * looks like ours. Where Marketo never answered, somebody else may have written it, and it must look like ours.
 */
function seeAltered(
  draft: Draft,
  change: Change,
  conflicts: NewConflict[],
  { settleMs }: ChangesContext,
): boolean {
  const { field, from, fromIsPart, to, toIsPart, at } = change
  const begins = (one: SentValue) => isAnswered(draft, field) && isSame(one.replaced, from, fromIsPart)
  const sent = draft.sent.findLast(
    (one) =>
      one.field === field &&
      !(one.shown || one.blocked) &&
      // An entry that looks like ours is, whatever was taken for it before.
      (!one.altered || (one.altered === 'unlike' && isLikelyForm(to, one.value))) &&
      at >= one.at - CLOCK_SLACK_MS &&
      at <= one.at + settleMs + CLOCK_SLACK_MS &&
      (begins(one) || isLikelyForm(to, one.value)),
  )
  if (sent === undefined) return false
  const altered = alteredAs(change, sent)
  const written: SentValue = { ...sent, altered, confirmed: sent.confirmed || altered !== 'cut' }
  // What was decided before we knew believed the value to be there as it was sent.
  const isMisled = (one: SentValue) => one.field === field && one.at > sent.at && one.replaced === sent.value
  draft.sent = draft.sent.map((one) => {
    if (one === sent) return written
    return isMisled(one) && !toIsPart ? { ...one, replaced: to } : one
  })
  if (!toIsPart) draft.forms = withForm(draft.forms, 'marketo', { field, of: sent.value, own: to })
  draft.touched = true
  const isUnseen = !isSame(sent.replaced, from, fromIsPart) && !isOwnForm(draft, sent, from)
  if (isUnseen && !repair(draft, sent, change, conflicts)) return true
  if (draft.sent.some((one) => one.field === field && one.at > sent.at)) return true
  if (draft.dynamics?.[field] === sent.value || isOpen(draft, field, sent.value)) {
    draft.shadow = { ...draft.shadow, [field]: sent.value }
  }
  if (toIsPart) forgetValues(draft)
  else keepForm(draft, field, sent.value, to)
  return true
}

function alteredAs({ to, toIsPart, toIsZoneless }: Change, sent: SentValue): SentValue['altered'] & string {
  if (toIsZoneless) return 'alike'
  if (toIsPart) return 'cut'
  return isLikelyForm(to, sent.value) ? 'alike' : 'unlike'
}

/** What is known of the field from now on is what Marketo keeps; that it does is reported. */
function keepForm(draft: Draft, field: string, of: FieldValue, own: FieldValue): void {
  draft.forms = withForm(draft.forms, 'marketo', { field, of, own })
  draft.touched = true
  if (draft.values && draft.values[field] === of) draft.values[field] = own
  else if (draft.values?.[field] !== own) forgetValues(draft)
}

/** Two writes of ours replaced an edit each: only the later one comes back, since it has seen our first. */
function givenUp({ linkId, restore, sent }: Draft, { field, at, value }: SentValue, to: FieldValue) {
  const lost = restore?.[field]
  if (lost === undefined || lost === to || lost === value) return []
  const before = sent.findLast((one) => one.field === field && one.at < at)
  return [{ linkId, field, winner: 'dynamics' as const, won: before?.value ?? value, lost }]
}

/**
 * A write whose answer is still open: what it took over from Dynamics was there when it was decided. What is to come
 * back goes to both sides, and may have arrived on this one only.
 */
function isOpen({ intent, restore = {} }: Replica, field: string, value: FieldValue): boolean {
  const { toMarketo = {}, toDynamics = {} } = intent ?? {}
  const isForBoth = Object.hasOwn(toDynamics, field) || Object.hasOwn(restore, field)
  return !isForBoth && Object.hasOwn(toMarketo, field) && toMarketo[field] === value
}

/** What was replaced cannot be written back, since the log has only its beginning. */
function unrepairable(sent: FieldValue, replaced: FieldValue): Repair {
  return { kind: 'keep', conflict: { winner: 'dynamics', won: sent, lost: replaced } }
}

function isShownBy(sent: SentValue, { field, to, toIsPart, at }: Change): boolean {
  if (sent.field !== field || sent.shown || at < sent.at - CLOCK_SLACK_MS) return false
  // A write that changed nothing is never shown: what comes after its answer is somebody else's.
  if (sent.answeredAt !== undefined && at > sent.answeredAt + CLOCK_SLACK_MS) return false
  // After an entry that looked like it, only one of the same moment is ours rather than somebody else's.
  if (sent.altered === 'alike' && at > sent.at + CLOCK_SLACK_MS) return false
  return isSame(sent.value, to, toIsPart)
}

function seeEdit(draft: Draft, change: Change): void {
  const { field, from, to, toIsPart, conclusive } = change
  proveForm(draft, change)
  if (draft.values === undefined || !(field in draft.values)) {
    forgetValues(draft)
    return
  }
  const held = draft.values[field]
  const blocked = draft.sent.find((sent) => sent.blocked && sent.field === field && sent.value === from)
  if (blocked) {
    // Somebody replaced the value that we believed to be kept out: it was there.
    const { blocked: wrongly, ...shown } = blocked
    draft.sent = draft.sent.map((sent) => (sent === blocked ? { ...shown, confirmed: true } : sent))
    draft.touched = true
  }
  if (held === to && !toIsPart) return
  if (!conclusive || held !== from) {
    forgetValues(draft)
    return
  }
  draft.values[field] = to
  draft.touched = true
}

/**
 * Where an edit begins says what Marketo had made of the value that was agreed on: a form of its own, or nothing.
 * The latter is remembered where the edit leaves what looks like such a form.
 */
function proveForm(draft: Draft, { field, from, fromIsPart, to, at }: Change): void {
  const agreed = draft.shadow?.[field]
  if (agreed === undefined) return
  // What we sent last was there as it was sent, though the log shows our own write only later.
  draft.sent = draft.sent.map((one) =>
    one === lastSent(draft, field) && isSame(one.value, from, fromIsPart) && at > one.at - STAMP_MS
      ? { ...one, confirmed: true }
      : one,
  )
  if (fromIsPart) return
  if (from === agreed && isLikelyForm(to, agreed)) {
    draft.forms = withForm(draft.forms, 'marketo', { field, of: agreed, own: agreed })
    draft.touched = true
  }
  const isUnknown = halfOf('marketo', field, draft) === agreed && !isShown(draft, field, agreed)
  if (isUnknown && draft.values?.[field] === agreed && isLikelyForm(from, agreed))
    keepForm(draft, field, agreed, from)
}

/** The log has shown it, or an edit that replaced it. */
function isShown({ sent, forms }: Draft, field: string, agreed: FieldValue): boolean {
  const isKnown = formOf(field, agreed, forms)?.marketo !== undefined
  return isKnown || sent.some((one) => one.field === field && one.value === agreed && one.shown)
}

function forgetValues(draft: Draft): void {
  draft.values = undefined
  draft.touched = true
}
