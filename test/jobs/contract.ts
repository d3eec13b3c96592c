import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { HOLD_MS, type Job, type JobLane, type Jobs, type NewJob } from '../../src/jobs/port.ts'

export interface JobsUnderTest extends AsyncDisposable {
  jobs: Jobs
  /** In a transaction of the store. With `fail` that transaction is rolled back. */
  enqueue(job: NewJob, fail?: 'fail'): Promise<void>
  complete(requestId: string, fail?: 'fail'): Promise<void>
  /** Epoch ms by the clock that the driver counts by. */
  now(): number
  /** Moves that clock, and comes back once holds that ended by it are noticed. */
  pass(ms: number): Promise<void>
}

/** Well within a hold: real time may pass as well. */
const PART_MS = 3_000
const SOON_MS = 2_000
const DAY_MS = 86_400_000

/** What every driver of jobs must do. One suite for all of them. */
export function jobsContract(
  name: string,
  open: () => Promise<JobsUnderTest>,
  skip: string | false = false,
): void {
  const test = (title: string, run: (on: Steps) => Promise<void>) =>
    it(title, async () => {
      await using under = await open()
      await run(stepsOn(under))
    })

  describe(`jobs on ${name}`, { skip, concurrency: 4 }, () => {
    test('a lane gives its own work only, older before newer, up to the limit', async (on) => {
      const batch = [await on.enqueue('batch'), await on.enqueue('batch')]
      const now = await on.enqueue('real-time')
      assert.deepEqual(ids(await on.claim('real-time', 2)), [now])
      assert.deepEqual(ids(await on.claim('real-time')), [])
      assert.deepEqual(ids(await on.claim('batch', 1)), [batch[0]])
      assert.deepEqual(ids(await on.claim('batch', 9)), [batch[1]])
    })

    test('what is claimed is given to nobody else, and those who ask at once share what there is', async (on) => {
      const made = await on.enqueueMany(20)
      const shares = await Promise.all([1, 2, 3, 4].map(() => on.claim('real-time', 8)))
      assert.deepEqual(ids(shares.flat()).sort(), made.sort())
      assert.deepEqual(await on.claim(), [])
    })

    test("an endpoint's job is the endpoint's until nothing is heard of it, and no crash is counted", async (on) => {
      const requestId = await on.enqueue('real-time', { held: true })
      assert.deepEqual(await on.claim(), [])
      await on.pass(PART_MS)
      assert.deepEqual(await on.claim(), [])
      await on.pass(HOLD_MS - PART_MS)
      assert.deepEqual(await on.claim(), [{ requestId, crashes: 0 }])
    })

    test('a claimed job whose worker is not heard of comes back, and counts that', async (on) => {
      const requestId = await on.enqueue()
      for (const crashes of [0, 1, 2, 3]) {
        assert.deepEqual(await on.claim(), [{ requestId, crashes }])
        assert.deepEqual(await on.claim(), [])
        await on.pass(HOLD_MS + SOON_MS)
      }
    })

    test('a heartbeat keeps jobs for longer, the claimed ones and those of an endpoint', async (on) => {
      const claimed = await on.enqueue()
      const silent = await on.enqueue()
      await on.claim()
      const atEndpoint = await on.enqueue('batch', { held: true })
      const taken: Job[] = []
      for (const _ of [1, 2, 3, 4]) {
        await on.pass(PART_MS)
        taken.push(...(await on.claim()), ...(await on.claim('batch')))
        await on.beat([claimed, atEndpoint])
      }
      assert.deepEqual(taken.slice(0, 1), [{ requestId: silent, crashes: 1 }])
      assert.ok(ids(taken).every((requestId) => requestId === silent))
      await on.pass(HOLD_MS + SOON_MS)
      assert.deepEqual(ids(await on.claim('batch')), [atEndpoint])
      assert.ok(ids(await on.claim()).includes(claimed))
    })

    test('a rescheduled job comes back at its time and counts its attempts, not a crash', async (on) => {
      const requestId = await on.enqueue()
      const atEndpoint = await on.enqueue('real-time', { held: true })
      await on.claim()
      await on.reschedule(requestId, HOLD_MS * 3)
      await on.reschedule(atEndpoint, HOLD_MS * 3)
      // One that was on its way meanwhile.
      await on.beat([requestId, atEndpoint])
      await on.pass(HOLD_MS * 2)
      assert.deepEqual(await on.claim(), [])
      await on.pass(HOLD_MS)
      assert.deepEqual(
        byId(await on.claim()),
        byId([
          { requestId, crashes: 0 },
          { requestId: atEndpoint, crashes: 0 },
        ]),
      )
      await on.pass(HOLD_MS + SOON_MS)
      await on.claim()
      await on.reschedule(requestId, 0)
      assert.deepEqual(await on.claim(), [{ requestId, crashes: 1 }])
    })

    test('a job may wait for weeks', async (on) => {
      const requestId = await on.enqueue()
      await on.claim()
      await on.reschedule(requestId, 20 * DAY_MS)
      await on.pass(40 * DAY_MS)
      assert.deepEqual(await on.claim(), [{ requestId, crashes: 0 }])
    })

    test('what is handed back is anybody’s at once, without an attempt or a crash', async (on) => {
      const requestId = await on.enqueue()
      const atEndpoint = await on.enqueue('real-time', { held: true })
      await on.claim()
      await on.jobs.handBack([requestId, atEndpoint], on.now())
      assert.deepEqual(
        byId(await on.claim()),
        byId([
          { requestId, crashes: 0 },
          { requestId: atEndpoint, crashes: 0 },
        ]),
      )
    })

    test('a job is made and ended with its transaction, or not at all', async (on) => {
      const requestId = randomUUID()
      await assert.rejects(on.under.enqueue({ requestId, lane: 'real-time', held: false }, 'fail'))
      assert.deepEqual(await on.claim(), [])
      await on.under.enqueue({ requestId, lane: 'real-time', held: false })
      await assert.rejects(on.under.complete(requestId, 'fail'))
      assert.deepEqual(ids(await on.claim()), [requestId])
      await on.under.complete(requestId)
      assert.deepEqual(await on.jobs.backlog(), { waiting: 0 })
    })

    test('what has ended stays so, whatever a late worker says of it', async (on) => {
      const settled = await on.enqueue()
      const dropped = await on.enqueue('batch')
      await on.claim()
      await on.claim('batch')
      await on.under.complete(settled)
      await on.jobs.drop(dropped)
      await on.beat([settled, dropped])
      await on.reschedule(settled, 0)
      await on.jobs.handBack([settled, dropped], on.now())
      await on.jobs.drop(settled)
      assert.deepEqual(await on.claim(), [])
      assert.deepEqual(await on.claim('batch'), [])
      assert.deepEqual(await on.jobs.backlog(), { waiting: 0 })
    })

    test('the backlog counts all that is not finished, and tells when its oldest was accepted', async (on) => {
      assert.deepEqual(await on.jobs.backlog(), { waiting: 0 })
      const acceptedAt = on.now()
      const requestId = await on.enqueue()
      await on.claim()
      await on.reschedule(requestId, DAY_MS)
      await on.pass(HOLD_MS)
      await on.enqueue('batch')
      await on.enqueue('real-time', { held: true })
      const { waiting, oldestAt } = await on.jobs.backlog()
      assert.equal(waiting, 3)
      assert.ok(oldestAt !== undefined && Math.abs(oldestAt - acceptedAt) < SOON_MS, `it was ${oldestAt}`)
    })
  })
}

