import { toAlias } from '../alias-rows.ts'
import type { RecordType } from '../port.ts'
import { toReplica } from '../replica-rows.ts'
import type { Row } from '../rows.ts'
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
import type { Database } from './database.ts'
import type { SqliteLeases } from './leases.ts'
import { Links, recordName } from './links.ts'
import { prepareStatements as prepareLinkStatements } from './statements.ts'
import { Fenced, Stale, SyncChanges } from './sync-changes.ts'
import { prepareStatements, type SyncStatements } from './sync-statements.ts'

/** The background sync's half of the embedded driver. Shares the database, and so its transactions, with the other. */
export class SqliteSyncStore implements SyncStore {
  readonly #db: Database
  readonly #sync: SyncStatements
  readonly #links: Links
  readonly #changes: SyncChanges

  constructor(database: Database, leases: Pick<SqliteLeases, 'isHeld'>) {
    this.#db = database
    const sql = prepareLinkStatements(database)
    this.#sync = prepareStatements(database)
    this.#links = new Links(sql)
    this.#changes = new SyncChanges({ sql, sync: this.#sync, links: this.#links, leases })
  }

  async readState(): ReturnType<SyncStore['readState']> {
    const paused = this.#sync.readPaused.get()?.paused === 1
    return { cursors: this.#sync.readCursors.all().map(toCursor), paused }
  }

  setPaused(paused: boolean): Promise<void> {
    return this.#db.write(() => void this.#sync.setPaused.run({ paused: paused ? 1 : 0 }))
  }

  async findReplicas(names: Parameters<SyncStore['findReplicas']>[0]): Promise<Replica[]> {
    const { records = [], marketoIds = [], linkIds = [] } = names
    const { replicaByName } = this.#sync
    const rows = [
      ...records.map(({ recordType, recordId }) =>
        replicaByName.get('record', recordName(recordType, recordId)),
      ),
      ...marketoIds.map((marketoId) => replicaByName.get('marketo', String(marketoId))),
      ...linkIds.map((linkId) => this.#sync.replicaOfLink.get(this.#links.home(linkId))),
    ]
    const found = new Map<number, Row>()
    for (const row of rows) if (row !== undefined) found.set(integer(row, 'link_id'), row)
    return [...found.values()].map(toReplica)
  }

  async dueAliases(limit: number, now: number): Promise<Alias[]> {
    return this.#sync.dueAliases.all({ limit, now }).map(toAlias)
  }

  async formerRecords(records: Parameters<SyncStore['formerRecords']>[0]): Promise<Alias[]> {
    return records.flatMap(({ recordType, recordId }) => {
      const row = this.#sync.aliasByName.get({ kind: 'record', value: recordName(recordType, recordId) })
      return row ? [toAlias(row)] : []
    })
  }

  async peopleOf(linkIds: readonly number[]): ReturnType<SyncStore['peopleOf']> {
    return linkIds
      .flatMap((linkId) =>
        this.#sync.peopleOfLink.all(linkId).map((row) => ({ linkId, marketoId: Number(text(row, 'value')) })),
      )
      .sort((one, other) => one.marketoId - other.marketoId)
  }

  async linksOfDeparted(marketoIds: readonly number[]): ReturnType<SyncStore['linksOfDeparted']> {
    return marketoIds.flatMap((marketoId) => {
      const row = this.#sync.departed.get(marketoId)
      return row ? [{ linkId: integer(row, 'link_id'), marketoId }] : []
    })
  }

  async claimsUnderWay(linkIds: readonly number[]): Promise<number[]> {
    return linkIds.filter((linkId) => this.#sync.claimUnderWay.get(linkId) !== undefined)
  }

  async hasOrphans(): Promise<boolean> {
    return this.#sync.hasOrphans.get() !== undefined
  }

  async orphansWith(emails: readonly string[]): Promise<Replica[]> {
    const rows = emails.flatMap((email) => this.#sync.orphansWith.all({ email }))
    return [...new Map(rows.map((row) => [integer(row, 'link_id'), row])).values()].map(toReplica)
  }

  async due(limit: number, now: number): Promise<Replica[]> {
    const live = this.#sync.dueReplicas.all({ priority: 0, now, limit })
    const initial = this.#sync.dueReplicas.all({ priority: 1, now, limit: limit - live.length })
    return [...live, ...initial].map(toReplica)
  }

  async save(change: SyncChange): ReturnType<SyncStore['save']> {
    try {
      return { kind: 'saved', linkIds: await this.#db.write(() => this.#changes.apply(change)) }
    } catch (error) {
      if (error instanceof Stale) return { kind: 'stale' }
      if (error instanceof Fenced) return { kind: 'fenced' }
      throw error
    }
  }

  async unseen(recordType: RecordType, epoch: number, after: number, limit: number): Promise<Replica[]> {
    return this.#sync.unseenReplicas.all({ recordType, epoch, after, limit }).map(toReplica)
  }

  async backlog(): Promise<Backlog> {
    const row = this.#sync.backlog.get()
    if (row === undefined) throw new Error('The store did not count')
    return toBacklog(row, this.#sync.linksNotLinked.all())
  }

  async readConflicts(limit: number, before = Number.MAX_SAFE_INTEGER): Promise<Conflict[]> {
    return this.#sync.readConflicts.all({ limit, before }).map(toConflict)
  }

  async readFailures({
    code,
    limit,
    after = 0,
  }: Parameters<SyncStore['readFailures']>[0]): Promise<Failure[]> {
    const rows =
      code === undefined
        ? this.#sync.readFailures.all({ limit, after })
        : this.#sync.readFailuresOfCode.all({ code, limit, after })
    return rows.map(toFailure)
  }

  async countFailures(): Promise<readonly { code: string; count: number }[]> {
    return this.#sync.countFailures
      .all()
      .map(({ code, count }) => ({ code: String(code), count: Number(count) }))
  }

  retryFailure(failureId: number, now: number): Promise<boolean> {
    return this.#db.write(() => {
      this.#sync.retryReplica.run({ failureId, now })
      this.#sync.retryAlias.run({ failureId, now })
      return this.#sync.findFailure.get({ failureId }) !== undefined
    })
  }

  async readUnsentActivities(after: number, limit: number): Promise<UnsentActivity[]> {
    return this.#sync.readUnsentActivities.all({ after, limit }).map(toUnsentActivity)
  }

  pruneSync(before: number, limit: number): Promise<number> {
    return this.#db.writeUnsynced(() => {
      const conflicts = this.#sync.pruneConflicts.all({ before, limit }).length
      const failures = this.#sync.pruneFailures.all({ before, limit }).length
      return Math.max(conflicts, failures)
    })
  }
}
