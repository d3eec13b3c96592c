import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { PgBossJobs } from '../../src/jobs/pg-boss.ts'
import { createLog } from '../../src/log.ts'
import { migrate } from '../../src/store/postgres/migrations.ts'
import { Postgres } from '../../src/store/postgres/postgres.ts'
import type { Statement } from '../../src/store/postgres/statement.ts'
import { withoutPostgres } from '../postgres/cluster.ts'
import { sharedCluster } from '../postgres/shared-cluster.ts'
import { jobsContract } from './contract.ts'

const FAIL: Statement = { text: 'select 1 / 0', values: [] }
const VICTIM = join(import.meta.dirname, 'victim.ts')
/** As the worker does on PostgreSQL. */
const CLAIM_EVERY_MS = 2_000
const TAKEN_WITHIN_MS = 15_000
const LONGER_THAN_A_HOLD_MS = 12_000
const LOOK_EVERY_MS = 50
const LOOK_FOR_MS = 30_000

/** The store's own class, and what went through it. */
class CountedPostgres extends Postgres {
  statements = 0

  override run(one: Statement) {
    this.statements += 1
    return super.run(one)
  }

  override script(text: string) {
    this.statements += 1
    return super.script(text)
  }
}

function connect(url: string) {
  return new CountedPostgres({ url, poolMax: 5, clock: systemClock, random: systemRandom, lost: () => {} })
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + LOOK_FOR_MS
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, 'it did not come to pass')
    await delay(LOOK_EVERY_MS)
  }
}

async function openAt(url: string) {
  const lines: Record<string, unknown>[] = []
  const log = createLog({
    level: 'warn',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  })
  const postgres = connect(url)
  await migrate(postgres)
  const jobs = await PgBossJobs.open({ postgres, log, clock: systemClock })
  let ahead = 0
  const send = (statement: Statement, fail?: 'fail') =>
    postgres.transaction([statement, ...(fail ? [FAIL] : [])]).then(() => {})
  const supervisedAt = async () => {
    const [row] = await postgres.query(`select monitor_claim_on::text as at from sync_person_jobs.queue`)
    return row?.at
  }
  /** All of pg-boss's statements read the time in one function. */
  const set = async (ms: number) => {
    ahead += ms
    await postgres.query(
      `create or replace function sync_person_jobs.job_now() returns timestamptz language sql stable as
       $$ select pg_catalog.now() + interval '${ahead} milliseconds' $$`,
    )
  }
  return {
    ...{ url, jobs, postgres, lines },
    enqueue: async (job: Parameters<PgBossJobs['enqueue']>[0], fail?: 'fail') =>
      send(await jobs.enqueue(job), fail),
    complete: async (requestId: string, fail?: 'fail') => send(await jobs.complete(requestId), fail),
    now: () => Date.now() + ahead,
    set,
    /** The second look begins when the first is over. */
    async pass(ms: number) {
      await set(ms)
      for (const _ of ['begun', 'over']) {
        const before = await supervisedAt()
        await until(async () => (await supervisedAt()) !== before)
      }
    },
    async [Symbol.asyncDispose]() {
      await jobs[Symbol.asyncDispose]()
      await postgres.close()
    },
  }
}

async function open() {
  return openAt(await (await sharedCluster()).createDatabase())
}

jobsContract('pg-boss', open, withoutPostgres)

