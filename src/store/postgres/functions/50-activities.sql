-- What Marketo's log has not been told. Ids are given under the shared side of the lock (hold_activities), so with the
-- other side in hand nobody has one that is not to be seen yet: no later page can pass over a lower id.
create function read_unsent_activities(after_id bigint, page bigint)
returns table (activity_id bigint, at bigint, outcome text, detail text, marketo_id bigint, accepted_at bigint,
               settled_at bigint, attempts bigint, next_attempt_at bigint, waiting text)
language plpgsql as $$
#variable_conflict use_column
begin
  perform pg_advisory_xact_lock(hashtextextended('sync-person-to-microsoft: activities', 0));
  return query
    select activity_id, at, activity.outcome, detail, coalesce(activity.marketo_id, link.marketo_id), accepted_at,
           settled_at, attempts, next_attempt_at, waiting
      from activity join link using (link_id) left join request using (request_id)
     where activity_id > after_id order by activity_id limit page;
end $$;
