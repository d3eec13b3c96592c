import type { MarketoFields } from '../../marketo/people.ts'
import type { FieldValue } from '../../person/person.ts'
import type { SyncSchema } from '../../person/sync-schema.ts'
import { marketoValues } from '../../person/sync-values.ts'
import type { Replica, SentValue, Values } from '../../store/sync-port.ts'
import { formOf, withForm } from '../decide/agreement.ts'
import { isCutBeforeEmoji, isLikelyForm } from '../decide/form.ts'
import { isAnswered, lastSent } from '../decide/replica.ts'
import type { SyncSettings } from '../settings.ts'

export interface PersonContext {
  now: number
  schema: SyncSchema
  settings: Pick<SyncSettings, 'settleMs' | 'confirmMs'>
}

/** The replica after its person was read: the truth of this moment, whatever the change log still has to say. */
export function seePerson(replica: Replica, fields: MarketoFields, context: PersonContext): Replica {
  const { now, schema } = context
  const read = marketoValues(fields, replica.recordType, schema)
  const seen = landedInMarketo(replica, read)
  const sent = replica.sent.map((one) => judge(one, seen, read, context))
  const marketo: Record<string, FieldValue> = { ...read }
  let { forms } = seen
  for (const [field, own] of Object.entries(read)) {
    const reading = readingOf(field, own, seen, context)
    // Until the change log has told which it is, what was sent is taken to be there.
    if (reading === 'untold') marketo[field] = lastSent(seen, field)?.value ?? null
    const of = expected(seen, field)
    if (reading === 'form' && of !== undefined) forms = withForm(forms, 'marketo', { field, of, own })
  }
  return {
    ...seen,
    ...(forms && { forms }),
    marketo,
    marketoSeenAt: Math.max(replica.marketoSeenAt, Math.floor(now / 1_000) * 1_000),
    sent,
  }
}

/**
 * What Dynamics had and Marketo has now by a write whose answer was lost was agreed on, whatever Dynamics has made
 * of it since. A value that was on its way to both sides is proven on one only.
 */
function landedInMarketo(replica: Replica, read: Values): Replica {
  const { shadow, intent, restore = {} } = replica
  const { toMarketo = {}, toDynamics = {} } = intent ?? {}
  const isThere = (field: string, value: FieldValue) => {
    const held = read[field]
    if (held === undefined || held === value) return held === value
    return lastSent(replica, field)?.replaced !== held && isLikelyForm(held, value)
  }
  const landed = Object.entries(toMarketo).filter(
    ([field, value]) =>
      isThere(field, value) && !Object.hasOwn(toDynamics, field) && !Object.hasOwn(restore, field),
  )
  return landed.length === 0 ? replica : { ...replica, shadow: { ...shadow, ...Object.fromEntries(landed) } }
}

/**
 * What a value that was read is. `form`: what Marketo made of the value that was agreed on. `untold`: either that or
 * an edit, which the change log says before long. `plain`: what it looks like.
 */
function readingOf(
  field: string,
  own: FieldValue,
  replica: Replica,
  { now, settings }: PersonContext,
): 'plain' | 'form' | 'untold' {
  const of = expected(replica, field)
  const known = of === undefined ? undefined : formOf(field, of, replica.forms)?.marketo
  if (of === undefined || own === of || own === known) return 'plain'
  const last = lastSent(replica, field)
  if (last && isUnproven(last)) {
    if (last.altered === 'cut' || isLikelyForm(own, of)) return 'form'
    const isOpen = now - last.at < settings.confirmMs && isAnswered(replica, field)
    return isOpen && own !== last.replaced ? 'untold' : 'plain'
  }
  const isWhole = known !== undefined || (last?.shown && last.value === of)
  return !isWhole && isCutBeforeEmoji(own, of) ? 'form' : 'plain'
}

/** What is to be in the field when nobody has edited it: what was sent last and is not proven, or was agreed on. */
function expected(replica: Replica, field: string): FieldValue | undefined {
  const last = lastSent(replica, field)
  return last && isUnproven(last) ? last.value : replica.shadow?.[field]
}

function isUnproven({ confirmed, blocked }: SentValue): boolean {
  return !confirmed && !blocked
}

/**
 * A write that Marketo has taken and that left the field as it was did not get past Field Management; one without
 * an answer may never have got there, and is decided on again. One that changed nothing, or that another value
 * followed, is never shown by the log: this read is all the proof that there will be.
 */
function judge(sent: SentValue, replica: Replica, read: Values, context: PersonContext): SentValue {
  if (sent.confirmed) return sent
  const { now, settings } = context
  const isLast = lastSent(replica, sent.field) === sent
  const held = read[sent.field]
  const isOver = now - sent.at >= settings.settleMs
  const isForm = held !== undefined && isLikelyForm(held, sent.value)
  const isKeptOut = isLast && held === sent.replaced && held !== sent.value && !isForm
  if (isOver && isKeptOut && isAnswered(replica, sent.field)) return { ...sent, blocked: true }
  if (isLast && held !== undefined && readingOf(sent.field, held, replica, context) === 'untold') return sent
  return isOver || (isLast && (held === sent.value || isForm)) ? { ...sent, confirmed: true } : sent
}
