import type { Logger } from 'pino'
import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Busy, Unavailable } from '../errors.ts'
import type { ActivityLog, CustomActivity } from '../marketo/activity-log.ts'
import type { Schema } from '../marketo/schema.ts'
import type { SyncStore, UnsentActivity } from '../store/sync-port.ts'
import { resultActivity } from './result-activity.ts'

/** Activities that one call of Marketo takes. */
const BATCH_MAX = 300

export interface ActivityPushOptions {
  store: SyncStore
  activityLog: ActivityLog
  schema: Pick<Schema, 'activityTypeId'>
  clock: Clock
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

  constructor(options: ActivityPushOptions) {
    this.#options = options
  }

  /** Gives how many activities were settled. Throws the vendors' errors. */
  async push(call: CallContext): Promise<number> {
    const { store, schema, log } = this.#options
    const { cursors } = await store.readState()
    let after = Number(cursors.find(({ stream }) => stream === 'activity-log')?.position ?? 0)
    for (let settled = 0; ; ) {
      const unsent = await store.readUnsentActivities(after, BATCH_MAX)
      if (unsent.length === 0) return settled
      const typeId = await schema.activityTypeId(resultActivity.apiName, call)
      if (typeId === undefined) {
        if (!this.#isMissing) {
          log.warn(
            { event: 'result-activity-missing' },
            'Run npm run setup: Marketo has no custom activity for results',
          )
        }
        this.#isMissing = true
        return settled
      }
      const done = await this.#send(unsent, typeId, call)
      const last = unsent[done - 1]
      if (last) {
        after = last.activityId
        settled += done
        await this.#save(after)
      }
      if (done < unsent.length) throw new Unavailable('Marketo did not take all activities')
    }
  }

  /** How many from the front are settled. */
  async #send(unsent: readonly UnsentActivity[], typeId: number, call: CallContext): Promise<number> {
    const { activityLog, log } = this.#options
    const known = unsent.flatMap((activity) => {
      const { marketoId } = activity
      return marketoId === undefined ? [] : [{ activity, entry: toEntry(activity, marketoId, typeId) }]
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
      if (result.kind === 'unknown') return unsent.indexOf(activity)
      if (result.kind === 'refused') {
        log.warn({ event: 'activity-refused', activityId: activity.activityId, code: result.detail.code })
      }
    }
    return unsent.length
  }

  async #save(after: number): Promise<void> {
    const now = this.#options.clock.now()
    const cursor = { stream: 'activity-log' as const, position: String(after), readAt: now }
    await this.#options.store.save({ now, cursors: [cursor] })
  }
}

function toEntry(activity: UnsentActivity, marketoId: number, typeId: number): CustomActivity {
  const { activityId, at, outcome, code, field, advice, recordType, recordId, campaign } = activity
  const said = { code, field, advice, recordType, recordId, campaign, activityId: String(activityId) }
  const attributes = Object.fromEntries(
    Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
  return { marketoId, at, typeId, primaryAttributeValue: outcome, attributes }
}