describe('jobs on pg-boss alone', { skip: withoutPostgres, concurrency: 4 }, () => {
  it('words one statement without asking anybody, and that may be sent twice', async () => {
    await using on = await open()
    const requestId = randomUUID()
    const before = on.postgres.statements
    const enqueue = await on.jobs.enqueue({ requestId, lane: 'real-time', held: false })
    const complete = await on.jobs.complete(requestId)
    assert.equal(on.postgres.statements, before)
    assert.equal(enqueue.values.length, 1)
    assert.equal(enqueue.text.split('$1').length, 2, 'a function of the store can execute it with one value')
    await on.postgres.transaction([enqueue, enqueue])
    assert.deepEqual(await on.jobs.claim('real-time', 9), [{ requestId, crashes: 0 }])
    await on.postgres.transaction([complete, complete])
    assert.deepEqual(await on.jobs.backlog(), { waiting: 0 })
  })

  it('is made by one of several replicas that start together, and looked after by all', async () => {
    const url = await (await sharedCluster()).createDatabase()
    const replicas = await Promise.all([openAt(url), openAt(url), openAt(url)])
    const [first, second, third] = replicas
    assert.ok(first && second && third)
    const requestId = randomUUID()
    await first.enqueue({ requestId, lane: 'batch', held: false })
    assert.deepEqual(await second.jobs.claim('batch', 1), [{ requestId, crashes: 0 }])
    await second[Symbol.asyncDispose]()
    await first.pass(12_000)
    assert.deepEqual(await third.jobs.claim('batch', 1), [{ requestId, crashes: 1 }])
    await Promise.all([first, third].map((one) => one[Symbol.asyncDispose]()))
    assert.deepEqual(
      replicas.flatMap(({ lines }) => lines),
      [],
    )
  })

  it('tells the log when the jobs cannot be looked after, and goes on', async () => {
    await using on = await open()
    await on.postgres.query('alter table sync_person_jobs.queue rename to elsewhere')
    await until(async () => on.lines.some(({ event }) => event === 'job-queue-failed'))
    await on.postgres.query('alter table sync_person_jobs.elsewhere rename to queue')
    await on.pass(0)
  })

  it('keeps nothing waiting for an hour when the clock of the database is set back by one', async () => {
    await using on = await open()
    const ids = { waits: randomUUID(), held: randomUUID(), claimed: randomUUID() }
    await on.enqueue({ requestId: ids.claimed, lane: 'real-time', held: false })
    assert.equal((await on.jobs.claim('real-time', 9)).length, 1)
    await on.enqueue({ requestId: ids.waits, lane: 'real-time', held: false })
    await on.jobs.reschedule(ids.waits, 2_000, 0)
    await on.enqueue({ requestId: ids.held, lane: 'real-time', held: true })
    await on.pass(0)
    await on.set(-3_600_000)
    await using replica = await openAt(on.url)
    const taken = new Set<string>()
    await until(async () => {
      for (const { requestId } of await replica.jobs.claim('real-time', 9)) taken.add(requestId)
      return taken.size === 3
    })
  })

  it('brings a queue of another version up to date', async () => {
    await using first = await open()
    await first.postgres.query('update sync_person_jobs.queue set retry_limit = 1, heartbeat_seconds = 60')
    await using second = await openAt(first.url)
    const queue = 'select retry_limit, heartbeat_seconds from sync_person_jobs.queue'
    assert.deepEqual(await second.postgres.query(queue), [
      { retry_limit: 2_147_483_647, heartbeat_seconds: 10 },
    ])
  })

  it('takes up what a killed process worked on within 15 s, and nothing before that', async (t) => {
    await using on = await open()
    const [claimed, atEndpoint] = [randomUUID(), randomUUID()]
    await on.enqueue({ requestId: claimed, lane: 'real-time', held: false })
    const victim = spawn(process.execPath, [VICTIM, on.url, atEndpoint], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(victim.stdout, 'data')
    const takenAt = new Map<string, number>()
    const look = async () => {
      for (const { requestId } of await on.jobs.claim('real-time', 9)) takenAt.set(requestId, Date.now())
    }
    const working = Date.now()
    while (Date.now() - working < LONGER_THAN_A_HOLD_MS) {
      await look()
      await delay(LOOK_EVERY_MS)
    }
    assert.equal(takenAt.size, 0, 'it beats')
    victim.kill('SIGKILL')
    const killedAt = Date.now()
    while (takenAt.size < 2) {
      await delay(CLAIM_EVERY_MS)
      await look()
      assert.ok(Date.now() - killedAt <= TAKEN_WITHIN_MS, `taken: ${takenAt.size}`)
    }
    const afterMs = (requestId: string) => Number(takenAt.get(requestId)) - killedAt
    t.diagnostic(
      `taken up after ${afterMs(claimed)} ms (claimed) and ${afterMs(atEndpoint)} ms (at an endpoint)`,
    )
  })

  it('leaves no transaction open on a connection where a script broke off', async () => {
    const postgres = connect(await (await sharedCluster()).createDatabase())
    await assert.rejects(postgres.script('begin; select 1 / 0; commit'), /division by zero/)
    const rows = await postgres.script('select 1 as one; select 2 as two')
    assert.deepEqual(rows, [{ one: 1 }, { two: 2 }])
    await postgres.close()
  })
})
