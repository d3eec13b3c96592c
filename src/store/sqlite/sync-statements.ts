import { ALIAS, IS_ORPHAN, IS_UNDER_WAY, REPLICA, SYNC_SQL } from '../sync-statements.ts'
import type { Database } from './database.ts'
import { prepareAll } from './prepare.ts'

export type SyncStatements = ReturnType<typeof prepareStatements>

/** Every statement of the background sync's half of the store, once, by name. */
export function prepareStatements(db: Database) {
  return {
    ...prepareAll(db, SYNC_SQL),
    /** A page in the middle of a source leaves standing when its end was last reached. */
    moveCursor: db.prepare(
      `insert into cursor (stream, position, read_at) values (:stream, :position, :readAt)
       on conflict (stream) do update
          set position = excluded.position, read_at = coalesce(excluded.read_at, read_at)`,
    ),

    replicaByName: db.prepare(
      `select ${REPLICA} from identifier join link using (link_id) left join replica using (link_id)
        where kind = ? and value = ?`,
    ),
    replicaOfLink: db.prepare(
      `select ${REPLICA} from link left join replica using (link_id) where link.link_id = ?`,
    ),
    /** The index is named, since the rows that it spares are long. */
    unseenReplicas: db.prepare(
      `select ${REPLICA} from replica indexed by replica_seen join link using (link_id)
        where replica.link_id > :after and epoch < :epoch and record_type = :recordType
          and state in ('linked', 'orphaned')
        order by replica.link_id limit :limit`,
    ),
    aliasByName: db.prepare(
      `select ${ALIAS} from identifier join link using (link_id) left join alias using (kind, value)
        where identifier.kind = :kind and identifier.value = :value
          and value <> record_type || ':' || record_id`,
    ),
    orphansWith: db.prepare(
      `select ${REPLICA} from link join replica using (link_id)
        where ${IS_ORPHAN}
          and link_id in (select link_id from identifier where kind = 'email' and value = :email
                          union all
                          select link_id from replica
                           where shadow is null and lower(dynamics ->> '$.email') = :email)`,
    ),
    peopleOfLink: db.prepare("select value from identifier where link_id = ? and kind = 'marketo'"),
    claimUnderWay: db.prepare(`select link_id from link where link_id = ? and ${IS_UNDER_WAY}`),
    departed: db.prepare('select link_id from departed where marketo_id = ?'),
    moveAlias: db.prepare(
      `insert into alias (kind, value, due_at, seen) values (:kind, :value, :dueAt, :seen)
       on conflict do update set due_at = excluded.due_at, seen = coalesce(excluded.seen, seen)`,
    ),
    insertReplica: db.prepare(
      `insert into replica (link_id, shadow, marketo, dynamics, etag, marketo_seen_at, sent, restore, intent,
                            told, stopped, due_at, dirty_since, priority, attempts, epoch)
       select :linkId, :shadow, :marketo, :dynamics, :etag, :marketoSeenAt, :sent, :restore, :intent,
              :told, :stopped, :dueAt, :dirtySince, :priority, :attempts, :epoch
         from link where link_id = :linkId and state <> 'merged'
       on conflict do nothing`,
    ),
    /** One version a change, whatever else of it wrote the row: who saved knows the version without asking. */
    updateReplica: db.prepare(
      `update replica
          set shadow = :shadow, marketo = :marketo, dynamics = :dynamics, etag = :etag,
              marketo_seen_at = :marketoSeenAt, sent = :sent, restore = :restore, intent = :intent,
              told = :told, stopped = :stopped, due_at = :dueAt, dirty_since = :dirtySince, priority = :priority,
              attempts = :attempts, epoch = :epoch, version = :next
        where link_id = :linkId and version = :expected`,
    ),
    touchReplica: db.prepare('update replica set version = version + 1 where link_id = ?'),
    /** A row was seen that nobody has taken in. */
    forgetRow: db.prepare(
      `update replica set dynamics = null, etag = null, due_at = min(coalesce(due_at, :now), :now),
                          dirty_since = coalesce(dirty_since, :now), version = version + 1
        where link_id = :linkId`,
    ),

    insertLinkedLink: db.prepare(
      `insert into link (state, canonical_key, record_type, record_id, generation, proven_at, created_at)
       values ('linked', :canonicalKey, :recordType, :recordId, 0, :now, :now) returning link_id`,
    ),
    tombstoneLink: db.prepare(
      `update link set state = 'tombstoned', proven_at = null, deleted_at = :now
        where link_id = :linkId and record_type = :recordType and record_id = :recordId
          and state in ('linked', 'orphaned')`,
    ),
    restoreLink: db.prepare(
      `update link set state = 'linked', proven_at = :now, deleted_at = null
        where link_id = :linkId and state = 'tombstoned'`,
    ),
    moveToRecord: db.prepare(
      `update link set record_type = :recordType, record_id = :recordId, proven_at = :now, deleted_at = null,
                       state = case state when 'orphaned' then 'orphaned' else 'linked' end
        where link_id = :linkId`,
    ),
    moveToPerson: db.prepare(
      `update link set marketo_id = :marketoId, state = case state when 'orphaned' then 'linked' else state end
        where link_id = :linkId`,
    ),

    insertConflict: db.prepare(
      `insert into conflict (link_id, at, record_type, record_id, marketo_id, field, winner, won, lost)
       select link_id, :now, record_type, record_id, marketo_id, :field, :winner, :won, :lost
         from link where link_id = :linkId`,
    ),

    failuresOf: db.prepare(
      `select failure_id, side, code, field from failure
        where link_id is ? and closed_at is null and other_kind is null`,
    ),
    insertFailure: db.prepare(
      `insert into failure (link_id, side, code, field, advice, vendor_code, vendor_message, vendor_request_id,
                            other_kind, other_value, first_seen_at, last_seen_at, attempts)
       values (:linkId, :side, :code, :field, :advice, :vendorCode, :vendorMessage, :vendorRequestId,
               :kind, :value, :now, :now, 1)`,
    ),
    repeatFailure: db.prepare(
      `update failure set advice = :advice, vendor_code = :vendorCode, vendor_message = :vendorMessage,
                          vendor_request_id = :vendorRequestId, last_seen_at = :now, attempts = attempts + 1
        where failure_id = :failureId`,
    ),
    failureOfAlias: db.prepare(
      `select failure_id, code from failure
        where link_id = :linkId and other_kind = :kind and other_value = :value and closed_at is null`,
    ),
    /** Kept for a while: a page may go on after one that has been closed since. */
    closeFailure: db.prepare('update failure set closed_at = :now where failure_id = :failureId'),
  }
}
