import type { FieldValue, RecordType, Values } from '../../person/person.ts'
import type { SyncField } from '../../person/sync-field.ts'
import { valueIn } from '../../person/sync-values.ts'
import { type Agreement, type Halves, halvesOf, opposite, type Side, sides } from './agreement.ts'

/** A field without `column` is filled by the service itself. */
export type PlannedField = Pick<SyncField, 'marketo' | 'direction' | 'inverted' | 'column'>

/** The agreement is what both sides last agreed on; absent the first time. */
export interface PlanInput extends Agreement {
  recordType: RecordType
  fields: readonly PlannedField[]
  marketo: Values
  dynamics: Values
  /** Values of Marketo that a write of ours replaced unseen. They count as Marketo's, and are written back. */
  restore?: Values | undefined
}

export type { Side } from './agreement.ts'

export interface FieldConflict {
  field: string
  winner: Side
  won: FieldValue
  lost: FieldValue
}

export interface Plan {
  toMarketo: Values
  toDynamics: Values
  /** What is agreed on before anything is written: a value that travels is not in it yet. */
  nextShadow: Values
  conflicts: FieldConflict[]
}

/** `settled`: nothing is to be written, and this is the shadow. `lost`: an edit of the other side. */
type Verdict =
  | { kind: 'left' }
  | { kind: 'settled'; value: FieldValue }
  | { kind: 'travels'; to: Side; value: FieldValue; lost: FieldValue | undefined }

/** On a conflict. Source: Adobe, "Microsoft Dynamics Sync: Lead Sync" and "Contact Sync". */
export function winnerOf(recordType: RecordType): Side {
  return recordType === 'lead' ? 'marketo' : 'dynamics'
}

/**
 * The three-way merge of one person, field by field, over values in normal form. A side has changed a field when it
 * differs from that side's half of the agreement. A field that a side does not tell takes no part and keeps its shadow.
 */
export function plan({ recordType, fields, marketo, dynamics, restore = {}, ...agreement }: PlanInput): Plan {
  const { shadow = {} } = agreement
  const toMarketo: Record<string, FieldValue> = {}
  const toDynamics: Record<string, FieldValue> = {}
  const nextShadow: Record<string, FieldValue> = { ...shadow }
  const conflicts: FieldConflict[] = []
  for (const field of fields) {
    const name = field.marketo
    const restored = field.direction === 'both' ? valueIn(restore, name) : undefined
    const held = restored === undefined ? valueIn(marketo, name) : restored
    const seen = valueIn(dynamics, name)
    if (held === undefined || seen === undefined) continue
    const verdict = decide(field, winnerOf(recordType), halvesOf(name, agreement), {
      marketo: held,
      dynamics: seen,
    })
    if (verdict.kind === 'travels') {
      const { to, value, lost } = verdict
      const target = to === 'marketo' ? toMarketo : toDynamics
      target[name] = value
      // What is written back had been replaced by a value of Dynamics that was agreed on since: that one loses.
      const isRepair = restored !== undefined && to === 'dynamics' && valueIn(shadow, name) !== undefined
      const loses = lost === undefined && isRepair ? seen : lost
      if (loses !== undefined) conflicts.push({ field: name, winner: opposite(to), won: value, lost: loses })
    }
    if (restored === undefined) {
      if (verdict.kind === 'settled') nextShadow[name] = verdict.value
    } else if (!Object.hasOwn(toMarketo, name)) toMarketo[name] = restored
  }
  return { toMarketo, toDynamics, nextShadow, conflicts }
}

/** The shadow after the writes of a plan: a value is agreed on when every write of its field is proven. */
export function landed(made: Plan, proven: { toMarketo?: Values; toDynamics?: Values }): Values {
  const { toMarketo, toDynamics, nextShadow } = made
  const isProven = (planned: Values, shown: Values = {}, name: string) =>
    !Object.hasOwn(planned, name) || Object.hasOwn(shown, name)
  const arrived = Object.entries({ ...toMarketo, ...toDynamics }).filter(
    ([name]) => isProven(toMarketo, proven.toMarketo, name) && isProven(toDynamics, proven.toDynamics, name),
  )
  return { ...nextShadow, ...Object.fromEntries(arrived) }
}

function decide(field: PlannedField, winner: Side, agreed: Halves | undefined, held: Halves): Verdict {
  if (held.marketo === held.dynamics) return { kind: 'settled', value: held.marketo }
  switch (field.direction) {
    case 'both':
      return merge(field, winner, agreed, held)
    case 'to-dynamics':
      return follow('dynamics', field, agreed, held)
    case 'to-marketo':
      return follow('marketo', field, agreed, held)
    default:
      return field.direction satisfies never
  }
}

function merge(field: PlannedField, winner: Side, agreed: Halves | undefined, held: Halves): Verdict {
  // A yes/no field is never quite empty: the first time, a no gives way like an empty field.
  const isEmpty = (value: FieldValue) => value === null || (value === false && !field.inverted)
  const speaks = (side: Side) => (agreed === undefined ? !isEmpty(held[side]) : held[side] !== agreed[side])
  const news = sides.filter(speaks)
  if (agreed !== undefined && news.length === 0) return { kind: 'left' }
  const from = news.length === 1 ? (news[0] ?? winner) : winner
  const lost = news.length === 2 ? held[opposite(winner)] : undefined
  return { kind: 'travels', to: opposite(from), value: held[from], lost }
}

/** A one-way field: the target follows when the source changes; what it does alone is left to it. */
function follow(to: Side, field: PlannedField, agreed: Halves | undefined, held: Halves): Verdict {
  const from = opposite(to)
  const [source, target] = [held[from], held[to]]
  // What the service itself fills is so whoever the person was before, such as the survivor of a merge.
  if (field.column === undefined) return { kind: 'travels', to, value: source, lost: undefined }
  if (agreed !== undefined) {
    if (agreed[from] === source) return { kind: 'left' }
    return { kind: 'travels', to, value: source, lost: target === agreed[to] ? undefined : target }
  }
  if (source === null) return { kind: 'settled', value: source }
  return { kind: 'travels', to, value: source, lost: target === null ? undefined : target }
}
