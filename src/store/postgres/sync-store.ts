import { toAlias } from '../alias-rows.ts'
import type { RecordType } from '../port.ts'
import { toReplica } from '../replica-rows.ts'
import { integer, text } from '../rows.ts'
import type {
  Alias,
  Backlog,
  Conflict,
  Failure,
  Replica,
  SyncChange,
  SyncStore,
  UnsentActivity,
} from '../sync-port.ts'
import { toBacklog, toConflict, toCursor, toFailure, toUnsentActivity } from '../sync-rows.ts'
import { ALIAS, IS_ORPHAN, IS_UNDER_WAY, REPLICA, SYNC_SQL } from '../sync-statements.ts'
import type { Postgres } from './postgres.ts'
import { saveChange } from './save.ts'
import { statement } from './statement.ts'

/** Names point to the link that took over; ids may be those of links that were merged away. */
const FIND = `
  with recursive trail (link_id, merged_into) as (
    select link_id, merged_into from link
     where link_id = any(:linkIds::bigint[])
        or link_id in (select link_id from identifier where kind = 'record' and value = any(:records::text[]))
        or link_id in (select link_id from identifier where kind = 'marketo' and value = any(:marketoIds::text[]))
    union
    select link.link_id, link.merged_into from trail join link on link.link_id = trail.merged_into
  )
  select ${REPLICA} from trail join link using (link_id) left join replica using (link_id)
   where trail.merged_into is null`
const UNSEEN = `
  select ${REPLICA} from replica join link using (link_id)
   where replica.link_id > :after and epoch < :epoch and record_type = :recordType
     and state in ('linked', 'orphaned')
   order by replica.link_id limit :limit`
const FORMER = `
  select ${ALIAS} from identifier join link using (link_id) left join alias using (kind, value)
   where identifier.kind = 'record' and identifier.value = any(:names::text[])
     and value <> record_type || ':' || record_id`
const PEOPLE = `
  select link_id, value::bigint as marketo_id from identifier
   where kind = 'marketo' and link_id = any(:linkIds::bigint[]) order by marketo_id`
const ORPHANS_WITH = `
  select ${REPLICA} from link join replica using (link_id)
   where ${IS_ORPHAN}
     and link_id in (select link_id from identifier where kind = 'email' and value = any(:emails::text[])
                     union all
                     select link_id from replica
                      where shadow is null and lower(dynamics::json ->> 'email') = any(:emails::text[]))`
const DEPARTED = 'select link_id, marketo_id from departed where marketo_id = any(:marketoIds::bigint[])'
const UNDER_WAY = `select link_id from link where link_id = any(:linkIds::bigint[]) and ${IS_UNDER_WAY}`
/** Before its replica is written, as everybody does who writes one. */
const HOLD_LINK = `
  select link_id from link
   where link_id = (select link_id from failure where failure_id = :failureId and closed_at is null) for update`

/** The background sync's half of the driver for several processes. Each verb is one round trip. */
export class PostgresSyncStore implements SyncStore {
  readonly #postgres: Postgres
  readonly #functions: string

  /** `functions` is their schema: `migrate` gives it. */
  constructor(postgres: Postgres, functions: string) {
    this.#postgres = postgres
    this.#functions = functions
  }

