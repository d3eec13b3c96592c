import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { type JobsUnderTest, jobsContract } from './contract.ts'

async function inMemory(): Promise<JobsUnderTest & { jobs: SqliteJobs }> {
  const database = new Database({ path: ':memory:' })
  const jobs = new SqliteJobs(database)
  let now = 1_000_000
  const inTransaction = (work: () => void, fail?: 'fail') =>
    database.write(() => {
      work()
      // As if time passed between what is made one after the other.
      now += 1
      if (fail) throw new Error('The transaction is rolled back')
    })
  return {
    jobs,
    enqueue: (job, fail) => inTransaction(() => jobs.enqueue(job, now), fail),
    complete: (requestId, fail) => inTransaction(() => jobs.complete(requestId), fail),
    now: () => now,
    async pass(ms) {
      now += ms
    },
    async [Symbol.asyncDispose]() {
      database[Symbol.dispose]()
    },
  }
}

jobsContract('SQLite', inMemory)

test('what a former process held is free when the next one starts, and the crash is counted', async () => {
  await using under = await inMemory()
  await under.enqueue({ requestId: 'a', lane: 'real-time', held: false })
  await under.enqueue({ requestId: 'b', lane: 'batch', held: true })
  await under.jobs.claim('real-time', 1, under.now())
  await under.jobs.releaseAll()
  assert.deepEqual(await under.jobs.claim('real-time', 9, under.now()), [{ requestId: 'a', crashes: 1 }])
  assert.deepEqual(await under.jobs.claim('batch', 9, under.now()), [{ requestId: 'b', crashes: 0 }])
})
