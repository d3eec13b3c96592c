import { normalOfColumn } from '../../person/normal.ts'
import type { FieldValue } from '../../person/person.ts'
import type { SyncField } from '../../person/sync-field.ts'
import type { SyncSchema } from '../../person/sync-schema.ts'
import { valueIn } from '../../person/sync-values.ts'
import type { Form, Replica, SyncIntent } from '../../store/sync-port.ts'
import { withForm } from './agreement.ts'
import { isCutBeforeEmoji, isLikelyForm } from './form.ts'

/**
 * The flow action's create is the first agreement: what it sent is no edit of Dynamics, and neither is what Dynamics
 * made of it. A field that it did not send, or that is empty on a side, is compared as it is the first time. What
 * stands in Marketo otherwise than it was sent travels, be it that it was edited since, or that a token of a webhook
 * folded and escaped it on the way.
 */
export function agreedOnCreate(replica: Replica, schema: SyncSchema): Replica {
  const { intent, shadow, marketo, dynamics } = replica
  if (!intent?.created || shadow !== undefined || marketo === undefined || dynamics === undefined) {
    return replica
  }
  const agreed: Record<string, FieldValue> = {}
  let forms: readonly Form[] = []
  for (const field of schema.fields[replica.recordType]) {
    const name = field.marketo
    const sent = sentIn(intent.created, field)
    const [held, seen] = [valueIn(marketo, name), valueIn(dynamics, name)]
    if (sent === undefined || [sent, held, seen].some((value) => value === undefined || value === null))
      continue
    const isKept = seen === sent || isLikelyForm(seen ?? null, sent)
    // Both differ from what was sent: of a value that was only altered on its way, the edit is Dynamics'.
    const of = !isKept && held !== sent && isLikelyForm(sent, held ?? null) ? (held ?? null) : sent
    const own = isKept ? (seen ?? null) : sent
    agreed[name] = of
    if (own !== of) forms = withForm(forms, 'dynamics', { field: name, of, own })
  }
  return { ...replica, shadow: agreed, ...(forms.length > 0 && { forms }) }
}

/**
 * Where nothing was agreed on yet, or any more, a text that Marketo holds up to an emoji of Dynamics' is what it made of
 * that: it does not replace the original.
 */
export function agreedOnCut(replica: Replica, schema: SyncSchema): Replica {
  const { shadow = {}, restore = {}, marketo = {}, dynamics = {} } = replica
  const agreed: Record<string, FieldValue> = {}
  let { forms } = replica
  for (const { marketo: name, direction } of schema.fields[replica.recordType]) {
    const [own, of] = [valueIn(marketo, name) ?? null, valueIn(dynamics, name) ?? null]
    const isKnown = [shadow, restore].some((values) => valueIn(values, name) !== undefined)
    if (direction !== 'both' || isKnown || own === null || !isCutBeforeEmoji(own, of)) continue
    agreed[name] = of
    forms = withForm(forms, 'marketo', { field: name, of, own })
  }
  if (forms === undefined || Object.keys(agreed).length === 0) return replica
  return { ...replica, shadow: { ...shadow, ...agreed }, forms }
}

/** As Marketo would hold it; undefined: the create did not name the column. */
function sentIn(created: NonNullable<SyncIntent['created']>, field: SyncField): FieldValue | undefined {
  const { column, target } = field
  if (column === undefined) return undefined
  const bound = target && valueIn(created, `${target.navigationProperty}@odata.bind`)
  if (typeof bound === 'string') return bound.match(/\(([\da-f-]{36})\)$/i)?.[1]?.toLowerCase()
  const raw = valueIn(created, column.logicalName)
  return raw === undefined ? undefined : normalOfColumn(raw, { ...field, column })
}