  async readState(): ReturnType<SyncStore['readState']> {
    const [cursors = [], [control] = []] = await this.#postgres.transaction([
      statement(SYNC_SQL.readCursors),
      statement(SYNC_SQL.readPaused),
    ])
    return { cursors: cursors.map(toCursor), paused: control?.paused === 1 }
  }

  async setPaused(paused: boolean): Promise<void> {
    await this.#postgres.query(SYNC_SQL.setPaused, { paused: paused ? 1 : 0 })
  }

  async findReplicas(names: Parameters<SyncStore['findReplicas']>[0]): Promise<Replica[]> {
    const { records = [], marketoIds = [], linkIds = [] } = names
    const rows = await this.#postgres.query(FIND, {
      records: records.map(({ recordType, recordId }) => `${recordType}:${recordId}`),
      marketoIds: marketoIds.map(String),
      linkIds,
    })
    return rows.map(toReplica)
  }

  async dueAliases(limit: number, now: number): Promise<Alias[]> {
    return (await this.#postgres.query(SYNC_SQL.dueAliases, { limit, now })).map(toAlias)
  }

  async formerRecords(records: Parameters<SyncStore['formerRecords']>[0]): Promise<Alias[]> {
    if (records.length === 0) return []
    const names = records.map(({ recordType, recordId }) => `${recordType}:${recordId}`)
    return (await this.#postgres.query(FORMER, { names })).map(toAlias)
  }

  async peopleOf(linkIds: readonly number[]): ReturnType<SyncStore['peopleOf']> {
    const rows = await this.#postgres.query(PEOPLE, { linkIds })
    return rows.map((row) => ({ linkId: integer(row, 'link_id'), marketoId: integer(row, 'marketo_id') }))
  }

  async linksOfDeparted(marketoIds: readonly number[]): ReturnType<SyncStore['linksOfDeparted']> {
    const rows = await this.#postgres.query(DEPARTED, { marketoIds })
    return rows.map((row) => ({ linkId: integer(row, 'link_id'), marketoId: integer(row, 'marketo_id') }))
  }

  async claimsUnderWay(linkIds: readonly number[]): Promise<number[]> {
    if (linkIds.length === 0) return []
    const rows = await this.#postgres.query(UNDER_WAY, { linkIds })
    return rows.map((row) => integer(row, 'link_id'))
  }

  async hasOrphans(): Promise<boolean> {
    return (await this.#postgres.query(SYNC_SQL.hasOrphans)).length > 0
  }

  async orphansWith(emails: readonly string[]): Promise<Replica[]> {
    return (await this.#postgres.query(ORPHANS_WITH, { emails })).map(toReplica)
  }

  async due(limit: number, now: number): Promise<Replica[]> {
    const [live = [], initial = []] = await this.#postgres.transaction([
      statement(SYNC_SQL.dueReplicas, { priority: 0, now, limit }),
      statement(SYNC_SQL.dueReplicas, { priority: 1, now, limit }),
    ])
    return [...live, ...initial].slice(0, limit).map(toReplica)
  }

  save(change: SyncChange): ReturnType<SyncStore['save']> {
    return saveChange(this.#postgres, this.#functions, change)
  }

  async unseen(recordType: RecordType, epoch: number, after: number, limit: number): Promise<Replica[]> {
    const rows = await this.#postgres.query(UNSEEN, { recordType, epoch, after, limit })
    return rows.map(toReplica)
  }

  async backlog(): Promise<Backlog> {
    const [[row] = [], others = []] = await this.#postgres.transaction([
      statement(SYNC_SQL.backlog),
      statement(SYNC_SQL.linksNotLinked),
    ])
    if (row === undefined) throw new Error('The store did not count')
    return toBacklog(row, others)
  }

  async readConflicts(limit: number, before = Number.MAX_SAFE_INTEGER): Promise<Conflict[]> {
    return (await this.#postgres.query(SYNC_SQL.readConflicts, { limit, before })).map(toConflict)
  }

  async readFailures(filter: Parameters<SyncStore['readFailures']>[0]): Promise<Failure[]> {
    const { code, limit, after = 0 } = filter
    const sql = code === undefined ? SYNC_SQL.readFailures : SYNC_SQL.readFailuresOfCode
    return (await this.#postgres.query(sql, { code, limit, after })).map(toFailure)
  }

  async countFailures(): Promise<readonly { code: string; count: number }[]> {
    const rows = await this.#postgres.query(SYNC_SQL.countFailures)
    return rows.map((row) => ({ code: text(row, 'code'), count: integer(row, 'count') }))
  }

  async retryFailure(failureId: number, now: number): Promise<boolean> {
    const [, , , found = []] = await this.#postgres.transaction([
      statement(HOLD_LINK, { failureId }),
      statement(SYNC_SQL.retryReplica, { failureId, now }),
      statement(SYNC_SQL.retryAlias, { failureId, now }),
      statement(SYNC_SQL.findFailure, { failureId }),
    ])
    return found.length === 1
  }

  async readUnsentActivities(after: number, limit: number): Promise<UnsentActivity[]> {
    const sql = `select * from ${this.#functions}.read_unsent_activities(:after, :limit)`
    return (await this.#postgres.query(sql, { after, limit })).map(toUnsentActivity)
  }

  async pruneSync(before: number, limit: number): Promise<number> {
    const pruned = await this.#postgres.transaction([
      statement(SYNC_SQL.pruneConflicts, { before, limit }),
      statement(SYNC_SQL.pruneFailures, { before, limit }),
    ])
    return Math.max(...pruned.map((rows) => rows.length))
  }
}
