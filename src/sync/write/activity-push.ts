import type { Logger } from 'pino'
import type { CallContext } from '../../abort.ts'
import type { Clock, Random } from '../../clock.ts'
import { adviceWhileWaiting, Busy, Unavailable } from '../../errors.ts'
import type { ActivityLog, CustomActivity } from '../../marketo/bulk-write.ts'
import type { ApprovedActivityType, Schema } from '../../marketo/schema.ts'
import { summaryOf } from '../../person/problem.ts'
import { waitMs } from '../../retry.ts'
import type { SyncStore, UnsentActivity } from '../../store/sync-port.ts'
import type { Faults } from '../faults.ts'
import { isWithin, type SyncSettings } from '../settings.ts'
import { resultActivity } from './result-activity.ts'

/** Activities that one call of Marketo takes. */
const BATCH_MAX = 300

const ANSWERED = { times: 0, at: 0, waitMs: 0 }

const MISSING = {
  side: 'marketo',
  code: 'result-activity-missing',
  advice:
    'Run npm run setup: Marketo has no approved custom activity for results. Results are kept, and written once it exists.',
} as const
const OUTDATED = {
  side: 'marketo',
  code: 'result-activity-outdated',
  advice:
    'Run npm run setup again: the custom activity for results lacks attributes. Results are written without them until then.',
} as const

export interface ActivityPushOptions {
  store: SyncStore
  activityLog: ActivityLog
  schema: Pick<Schema, 'activityType'>
  clock: Clock
  random: Random
  settings: SyncSettings
  faults: Pick<Faults, 'set'>
  log: Logger
}

/**
 * Tells Marketo what happened to each person, as the custom activity that setup makes. The cursor moves only over
 * what Marketo has taken or will never take, so nothing is lost; after an answer that got lost, an activity can be
 * there twice, told by its Activity ID.
 */
export class ActivityPush {
  readonly #options: ActivityPushOptions
  /** Times in a row that Marketo gave no answer, and when it is asked again. */
  #unanswered = ANSWERED

  constructor(options: ActivityPushOptions) {
    this.#options = options
  }

  /** Whether all are sent. Throws the vendors' errors. */
  async push(call: CallContext): Promise<boolean> {
    const { store, schema, clock } = this.#options
    if (isWithin(this.#unanswered.waitMs, this.#unanswered.at, clock.now())) return false
    const { cursors } = await store.readState()
    let after = Number(cursors.find(({ stream }) => stream === 'activity-log')?.position ?? 0)
    for (;;) {
      const unsent = await store.readUnsentActivities(after, BATCH_MAX)
      if (unsent.length === 0) return true
      const type = await schema.activityType(resultActivity.apiName, call)
      this.#judge(type)
      if (type === undefined) return false
      const done = await this.#send(unsent, type, call)
      this.#unanswered = done < unsent.length ? this.#later() : ANSWERED
      const last = unsent[done - 1]
      if (last) {
        after = last.activityId
        await this.#save(after)
      }
      if (done < unsent.length) throw new Unavailable('Marketo did not accept all activities')
    }
  }

  /** Without its type no activity goes out, and they wait; with one that lacks attributes they go out without these. */
  #judge(type: ApprovedActivityType | undefined): void {
    const lacks = resultActivity.attributes.some(({ apiName }) => !type?.attributes.has(apiName))
    const fault = type === undefined ? MISSING : lacks ? OUTDATED : undefined
    this.#options.faults.set('activityLog.type', fault ? [fault] : [])
  }

  /** How many from the front are settled. */
  async #send(
    unsent: readonly UnsentActivity[],
    type: ApprovedActivityType,
    call: CallContext,
  ): Promise<number> {
    const { activityLog, log } = this.#options
    const known = unsent.flatMap((activity) => {
      const { marketoId } = activity
      return marketoId === undefined ? [] : [{ activity, entry: toEntry(activity, marketoId, type) }]
    })
    const results =
      known.length === 0
        ? []
        : await activityLog.add(
            known.map(({ entry }) => entry),
            call,
          )
    for (const [index, { activity }] of known.entries()) {
      const result = results[index] ?? { kind: 'unknown' as const }
      if (result.kind === 'unsent')
        throw new Busy('Marketo accepts no activities at the moment', result.retryAfterMs)
      // Without an answer it may be there or not. With one, whatever it says, it is not written a second time.
      if (result.kind === 'unknown' && !result.detail) return unsent.indexOf(activity)
      if (result.kind === 'refused' || result.kind === 'unknown') {
        const { code, vendorCode, vendorRequestId } = result.detail ?? {}
        const event = result.kind === 'refused' ? 'activity-refused' : 'activity-answer-unknown'
        log.warn({ event, activityId: activity.activityId, code, vendorCode, vendorRequestId })
      }
    }
    return unsent.length
  }

  /** The same again at growing distances: each time it may be there twice. */
  #later() {
    const { clock, random, settings } = this.#options
    const times = this.#unanswered.times + 1
    return { times, at: clock.now(), waitMs: waitMs(settings.againBackoff, times, random) }
  }

  async #save(after: number): Promise<void> {
    const now = this.#options.clock.now()
    const cursor = { stream: 'activity-log' as const, position: String(after), readAt: now }
    await this.#options.store.save({ now, cursors: [cursor] })
  }
}

/** Attributes that the type lacks would have the whole activity refused. */
function toEntry(
  activity: UnsentActivity,
  marketoId: number,
  { id: typeId, attributes: taken }: ApprovedActivityType,
): CustomActivity {
  const { activityId, at, outcome, vendorMessage, recordType, recordId, campaign } = activity
  const { code, field, ...reason } =
    activity.code === undefined ? (summaryOf(activity.warnings) ?? activity) : activity
  const advice = outcome === 'queued' ? adviceWhileWaiting(activity) : reason.advice
  const record = { recordType, recordId, campaign, activityId: String(activityId) }
  const said = { code, field, advice, vendorMessage, ...record }
  const attributes = Object.fromEntries(
    Object.entries(said).flatMap(([name, value]) =>
      value === undefined || !taken.has(name) ? [] : [[name, value]],
    ),
  )
  return { marketoId, at, typeId, primaryAttributeValue: outcome, attributes }
}