interface Steps {
  under: JobsUnderTest
  jobs: Jobs
  now(): number
  pass(ms: number): Promise<void>
  /** Gives the id of the new job. */
  enqueue(lane?: JobLane, more?: { held: boolean }): Promise<string>
  enqueueMany(count: number): Promise<string[]>
  claim(lane?: JobLane, limit?: number): Promise<Job[]>
  beat(requestIds: readonly string[]): Promise<void>
  reschedule(requestId: string, afterMs: number): Promise<void>
}

function stepsOn(under: JobsUnderTest): Steps {
  const { jobs } = under
  const enqueue: Steps['enqueue'] = async (lane = 'real-time', { held } = { held: false }) => {
    const requestId = randomUUID()
    await under.enqueue({ requestId, lane, held })
    return requestId
  }
  return {
    under,
    jobs,
    now: () => under.now(),
    pass: (ms) => under.pass(ms),
    enqueue,
    enqueueMany: (count) => Promise.all(Array.from({ length: count }, () => enqueue())),
    claim: (lane = 'real-time', limit = 10) => jobs.claim(lane, limit, under.now()),
    beat: (requestIds) => jobs.heartbeat(requestIds, under.now()),
    reschedule: (requestId, afterMs) => jobs.reschedule(requestId, under.now() + afterMs, under.now()),
  }
}

function ids(jobs: readonly Job[]): string[] {
  return jobs.map(({ requestId }) => requestId)
}

function byId(jobs: readonly Job[]): Job[] {
  return [...jobs].sort((a, b) => a.requestId.localeCompare(b.requestId))
}
