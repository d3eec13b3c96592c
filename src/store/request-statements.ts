import { IN_PROGRESS } from '../errors.ts'

/** Of a queued activity joined with its request, for `toQueued`. */
export const WAITING_OF_ACTIVITY = 'accepted_at, settled_at, attempts, next_attempt_at, waiting'

/** Of open requests grouped by the first column, for `toWaitingRequests`. */
export const WAITING_REQUESTS = `coalesce(waiting_code, '${IN_PROGRESS.code}') as code, count(*) as requests, min(accepted_at) as oldest_at`

/** What the flow action's part of the store says to either database. `:name` parameters. */
export const REQUEST_SQL = {
  releaseLease: 'update link set lease_owner = null, lease_until = 0 where lease_owner = :requestId',

  activitiesOfPerson: `
    select activity.*, ${WAITING_OF_ACTIVITY} from activity left join request using (request_id)
     where (activity.marketo_id = :marketoId
            or (activity.marketo_id is null
                and activity.link_id = (select link_id from identifier where kind = 'marketo' and value = :value)))
       and activity_id < :before
     order by activity_id desc limit :limit`,

  postpone: `
    update request set attempts = :attempts, next_attempt_at = :nextAttemptAt, waiting_code = :code, waiting = :detail
     where request_id = :requestId and settled_at is null`,
  /** The reason that an attempt has left is a later one. */
  explain: `
    update request set next_attempt_at = :nextAttemptAt, waiting_code = :code, waiting = :detail
     where request_id = :requestId and settled_at is null and waiting is null`,
  readWaiting: `
    select ${WAITING_REQUESTS} from request where settled_at is null group by 1 order by 1`,

  pruneRequests: `
    delete from request
     where request_id in (select request_id from request where settled_at < :before limit :limit) returning 1`,
  pruneActivities: `
    delete from activity
     where activity_id in (select activity_id from activity where at < :before limit :limit) returning 1`,
} as const
