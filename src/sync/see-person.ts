import type { MarketoFields } from '../marketo/people.ts'
import type { SyncSchema } from '../person/sync-schema.ts'
import { marketoValues } from '../person/sync-values.ts'
import type { Replica, SentValue, Values } from '../store/sync-port.ts'
import { lastSent } from './replica.ts'

export interface PersonContext {
  now: number
  schema: SyncSchema
  settleMs: number
}

/** The replica after its person was read: the truth of this moment, whatever the change log still has to say. */
export function seePerson(replica: Replica, fields: MarketoFields, context: PersonContext): Replica {
  const { now, schema } = context
  const marketo = marketoValues(fields, replica.recordType, schema)
  const shadow = landedInMarketo(replica, marketo)
  return {
    ...replica,
    ...(shadow && { shadow }),
    marketo,
    marketoSeenAt: Math.max(replica.marketoSeenAt, Math.floor(now / 1_000) * 1_000),
    sent: replica.sent.map((sent) => judge(sent, replica, marketo, context)),
  }
}

/**
 * What Dynamics had and Marketo has now by a write whose answer was lost was agreed on, whatever Dynamics has made
 * of it since. A value that was on its way to both sides is proven on one only.
 */
function landedInMarketo({ shadow, intent, restore = {} }: Replica, marketo: Values): Values | undefined {
  const { toMarketo = {}, toDynamics = {} } = intent ?? {}
  const landed = Object.entries(toMarketo).filter(
    ([field, value]) =>
      marketo[field] === value && !Object.hasOwn(toDynamics, field) && !Object.hasOwn(restore, field),
  )
  return landed.length === 0 ? shadow : { ...shadow, ...Object.fromEntries(landed) }
}

/**
 * A write that Marketo has taken and that left the field as it was did not get past Field Management; one without
 * an answer may never have got there, and is decided on again. One that changed nothing, or that another value
 * followed, is never shown by the log: this read is all the proof that there will be.
 */
function judge(sent: SentValue, replica: Replica, marketo: Values, context: PersonContext): SentValue {
  if (sent.confirmed) return sent
  const isLast = lastSent(replica, sent.field) === sent
  const held = marketo[sent.field]
  const isOver = context.now - sent.at >= context.settleMs
  const isAnswered = !Object.hasOwn(replica.intent?.toMarketo ?? {}, sent.field)
  const isKeptOut = isLast && isAnswered && held === sent.replaced && held !== sent.value
  if (isOver && isKeptOut) return { ...sent, blocked: true }
  return isOver || (isLast && held === sent.value) ? { ...sent, confirmed: true } : sent
}
