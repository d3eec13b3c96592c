/** What the flow action's part of the store says to either database. `:name` parameters. */
export const REQUEST_SQL = {
  releaseLease: 'update link set lease_owner = null, lease_until = 0 where lease_owner = :requestId',

  activitiesOfPerson: `
    select * from activity
     where (marketo_id = :marketoId
            or (marketo_id is null
                and link_id = (select link_id from identifier where kind = 'marketo' and value = :value)))
       and activity_id < :before
     order by activity_id desc limit :limit`,

  pruneRequests: `
    delete from request
     where request_id in (select request_id from request where settled_at < :before limit :limit) returning 1`,
  pruneActivities: `
    delete from activity
     where activity_id in (select activity_id from activity where at < :before limit :limit) returning 1`,
} as const
