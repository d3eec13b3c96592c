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
  const restore = stillReplaced(replica, marketo)
  const { restore: before, ...rest } = replica
  return {
    ...rest,
    marketo,
    ...(restore && { restore }),
    marketoSeenAt: Math.max(replica.marketoSeenAt, Math.floor(now / 1_000) * 1_000),
    sent: replica.sent.map((sent) => judge(sent, replica, marketo, context)),
  }
}

/** A write that is over and left the field as it was did not get past Field Management. */
function judge(sent: SentValue, replica: Replica, marketo: Values, context: PersonContext): SentValue {
  if (sent.confirmed || lastSent(replica, sent.field) !== sent) return sent
  const held = marketo[sent.field]
  if (held === sent.value) return { ...sent, confirmed: true }
  const isOver = context.now - sent.at >= context.settleMs
  return isOver && held === sent.replaced ? { ...sent, blocked: true } : sent
}

/** Only while our own value stands there: an edit made since then has seen it, and wins. */
function stillReplaced(replica: Replica, marketo: Values): Values | undefined {
  const left = Object.entries(replica.restore ?? {}).filter(
    ([field]) => marketo[field] === lastSent(replica, field)?.value,
  )
  return left.length === 0 ? undefined : Object.fromEntries(left)
}
