import type { LeadChange } from '../marketo/changes.ts'
import type { FieldValue } from '../person/person.ts'
import type { SyncSchema } from '../person/sync-schema.ts'
import { changedValue } from '../person/sync-values.ts'
import type { NewConflict, Replica, SentValue } from '../store/sync-port.ts'
import { type Repair, repairOf } from './repair.ts'
import { touch } from './replica.ts'

/** What Marketo writes as the source of a change that came over its REST API. Source: Adobe, "Activities". */
const API_SOURCE = 'Web service API'
const LOGGED_TEXT_MAX = 255
const ZONELESS_TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?$/
/** Stamps are whole seconds, and the vendor's clock is not ours. */
const CLOCK_SLACK_MS = 60_000

export interface ChangesContext {
  now: number
  schema: SyncSchema
}

interface Change {
  field: string
  at: number
  from: FieldValue
  to: FieldValue
  /** Only the beginning of a long text is in the log. */
  fromIsCut: boolean
  toIsCut: boolean
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
  const draft: Draft = { ...replica, values: replica.marketo && { ...replica.marketo }, touched: false }
  const conflicts: NewConflict[] = []
  for (const change of changes) {
    if (change.ours && seeOwn(draft, change, conflicts)) continue
    seeEdit(draft, change)
  }
  const { values, touched, marketo, ...rest } = draft
  const newest = Math.max(replica.marketoSeenAt, ...entries.map(({ at }) => at))
  const after = { ...rest, marketoSeenAt: newest, ...(values && { marketo: values }) }
  return { replica: touched ? touch(after, context.now) : after, conflicts }
}

interface Draft extends Replica {
  values: Record<string, FieldValue> | undefined
  touched: boolean
}

function toChanges(replica: Replica, entries: readonly LeadChange[], schema: SyncSchema): Change[] {
  const known = new Set(schema.fields[replica.recordType].map(({ marketo }) => marketo))
  const times = new Map<string, number>()
  const changes = entries.flatMap((entry) =>
    entry.fields.flatMap(({ name, oldValue, newValue }): Change[] => {
      if (!known.has(name)) return []
      const from = changedValue(oldValue, name, replica.recordType, schema)
      const to = changedValue(newValue, name, replica.recordType, schema)
      if (from === undefined || to === undefined) return []
      const moment = `${name} ${entry.at}`
      times.set(moment, (times.get(moment) ?? 0) + 1)
      const whole = [oldValue, newValue].every(isWhole)
      const conclusive = whole && entry.at > replica.marketoSeenAt
      const [fromIsCut, toIsCut] = [isCut(oldValue), isCut(newValue)]
      const ours = entry.source === API_SOURCE
      return [{ field: name, at: entry.at, from, to, fromIsCut, toIsCut, ours, conclusive }]
    }),
  )
  return changes
    .map((change) => ({
      ...change,
      conclusive: change.conclusive && times.get(`${change.field} ${change.at}`) === 1,
    }))
    .sort((one, other) => one.at - other.at)
}

/** Whether the log tells the whole value: a long text may be cut, and a time without zone can be anybody's. */
function isWhole(text: string | null): boolean {
  return text === null || (!isCut(text) && !ZONELESS_TIME.test(text))
}

function isCut(text: string | null): boolean {
  return text !== null && text.length >= LOGGED_TEXT_MAX
}

function isSame(value: FieldValue, logged: FieldValue, isCut: boolean): boolean {
  if (!isCut || typeof value !== 'string' || typeof logged !== 'string') return value === logged
  return value.startsWith(logged.trimEnd())
}

/** Our own write, shown by the log: the proof that it landed, or the sign that it replaced an unseen edit. */
function seeOwn(draft: Draft, change: Change, conflicts: NewConflict[]): boolean {
  const { field, from, fromIsCut, at } = change
  const sent = draft.sent.filter((one) => isShownBy(one, change))
  const latest = sent.at(-1)
  if (latest === undefined) return false
  const to = latest.value
  draft.sent = draft.sent.map((one) => (sent.includes(one) ? { ...one, confirmed: true, shown: true } : one))
  const overtaken = draft.sent.some((one) => one.field === field && one.at > latest.at && one.value !== to)
  const landed = !overtaken && (draft.dynamics?.[field] === to || isOpen(draft, field, to))
  const agreed = landed ? { ...draft.shadow, [field]: to } : draft.shadow
  if (sent.some(({ replaced }) => isSame(replaced, from, fromIsCut))) {
    if (agreed) draft.shadow = agreed
    if (draft.values?.[field] !== to && at > draft.marketoSeenAt) forgetValues(draft)
    return true
  }
  const shadow = draft.shadow?.[field]
  const repair = fromIsCut
    ? unrepairable(to, from)
    : repairOf({ recordType: draft.recordType, shadow, sent: to, replaced: from })
  if (repair.kind === 'restore') {
    conflicts.push(...givenUp(draft, latest, from))
    draft.restore = { ...draft.restore, [field]: from }
  } else if (agreed) draft.shadow = agreed
  if (repair.conflict) conflicts.push({ linkId: draft.linkId, field, ...repair.conflict })
  forgetValues(draft)
  return true
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

function isShownBy(sent: SentValue, { field, to, toIsCut, at }: Change): boolean {
  if (sent.field !== field || sent.shown || at < sent.at - CLOCK_SLACK_MS) return false
  return isSame(sent.value, to, toIsCut)
}

function seeEdit(draft: Draft, { field, from, to, conclusive }: Change): void {
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
  if (held === to) return
  if (!conclusive || held !== from) {
    forgetValues(draft)
    return
  }
  draft.values[field] = to
  draft.touched = true
}

function forgetValues(draft: Draft): void {
  draft.values = undefined
  draft.touched = true
}
