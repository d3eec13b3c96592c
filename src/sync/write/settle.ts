import type { UpdateResult } from '../../dataverse/rows.ts'
import type { WriteResult } from '../../marketo/bulk-write.ts'
import { identifiersOf } from '../../person/identity.ts'
import type { SyncSchema } from '../../person/sync-schema.ts'
import { dynamicsValues, marketoValues } from '../../person/sync-values.ts'
import type { LinkMove, NewFailure, Replica, SentValue, SyncIntent, Values } from '../../store/sync-port.ts'
import { withCurrentForms, withForm, withoutForm } from '../decide/agreement.ts'
import type { Decision } from '../decide/decide.ts'
import type { Result } from '../decide/deliberate.ts'
import { landed } from '../decide/plan.ts'
import {
  rest,
  touch,
  withoutAgreement,
  withoutDynamics,
  withoutIntent,
  withoutMarketo,
  withTold,
} from '../decide/replica.ts'
import { seeDeleted } from '../intake/see-rows.ts'

export interface SettleContext {
  now: number
  schema: SyncSchema
  settleMs: number
  confirmMs: number
  /** Milliseconds until a record is read and decided on again, by the number of attempts that came to nothing. */
  againMs(attempts: number): number
  /** Milliseconds until a refused record is tried again, by its number of failed attempts. */
  backoffMs(attempts: number): number
}

/** Pure: what is true after the two answers. undefined = there was nothing to send to that side. */
export function settle(
  decision: Decision,
  sent: Replica,
  answers: { dynamics?: UpdateResult; marketo?: WriteResult },
  context: SettleContext,
): Result {
  const moves: LinkMove[] = []
  const failures = [...decision.failures]
  const waits: number[] = []
  const shadow = landed(decision.plan, {
    ...(answers.dynamics?.kind === 'updated' && { toDynamics: decision.toDynamics }),
    ...(isDone(answers.marketo) && { toMarketo: decision.toMarketo }),
  })
  const isOver = hasArrived(answers) && decision.failures.length === 0
  const told = withTold(withoutIntent(sent), isOver ? [] : decision.told)
  let replica: Replica = { ...told, ...withoutFormsOf(decision, answers, told), shadow }
  const side: Side = { decision, moves, failures, waits, context, intent: sent.intent }
  if (answers.dynamics) replica = afterDynamics(replica, answers.dynamics, side)
  if (answers.marketo) replica = afterMarketo(replica, answers.marketo, side)
  for (const { field, blocked } of replica.sent) if (blocked) failures.push(fieldBlocked(field))
  moves.push(...emailMove(decision.replica, replica))
  return { replica: scheduled(withCurrentForms(replica), failures, waits, context), moves, failures }
}

/** What a side makes of a new value is not known yet. */
function withoutFormsOf(
  { toMarketo, toDynamics }: Decision,
  { dynamics, marketo }: { dynamics?: UpdateResult; marketo?: WriteResult },
  { forms }: Replica,
): Pick<Replica, 'forms'> {
  let left = forms
  const drop = (side: 'marketo' | 'dynamics', values: Values) => {
    for (const [field, value] of Object.entries(values)) left = withoutForm(left, side, field, value)
  }
  if (isDone(marketo)) drop('marketo', toMarketo)
  if (dynamics?.kind === 'updated') drop('dynamics', toDynamics)
  return left ? { forms: left } : {}
}

function isDone(result: WriteResult | undefined): boolean {
  return result?.kind === 'updated' || result?.kind === 'created'
}

function hasArrived({ dynamics, marketo }: { dynamics?: UpdateResult; marketo?: WriteResult }): boolean {
  return (dynamics === undefined || dynamics.kind === 'updated') && (marketo === undefined || isDone(marketo))
}

interface Side {
  decision: Decision
  moves: LinkMove[]
  failures: NewFailure[]
  /** Milliseconds after which there is something to do again. */
  waits: number[]
  context: SettleContext
  intent: SyncIntent | undefined
}

function afterDynamics(replica: Replica, result: UpdateResult, side: Side): Replica {
  const { decision, context, waits } = side
  const { recordType, recordId, linkId } = replica
  switch (result.kind) {
    case 'updated': {
      const dynamics = dynamicsValues(result.row.columns, { recordType, recordId }, context.schema)
      const news = otherNews(decision, dynamics)
      if (news.length > 0) waits.push(0)
      const after = withDynamicsForms({ ...replica, dynamics, etag: result.row.etag }, decision)
      // A column that is secured for a moment looks empty: it is read again, and its security is asked for after that.
      return news.some((field) => dynamics[field] === null) ? withoutDynamics(after) : after
    }
    case 'stale':
      waits.push(context.againMs(replica.attempts))
      return withoutDynamics(replica)
    case 'missing':
      side.moves.push({ kind: 'tombstone', linkId, recordType, recordId })
      waits.push(0)
      return { ...seeDeleted(replica, context.now), state: 'tombstoned' }
    case 'refused':
      side.failures.push({ side: 'dynamics', ...result.detail })
      // Whoever waits for a privilege is behind, and not at fault: they count as backlog, and go as soon as it is there.
      if (result.isDenied) waits.push(context.againMs(replica.attempts + 1))
      return replica
    case 'unsent':
      waits.push(result.retryAfterMs)
      return replica
    case 'unknown':
      waits.push(context.againMs(replica.attempts))
      return { ...withoutDynamics(replica), ...pending(side, 'toDynamics', decision.toDynamics) }
    default:
      return result satisfies never
  }
}

