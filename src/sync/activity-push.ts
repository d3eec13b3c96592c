import type { Logger } from 'pino'
import type { CallContext } from '../abort.ts'
import type { Clock, Random } from '../clock.ts'
import { Busy, Unavailable } from '../errors.ts'
import type { ActivityLog, CustomActivity } from '../marketo/activity-log.ts'
import type { ApprovedActivityType, Schema } from '../marketo/schema.ts'
import { summaryOf } from '../person/problem.ts'
import { waitMs } from '../retry.ts'
import type { SyncStore, UnsentActivity } from '../store/sync-port.ts'
import { adviceWhileWaiting } from '../waiting.ts'
import { resultActivity } from './result-activity.ts'
import { isWithin, type SyncSettings } from './settings.ts'

/** Activities that one call of Marketo takes. */
const BATCH_MAX = 300

const ANSWERED = { times: 0, at: 0, waitMs: 0 }

export interface ActivityPushOptions {
  store: SyncStore
  activityLog: ActivityLog
  schema: Pick<Schema, 'activityType'>
  clock: Clock
  random: Random
  settings: SyncSettings
  log: Logger
}

/**
 * Tells Marketo what happened to each person, as the custom activity that setup makes. The cursor moves only over
 * what Marketo has taken or will never take, so nothing is lost; after an answer that got lost, an activity can be
 * there twice, told by its Activity ID.
 */
export class ActivityPush {
  readonly #options: ActivityPushOptions
  #isMissing = false
  /** Times in a row that Marketo gave no answer, and when it is asked again. */
  #unanswered = ANSWERED
  #isOutdated = false

  constructor(options: ActivityPushOptions) {
    this.#options = options
  }

  /** Gives how many activities were settled. Throws the vendors' errors. */
  async push(call: CallContext): Promise<number> {
    const { store, schema, clock, log } = this.#options
    if (isWithin(this.#unanswered.waitMs, this.#unanswered.at, clock.now())) return 0
    const { cursors } = await store.readState()
    let after = Number(cursors.find(({ stream }) => stream === 'activity-log')?.position ?? 0)
    for (let settled = 0; ; ) {
      const unsent = await store.readUnsentActivities(after, BATCH_MAX)
      if (unsent.length === 0) return settled
      const type = await schema.activityType(resultActivity.apiName, call)
      if (type === undefined) {
        if (!this.#isMissing) {
          log.warn(
            { event: 'result-activity-missing' },
            'Run npm run setup: Marketo has no custom activity for results',
          )
        }
        this.#isMissing = true
        return settled
      }
      this.#noteMissing(type)
      const done = await this.#send(unsent, type, call)
      this.#unanswered = done < unsent.length ? this.#later() : ANSWERED
      const last = unsent[done - 1]
      if (last) {
        after = last.activityId
        settled += done
        await this.#save(after)
      }
      if (done < unsent.length) throw new Unavailable('Marketo did not take all activities')
    }
  }

  /** Logged once: the activities go out with what the type takes. */
  #noteMissing({ attributes }: ApprovedActivityType): void {
    const missing = resultActivity.attributes.filter(({ apiName }) => !attributes.has(apiName))
    if (missing.length > 0 && !this.#isOutdated) {
      const names = missing.map(({ apiName }) => apiName).join(', ')
      this.#options.log.warn(
        { event: 'result-activity-outdated', missing: names },
        'Run npm run setup: the custom activity for results lacks attributes',
      )
    }
    this.#isOutdated = missing.length > 0
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
      if (result.kind === 'unsent') throw new Busy('Marketo takes no activities now', result.retryAfterMs)
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
