import { REQUEST_SQL } from '../request-statements.ts'
import type { Database } from './database.ts'
import { erasable } from './erasable.ts'

const PAYLOAD = erasable(':payload', 'withoutRowid')
const COLUMNS = erasable(':columns', 'withoutRowid')

export type Statements = ReturnType<typeof prepareStatements>

/** Every statement of the store, once, by name. */
export function prepareStatements(db: Database) {
  return {
    findRequestByKey: db.prepare(
      `select request_id, body_hash, outcome, answer_status, answer_body
         from request where caller = ? and idempotency_key = ?`,
    ),
    findRequest: db.prepare('select * from request where request_id = ?'),
    insertRequest: db.prepare(
      `insert into request (request_id, link_id, door, caller, idempotency_key, body_hash, marketo_id,
                            payload, campaign, accepted_at)
       values (:requestId, :linkId, :door, :caller, :key, :bodyHash, :marketoId, ${PAYLOAD}, :campaign, :now)`,
    ),
    settleRequest: db.prepare(
      `update request set outcome = :outcome, settled_at = :now, payload = ''
        where request_id = :requestId and settled_at is null`,
    ),
    storePayload: db.prepare(
      `update request set payload = ${PAYLOAD} where request_id = :requestId and settled_at is null`,
    ),
    storeAnswer: db.prepare(
      `update request set answer_status = :status, answer_body = :body
        where request_id = :requestId and idempotency_key is not null and answer_status is null`,
    ),
    moveRequests: db.prepare('update request set link_id = :to where link_id = :from and settled_at is null'),

    findLink: db.prepare('select * from link where link_id = ?'),
    findHome: db.prepare('select merged_into from link where link_id = ?'),
    findLinkByIdentifier: db.prepare(
      'select link.* from identifier join link using (link_id) where kind = ? and value = ?',
    ),
    insertLink: db.prepare(
      `insert into link (state, canonical_key, record_type, record_id, generation, marketo_id, created_at)
       values ('claimed', :canonicalKey, :recordType, :recordId, :generation, :marketoId, :now)
       returning *`,
    ),
    /** An orphan has a person again. */
    ownLink: db.prepare(
      `update link set marketo_id = :marketoId, state = case state when 'orphaned' then 'linked' else state end
        where link_id = :linkId and marketo_id is null`,
    ),
    /**
     * A look at the record that is older than the word of its deletion proves nothing. What is dated after `latest` has
     * the time of a clock that was wrong.
     */
    proveLink: db.prepare(
      `update link set state = case state when 'orphaned' then 'orphaned' else 'linked' end,
                       record_type = :recordType, record_id = :recordId,
                       proven_at = case when proven_at between :provenAt and :latest then proven_at else :provenAt end,
                       deleted_at = null, lease_owner = null, lease_until = 0
        where link_id = :linkId
          and not (state = 'tombstoned' and record_id = :recordId and deleted_at between :provenAt and :latest)`,
    ),
    orphanLink: db.prepare(
      `update link set marketo_id = null, state = case state when 'linked' then 'orphaned' else state end
        where link_id = :linkId and marketo_id = :marketoId`,
    ),
    noteDeparted: db.prepare(
      `insert into departed (marketo_id, link_id)
       select :marketoId, link_id from identifier where kind = 'marketo' and value = :value and link_id = :linkId
       on conflict do update set link_id = excluded.link_id`,
    ),
    moveDeparted: db.prepare('update departed set link_id = :to where link_id = :from'),
    raiseLink: db.prepare(
      `update link set state = 'claimed', record_type = :recordType, record_id = :recordId,
                       generation = :generation, proven_at = null, deleted_at = null
        where link_id = :linkId`,
    ),
    rekeyLink: db.prepare(
      `update link set canonical_key = :canonicalKey, record_id = :recordId, generation = :generation
        where link_id = :linkId`,
    ),
    mergeLink: db.prepare(
      `update link set state = 'merged', merged_into = :to, lease_owner = null, lease_until = 0 where link_id = :from`,
    ),
    takeLease: db.prepare(
      `update link set lease_owner = :requestId, lease_until = :until
        where link_id = :linkId and state = 'claimed'
          and (lease_owner is null or lease_owner = :requestId or lease_until <= :now)`,
    ),
    releaseLease: db.prepare(REQUEST_SQL.releaseLease),
    postpone: db.prepare(REQUEST_SQL.postpone),
    explain: db.prepare(REQUEST_SQL.explain),
    readWaiting: db.prepare(REQUEST_SQL.readWaiting),

    insertIdentifier: db.prepare(
      'insert into identifier (kind, value, link_id) values (:kind, :value, :linkId) on conflict do nothing',
    ),
    dropName: db.prepare(
      'delete from identifier where kind = :kind and value = :value and link_id = :linkId',
    ),
    moveIdentifiers: db.prepare('update identifier set link_id = :to where link_id = :from'),
    dropOtherEmails: db.prepare(
      "delete from identifier where link_id = :linkId and kind = 'email' and value <> :email",
    ),
    /** Whoever else has the link is looked at by the background sync. */
    noteAlias: db.prepare(
      `insert into alias (kind, value, due_at)
       select kind, value, 0 from identifier where kind = :kind and value = :value and link_id = :linkId
       on conflict do nothing`,
    ),
    /** People, and the record, of a link that is merged away. */
    noteAliases: db.prepare(
      `insert into alias (kind, value, due_at)
       select kind, value, 0 from identifier join link using (link_id)
        where link_id = :from
          and (kind = 'marketo' or (kind = 'record' and value = record_type || ':' || record_id
                                    and state in ('linked', 'orphaned')))
       on conflict do update set due_at = excluded.due_at`,
    ),
    dropAlias: db.prepare('delete from alias where kind = :kind and value = :value'),
    closeAlias: db.prepare(
      `update failure set closed_at = :now
        where link_id = :linkId and other_kind = :kind and other_value = :value and closed_at is null`,
    ),
    /** Their failures name the link's own person and record. */
    lookAtAliases: db.prepare(
      `update alias set due_at = :now
        where due_at is not null
          and (kind, value) in (select kind, value from identifier where link_id = :linkId)`,
    ),
    identifiersOfLink: db.prepare(
      'select kind, value from identifier where link_id = ? order by kind, value',
    ),

    /** Keeps the first request that may have made the record, unless that request has ended. */
    insertIntent: db.prepare(
      `insert into intent (link_id, generation, request_id, columns, stored_at)
       values (:linkId, :generation, :requestId, ${COLUMNS}, :now)
       on conflict (link_id, generation) do update
          set request_id = excluded.request_id, columns = excluded.columns, stored_at = excluded.stored_at
        where intent.request_id not in (select request_id from request where settled_at is null)`,
    ),
    findIntent: db.prepare('select request_id, columns from intent where link_id = ? and generation = ?'),
    dropIntents: db.prepare('delete from intent where link_id = ?'),
    dropIntentOf: db.prepare('delete from intent where link_id = ? and request_id = ?'),

    /** A record that the sync has not heard of yet is due at once. */
    ensureReplica: db.prepare(
      `insert into replica (link_id, due_at, dirty_since) values (:linkId, :now, :now) on conflict do nothing`,
    ),
    wakeReplica: db.prepare(
      `insert into replica (link_id, due_at, dirty_since) values (:linkId, :now, :now)
       on conflict do update set due_at = coalesce(due_at, :now), dirty_since = coalesce(dirty_since, :now),
                                 priority = 0, version = version + 1`,
    ),
    /**
     * The link has another record now, or with `dueAt` null is to get one. What was sent to Marketo stays:
     * its echo may be on the way.
     */
    forgetRecord: db.prepare(
      `insert into replica (link_id, due_at, dirty_since) values (:linkId, :dueAt, :dueAt)
       on conflict do update set shadow = null, marketo = null, dynamics = null, etag = null, intent = null,
                                 stopped = 0, due_at = :dueAt, dirty_since = :dueAt, priority = 0,
                                 attempts = 0, version = version + 1`,
    ),
    /**
     * The link has another person now. Without a shadow, what is known of the record stands on its own; what it was
     * made with came from somebody else.
     */
    forgetPerson: db.prepare(
      `update replica set dynamics = case when shadow is null then dynamics end,
                          etag = case when shadow is null then etag end,
                          shadow = null, marketo = null, marketo_seen_at = 0, sent = null, restore = null,
                          intent = case when json_type(intent, '$.created') is null then intent end,
                          due_at = :now, dirty_since = coalesce(dirty_since, :now),
                          priority = 0, attempts = 0, version = version + 1
        where link_id = :linkId`,
    ),
    /** Of a record that was just made; nothing is known of it yet. */
    agreeOnCreate: db.prepare(
      `update replica set intent = :intent, version = version + 1
        where link_id = :linkId and shadow is null and intent is null`,
    ),
    dropReplica: db.prepare('delete from replica where link_id = ?'),

    insertActivity: db.prepare(
      `insert into activity (link_id, marketo_id, request_id, at, outcome, detail)
       values (:linkId, :marketoId, :requestId, :now, :outcome, :detail)`,
    ),
    findQueuedActivity: db.prepare(
      "select 1 from activity where link_id = ? and request_id = ? and outcome = 'queued'",
    ),
    moveActivities: db.prepare('update activity set link_id = :to where link_id = :from'),
    moveConflicts: db.prepare('update conflict set link_id = :to where link_id = :from'),
    moveFailures: db.prepare('update failure set link_id = :to where link_id = :from and closed_at is null'),
    activitiesOfPerson: db.prepare(REQUEST_SQL.activitiesOfPerson),
    pruneRequests: db.prepare(REQUEST_SQL.pruneRequests),
    pruneActivities: db.prepare(REQUEST_SQL.pruneActivities),
    /** As many pages as a request takes, and never the same: SQLite leaves out what would change nothing. */
    probe: db.prepare('update probe set filler = randomblob(16384)'),
  }
}
