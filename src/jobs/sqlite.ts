import type { Database } from '../store/sqlite/database.ts'
import { HOLD_MS, type Job, type JobLane, type Jobs, type JobsInTransaction, type NewJob } from './port.ts'

const PRIORITY: Readonly<Record<JobLane, number>> = { 'real-time': 0, batch: 1 }

/** Jobs as a table beside the store's own, so that a claim and its job share one transaction. */
export class SqliteJobs implements Jobs, JobsInTransaction {
  readonly #db: Database
  readonly #sql: ReturnType<typeof prepareStatements>

  constructor(database: Database) {
    this.#db = database
    this.#sql = prepareStatements(database)
  }

  /** One process has the file, so what a former one held is free. No job waits beyond `latest` (epoch ms). Call before work starts. */
  releaseAll(latest = Number.MAX_SAFE_INTEGER): Promise<void> {
    return this.#db.write(() => void this.#sql.releaseAll.run({ latest }))
  }

  enqueue({ requestId, lane, held }: NewJob, now: number): void {
    const leasedUntil = held ? now + HOLD_MS : now
    this.#sql.insert.run({ requestId, priority: PRIORITY[lane], leasedUntil, now })
  }

  complete(requestId: string): void {
    this.#sql.remove.run(requestId)
  }

  claim(lane: JobLane, limit: number, now: number): Promise<Job[]> {
    return this.#db.writeUnsynced(() =>
      this.#sql.claim.all({ priority: PRIORITY[lane], limit, until: now + HOLD_MS, now }).map((row) => ({
        requestId: String(row.request_id),
        crashes: Number(row.crashes) - 1,
      })),
    )
  }

  heartbeat(requestIds: readonly string[], now: number): Promise<void> {
    const until = now + HOLD_MS
    return this.#db.writeUnsynced(
      () => void this.#sql.hold.run({ requestIds: JSON.stringify(requestIds), until }),
    )
  }

  reschedule(requestId: string, runAt: number): Promise<void> {
    return this.#db.writeUnsynced(() => void this.#sql.reschedule.run({ requestId, runAt }))
  }

  handBack(requestIds: readonly string[]): Promise<void> {
    return this.#db.writeUnsynced(() => void this.#sql.handBack.run(JSON.stringify(requestIds)))
  }

  drop(requestId: string): Promise<void> {
    return this.#db.writeUnsynced(() => this.complete(requestId))
  }

  async backlog(): Promise<{ waiting: number; oldestAt?: number }> {
    const row = this.#sql.backlog.get()
    const waiting = Number(row?.waiting)
    return waiting === 0 ? { waiting } : { waiting, oldestAt: Number(row?.oldest_at) }
  }
}

/** A claim counts as a crash until its worker says how it ended. */
function prepareStatements(db: Database) {
  return {
    insert: db.prepare(
      `insert into job (request_id, run_at, priority, leased_until, created_at)
       values (:requestId, :now, :priority, :leasedUntil, :now)`,
    ),
    releaseAll: db.prepare('update job set leased_until = 0, run_at = min(run_at, :latest)'),
    remove: db.prepare('delete from job where request_id = ?'),
    claim: db.prepare(
      `update job set leased_until = :until, crashes = crashes + 1
        where request_id in (select request_id from job
                              where priority = :priority and run_at <= :now and leased_until <= :now
                              order by run_at limit :limit)
       returning request_id, crashes`,
    ),
    hold: db.prepare(
      `update job set leased_until = max(leased_until, :until)
        where request_id in (select value from json_each(:requestIds))`,
    ),
    reschedule: db.prepare(
      `update job set run_at = :runAt, leased_until = 0, crashes = max(crashes - 1, 0)
        where request_id = :requestId`,
    ),
    handBack: db.prepare(
      `update job set leased_until = 0, crashes = max(crashes - 1, 0)
        where request_id in (select value from json_each(?))`,
    ),
    backlog: db.prepare('select count(*) as waiting, min(created_at) as oldest_at from job'),
  }
}
