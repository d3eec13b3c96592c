import { PgBoss } from 'pg-boss'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { faultOf, SeldomLog } from '../log.ts'
import type { Postgres } from '../store/postgres/postgres.ts'
import {
  BACKLOG,
  HAND_BACK,
  HOLD,
  HOLD_SECONDS,
  MAKE_DUE,
  QUEUE,
  RESCHEDULE,
  SCHEMA,
} from './pg-boss-statements.ts'
import type { Job, JobLane, JobStatement, JobStatements, Jobs, NewJob } from './port.ts'

export interface PgBossOptions {
  postgres: Postgres
  log: Logger
  clock: Clock
}

/** One queue, so that who ends a job need not know its lane. */
const PRIORITY: Readonly<Record<JobLane, number>> = { 'real-time': 1, batch: 0 }
/** How often a replica looks whether another one's jobs are not heard of any more. */
const SUPERVISION_SECONDS = 1
/** How often the database's clock is looked at. */
const CLOCK_INTERVAL_MS = 10_000
const HOUR_SECONDS = 3_600
const YEAR_SECONDS = 365 * 24 * HOUR_SECONDS
const UNLIMITED = 2_147_483_647

/** Nothing but a result ends a job: how often a worker may die of it is for the worker to say. */
const QUEUE_OPTIONS = {
  heartbeatSeconds: HOLD_SECONDS,
  retryLimit: UNLIMITED,
  retryDelay: 0,
  // A net below the heartbeat, far longer than an attempt.
  expireInSeconds: HOUR_SECONDS,
  // Longer than GIVE_UP_AFTER_HOURS may be.
  retentionSeconds: 2 * YEAR_SECONDS,
  // A backlog is what the flow step's status and its metrics tell.
  warningQueueSize: UNLIMITED,
}

/** Jobs in pg-boss, on the store's own connections. */
export class PgBossJobs implements Jobs, JobStatements, AsyncDisposable {
  readonly #boss: PgBoss
  readonly #postgres: Postgres
  readonly #clock: Clock
  readonly #seldom: SeldomLog
  #clockLookedAt = Number.NEGATIVE_INFINITY
  #stopping = false

  private constructor({ postgres, log, clock }: PgBossOptions) {
    this.#postgres = postgres
    this.#clock = clock
    this.#seldom = new SeldomLog(log, clock)
    this.#boss = new PgBoss({
      db: { executeSql: (text, values = []) => execute(postgres, text, values) },
      schema: SCHEMA,
      // The store's migrations make it: of two that make it at once, one fails.
      createSchema: false,
      schedule: false,
      superviseIntervalSeconds: SUPERVISION_SECONDS,
      monitorIntervalSeconds: SUPERVISION_SECONDS,
      maintenanceIntervalSeconds: HOUR_SECONDS,
      // There are no jobs that wait for others.
      flowIntervalSeconds: HOUR_SECONDS,
    })
    this.#boss.on('error', (err) => this.#onError(err))
    this.#boss.on('warning', ({ message, data }) => log.warn({ event: 'job-queue-warning', data }, message))
  }

  /** Makes or upgrades the schema and the queue, and begins to look after the jobs of those who are gone. */
  static async open(options: PgBossOptions): Promise<PgBossJobs> {
    const jobs = new PgBossJobs(options)
    await jobs.#boss.start()
    await jobs.#boss.createQueue(QUEUE, QUEUE_OPTIONS)
    await jobs.#boss.updateQueue(QUEUE, QUEUE_OPTIONS)
    // pg-boss reads a queue once before it can word statements for it.
    await jobs.#boss.findJobs(QUEUE, { id: NOBODY })
    return jobs
  }

  async enqueue({ requestId: id, lane, held }: NewJob): Promise<JobStatement> {
    const job = { id, priority: PRIORITY[lane], ...(held && { startAfter: HOLD_SECONDS }) }
    return recorded((db) => this.#boss.insert(QUEUE, [job], { db }))
  }

  complete(requestId: string): Promise<JobStatement> {
    return recorded((db) => this.#boss.deleteJob(QUEUE, requestId, { db }))
  }

  async claim(lane: JobLane, limit: number): Promise<Job[]> {
    await this.#makeDue()
    const [minPriority, maxPriority] = [PRIORITY[lane], PRIORITY[lane]]
    const jobs = await this.#boss.fetch(QUEUE, { batchSize: limit, minPriority, maxPriority })
    return jobs.map(({ id, retryCount }) => ({ requestId: id, crashes: retryCount }))
  }

  async heartbeat(requestIds: readonly string[]): Promise<void> {
    await this.#postgres.query(HOLD, { requestIds })
  }

  async reschedule(requestId: string, runAt: number, now: number): Promise<void> {
    await this.#postgres.query(RESCHEDULE, { requestId, waitMs: Math.max(runAt - now, 0) })
  }

  async handBack(requestIds: readonly string[]): Promise<void> {
    await this.#postgres.query(HAND_BACK, { requestIds })
  }

  async drop(requestId: string): Promise<void> {
    await this.#postgres.run(await this.complete(requestId))
  }

  async backlog(): Promise<{ waiting: number; oldestAt?: number }> {
    const [row] = await this.#postgres.query(BACKLOG)
    const waiting = Number(row?.waiting)
    return waiting === 0 ? { waiting } : { waiting, oldestAt: Number(row?.oldest_at) }
  }

  /** Ends the supervision. Jobs that are under way are their workers' to end or to hand back. */
  /** Of a store whose requests are forgotten. */
  async clear(): Promise<void> {
    await this.#boss.deleteAllJobs(QUEUE)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true
    await this.#boss.stop({ graceful: false, close: false })
  }

  async #makeDue(): Promise<void> {
    const now = this.#clock.now()
    if (now - this.#clockLookedAt < CLOCK_INTERVAL_MS) return
    this.#clockLookedAt = now
    await this.#postgres.query(MAKE_DUE)
  }

  /** What was not done now is done with the next look, by this replica or another. */
  #onError(err: unknown): void {
    if (this.#stopping) return
    const event = { event: 'job-queue-failed', ...faultOf(err) }
    this.#seldom.write('error', event, 'Job maintenance works again')
  }
}

const NOBODY = '00000000-0000-0000-0000-000000000000'

/** pg-boss sends several statements as one text, with a begin and a commit of their own. */
async function execute(postgres: Postgres, text: string, values: readonly unknown[]) {
  return { rows: await (values.length > 0 ? postgres.run({ text, values }) : postgres.script(text)) }
}

type Recorder = { executeSql: (text: string, values?: unknown[]) => Promise<{ rows: { count: string }[] }> }

/** What pg-boss would send. */
async function recorded(ask: (db: Recorder) => Promise<unknown>): Promise<JobStatement> {
  const statements: JobStatement[] = []
  await ask({
    async executeSql(text, values = []) {
      statements.push({ text, values })
      return { rows: [{ count: '0' }] }
    },
  })
  const [statement] = statements
  if (statement === undefined || statements.length > 1) {
    throw new Error(`pg-boss returned ${statements.length} statements instead of one`)
  }
  return statement
}
