import { CLOCK_TOLERANCE_MS } from '../clock.ts'
import { HOLD_MS } from './port.ts'

/**
 * What pg-boss has no verb for: a verb of its own would move one job at a time, count a job that was handed back as
 * one whose worker died, or make a job anew that has ended meanwhile. Its functions and columns are as its own
 * statements use them. Source: pg-boss 12.35.0, src/plans.ts (touchJobs, updateJob, restoreJobs).
 */

export const SCHEMA = 'sync_person_jobs'
export const QUEUE = 'requests'
export const HOLD_SECONDS = HOLD_MS / 1_000

const NOW = `${SCHEMA}.job_now()`
/** Claimed jobs are kept by their heartbeat, those that an endpoint works on by the time before which none is claimed. */
export const HOLD = `
  update ${SCHEMA}.job
     set heartbeat_on = case state when 'active' then ${NOW} else heartbeat_on end,
         start_after = case state when 'active' then start_after
                       else greatest(start_after, ${NOW} + interval '${HOLD_SECONDS} seconds') end
   where name = '${QUEUE}' and id = any(:requestIds::uuid[])`

/** Without a start the next claim does not count this one as a crash: see fetchNextJob and restoreJobs. */
const PUT_BACK = `update ${SCHEMA}.job set state = 'created', started_on = null, heartbeat_on = null`

export const HAND_BACK = `
  ${PUT_BACK}, start_after = ${NOW}
   where name = '${QUEUE}' and id = any(:requestIds::uuid[])`

export const RESCHEDULE = `
  ${PUT_BACK},
         start_after = ${NOW} + :waitMs::bigint * interval '1 millisecond'
   where name = '${QUEUE}' and id = :requestId::uuid`

/** pg-boss keeps the time at which a job was made, whatever happens to it. */
export const BACKLOG = `
  select count(*) as waiting, floor(extract(epoch from min(created_on)) * 1000)::bigint as oldest_at
    from ${SCHEMA}.job
   where name = '${QUEUE}'`

/**
 * Every replica's supervision stamps the queue about once a second. A stamp ahead of now is one of the database's clock
 * before it was set back, and pg-boss would wait until that time comes again: for the jobs as for its supervision.
 * Source: pg-boss 12.35.0, src/plans.ts (trySetQueueMonitorTime, failJobsByHeartbeat).
 */
export const MAKE_DUE = `
  with ahead as (
    update ${SCHEMA}.queue set monitor_claim_on = ${NOW}
     where name = '${QUEUE}' and monitor_claim_on > ${NOW} + interval '${CLOCK_TOLERANCE_MS} milliseconds'
    returning name
  )
  update ${SCHEMA}.job
     set start_after = least(start_after, ${NOW}),
         heartbeat_on = case when heartbeat_on > ${NOW} then ${NOW} else heartbeat_on end
    from ahead
   where job.name = ahead.name`
