import { WAITING_OF_ACTIVITY } from './request-statements.ts'

/** The columns of `toReplica`, of a link joined with its replica. */
export const REPLICA = `link.link_id, state, record_type, record_id, marketo_id, shadow, marketo, dynamics, etag,
                        marketo_seen_at, sent, restore, intent, told, stopped, due_at, dirty_since, priority, attempts,
                        epoch, version`
const FAILURE = `failure.*, record_type, record_id, marketo_id,
                 case when other_kind is null then replica.due_at else alias.due_at end as due_at
                 from failure left join link using (link_id) left join replica using (link_id)
                 left join alias on kind = other_kind and value = other_value`
/** Of a link: a claim of which a request is open, or a create may have been sent. */
export const IS_UNDER_WAY = `state = 'claimed'
       and (exists (select 1 from request where request.link_id = link.link_id and settled_at is null)
            or exists (select 1 from intent
                        where intent.link_id = link.link_id and intent.generation = link.generation))`
/** Of a link: its person was deleted in Marketo, and nobody has come for the record. Nothing is agreed on. */
export const IS_ORPHAN = "state = 'orphaned' and marketo_id is null"
/** The columns of `toAlias`. */
export const ALIAS = `identifier.kind, identifier.value, seen, link.link_id, state, record_type, record_id, marketo_id`

/** Found by an index of the links that are not linked. */
const CLAIMED = `replica
              where link_id in (select link_id from link where state <> 'linked' and state = 'claimed')
                and dirty_since is not null`

/** In the order of an index, so that it ends at the first one. */
function oldestDirty(priority: 0 | 1): string {
  return `select * from (
            select dirty_since as since from replica join link using (link_id)
             where priority = ${priority} and dirty_since is not null and state <> 'claimed'
             order by dirty_since limit 1) as of_${priority}`
}

/**
 * What the background sync's half of the store says to either database. `:name` parameters; whole numbers, and JSON
 * as text.
 */
export const SYNC_SQL = {
  readCursors: 'select stream, position, read_at from cursor',
  readPaused: 'select paused from sync_control',
  setPaused: 'update sync_control set paused = :paused',

  dueReplicas: `
    select ${REPLICA} from replica join link using (link_id)
     where priority = :priority and due_at <= :now and state in ('linked', 'tombstoned', 'orphaned')
     order by due_at limit :limit`,

  /** Without those whose record is not made, or was refused: nothing of them can be late. They are few. */
  backlog: `
    select (select count(*) from replica where dirty_since is not null and priority = 0)
             - (select count(*) from ${CLAIMED} and priority = 0) as live,
           (select count(*) from replica where dirty_since is not null and priority = 1)
             - (select count(*) from ${CLAIMED} and priority = 1) as initial,
           (select min(since) from (${oldestDirty(0)} union all ${oldestDirty(1)}) as oldest) as oldest_dirty_at,
           (select count(*) from link) as links,
           (select count(*) from failure where closed_at is null) as failures`,
  /** Nearly all links are linked: the others are counted, those follow from the total. */
  linksNotLinked: "select state, count(*) as count from link where state <> 'linked' group by state",

  readConflicts: 'select * from conflict where conflict_id < :before order by conflict_id desc limit :limit',
  pruneConflicts: `
    delete from conflict where conflict_id in (select conflict_id from conflict where at < :before limit :limit)
    returning conflict_id`,

  readFailures: `
    select ${FAILURE}
     where closed_at is null
       and (code, failure_id) > (coalesce((select code from failure where failure_id = :after), ''), :after)
     order by code, failure_id limit :limit`,
  readFailuresOfCode: `
    select ${FAILURE}
     where closed_at is null and code = :code and failure_id > :after
     order by failure_id limit :limit`,
  countFailures: `
    select code, count(*) as count from failure where closed_at is null group by code order by code`,
  findFailure: 'select failure_id from failure where failure_id = :failureId and closed_at is null',
  retryReplica: `
    update replica set due_at = case when due_at < :now then due_at else :now end,
                       dirty_since = coalesce(dirty_since, :now), version = version + 1
     where link_id = (select link_id from failure
                       where failure_id = :failureId and closed_at is null and other_kind is null)`,
  pruneFailures: `
    delete from failure where failure_id in (select failure_id from failure where closed_at < :before limit :limit)
    returning failure_id`,

  /**
   * A claim is settled first, or has come to nothing: then a former record may take it over. Who has lost their own
   * person gets another by themselves.
   */
  dueAliases: `
    select ${ALIAS}
      from alias join identifier using (kind, value) join link using (link_id)
     where due_at <= :now and not (${IS_UNDER_WAY})
       and (kind = 'record' or (state <> 'claimed' and marketo_id is not null))
     order by due_at limit :limit`,
  hasOrphans: "select link_id from link where state = 'orphaned' limit 1",
  retryAlias: `
    update alias set due_at = :now
     where (kind, value) =
           (select other_kind, other_value from failure where failure_id = :failureId and closed_at is null)`,

  readUnsentActivities: `
    select activity_id, at, activity.outcome, detail, coalesce(activity.marketo_id, link.marketo_id) as marketo_id,
           ${WAITING_OF_ACTIVITY}
      from activity join link using (link_id) left join request using (request_id)
     where activity_id > :after order by activity_id limit :limit`,
} as const