/** A plug-in changed more than the fields that were sent: those are edits of Dynamics. */
function otherNews({ toDynamics, replica: { dynamics: before = {} } }: Decision, after: Values): string[] {
  return Object.keys(after).filter(
    (field) => !Object.hasOwn(toDynamics, field) && field in before && after[field] !== before[field],
  )
}

/** What Dynamics made of the values that were sent is its half of the agreement, and no edit of its own. */
function withDynamicsForms(replica: Replica, { toDynamics }: Decision): Replica {
  const { dynamics = {} } = replica
  let { forms } = replica
  for (const [field, of] of Object.entries(toDynamics)) {
    const own = dynamics[field]
    if (own !== undefined && own !== of) forms = withForm(forms, 'dynamics', { field, of, own })
  }
  return { ...replica, ...(forms && { forms }) }
}

function afterMarketo(replica: Replica, result: WriteResult, side: Side): Replica {
  const { decision, context, waits } = side
  const { toMarketo } = decision
  const { linkId } = replica
  switch (result.kind) {
    case 'created':
    case 'updated': {
      const { marketoId } = result
      const restored = withoutRestored({ ...replica, sent: answered(replica, side) }, toMarketo)
      if (!decision.create) return { ...restored, marketo: { ...replica.marketo, ...toMarketo } }
      side.moves.push({ kind: 'person', linkId, marketoId })
      const made = { ...restored, marketoId, state: 'linked' as const }
      // Somebody with this record's id was there, with values of their own.
      if (result.kind === 'updated') waits.push(0)
      if (result.kind === 'updated') return withoutMarketo(made)
      const own = marketoValues({ id: marketoId }, replica.recordType, context.schema)
      // The id that the person has from now on is a value that travels to the record, where it is selected.
      if (Object.keys(own).length > 0) waits.push(0)
      return {
        ...made,
        marketo: { ...decision.marketo, ...toMarketo, ...own },
        marketoSeenAt: wholeSecond(context.now),
      }
    }
    case 'missing': {
      const { marketoId, ...alone } = withoutAgreement(withoutMarketo(replica))
      if (marketoId !== undefined) side.moves.push({ kind: 'orphan', linkId, marketoId })
      if (replica.state !== 'tombstoned') waits.push(0)
      return { ...alone, state: replica.state === 'linked' ? 'orphaned' : replica.state, sent: [] }
    }
    case 'refused':
      side.failures.push({ side: 'marketo', ...result.detail })
      return unsent(replica, side)
    case 'unsent':
      waits.push(result.retryAfterMs)
      return unsent(replica, side)
    case 'unknown':
      // An answer that we do not know may come again and again: it is told, and tried at growing distances.
      if (result.detail) side.failures.push({ side: 'marketo', ...result.detail })
      waits.push(Math.max(context.settleMs, result.detail ? context.backoffMs(replica.attempts + 1) : 0))
      return { ...withoutMarketo(replica), ...pending(side, 'toMarketo', toMarketo, replica.intent) }
    default:
      return result satisfies never
  }
}

/** What was not written back, such as a field that does not travel for a while, waits. */
function withoutRestored({ restore = {}, ...replica }: Replica, written: Values): Replica {
  const left = Object.entries(restore).filter(([field]) => !Object.hasOwn(written, field))
  return left.length === 0 ? replica : { ...replica, restore: Object.fromEntries(left) }
}

function wholeSecond(epochMs: number): number {
  return Math.floor(epochMs / 1_000) * 1_000
}

/** What may still land is remembered with the intent's own id; the wait begins now, since it was sent until now. */
function pending(side: Side, to: 'toDynamics' | 'toMarketo', values: Values, other?: SyncIntent) {
  const { intentId = '', etag } = side.intent ?? {}
  return { intent: { ...other, intentId, at: side.context.now, ...(etag && { etag }), [to]: values } }
}

/** Certainly not executed: the change log will not show it. */
function unsent(replica: Replica, side: Side): Replica {
  return { ...replica, sent: replica.sent.filter((one) => !isOf(side, one)) }
}

function answered({ sent }: Replica, side: Side): SentValue[] {
  return sent.map((one) => (isOf(side, one) ? { ...one, answeredAt: side.context.now } : one))
}

function isOf({ decision, intent }: Side, { field, at }: SentValue): boolean {
  return at === intent?.at && field in decision.toMarketo
}

function scheduled(
  replica: Replica,
  failures: readonly NewFailure[],
  waits: readonly number[],
  context: SettleContext,
): Replica {
  const { now, confirmMs } = context
  const live = { ...replica, priority: 0 as const }
  if (waits.length > 0) {
    return { ...touch(live, now), dueAt: now + Math.min(...waits), attempts: live.attempts + 1 }
  }
  if (failures.length === 0) return { ...rest(live, confirmMs), attempts: 0 }
  const attempts = live.attempts + 1
  return { ...rest(live, confirmMs), attempts, dueAt: now + context.backoffMs(attempts) }
}

/** The agreed e-mail is the one by which the flow action finds the link. */
function emailMove(before: Replica, after: Replica): LinkMove[] {
  const agreed = after.shadow?.email
  if (agreed === undefined || before.shadow?.email === agreed) return []
  const [name] = typeof agreed === 'string' ? identifiersOf({ email: agreed }) : []
  return [{ kind: 'email', linkId: after.linkId, ...(name && { email: name.value }) }]
}

function fieldBlocked(field: string): NewFailure {
  return {
    side: 'marketo',
    code: 'field-blocked',
    field,
    advice:
      'Marketo kept the old value: allow updates by web service for the field in Field Management, or make it to-dynamics.',
  }
}
