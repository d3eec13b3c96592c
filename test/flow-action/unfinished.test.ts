import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { CallContext } from '../../src/abort.ts'
import type { Records } from '../../src/dataverse/records.ts'
import { createAction } from '../../src/flow-action/action.ts'
import { Heartbeat } from '../../src/flow-action/heartbeat.ts'
import { writePayload } from '../../src/flow-action/payload.ts'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import { createLog } from '../../src/log.ts'
import { defaultSelection } from '../../src/person/selection.ts'
import type { NewRequest, Outcome } from '../../src/store/port.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteStore } from '../../src/store/sqlite/store.ts'
import { countingRandom, manualClock, settled } from '../dataverse/manual-clock.ts'
import { deriveRecordId, newRequest } from '../store/contract.ts'

const HEARTBEAT_MS = 3_000
const HOLD_MS = 10_000
const POISON = { crashes: 10, ageMs: 600_000 }

/** A Dynamics that never answers: an attempt is under way until it is ended. */
const silentRecords: Records = { find: silence, read: silence, create: silence }

function silence(_query: unknown, ...more: readonly unknown[]): Promise<never> {
  const { signal } = more.at(-1) as CallContext
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

function rig() {
  const database = new Database({ path: ':memory:' })
  const jobs = new SqliteJobs(database)
  const store = new SqliteStore({ database, jobs, deriveRecordId })
  const time = manualClock()
  const { clock } = time
  const lines: Record<string, unknown>[] = []
  const log = createLog({
    level: 'debug',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  })
  const outcomes: Outcome[] = []
  const table = { resolve: silence, table: silence, reread: silence, isSecuredAs: silence }
  const action = createAction({
    dataverse: { records: silentRecords, gathered: silentRecords, metadata: table, owners: table },
    store,
    jobs,
    selection: defaultSelection(),
    recordIdOf: deriveRecordId,
    clock,
    random: countingRandom(),
    log,
    settled: (outcome) => void outcomes.push(outcome),
    settings: {
      restDeadlineMs: 60_000,
      webhookDeadlineMs: 25_000,
      dataverseCallTimeoutMs: 20_000,
      linkTrustSeconds: 60,
      recoveryIntervalSeconds: 5,
      giveUpAfterHours: 72,
      retentionDays: 90,
      batchConcurrencyMax: 10,
    },
  })
  const accept = async (more: Partial<NewRequest> = {}) => {
    const now = clock.now()
    const person = { marketoId: 1, fields: { lastName: 'Ek' } }
    const payload = writePayload({ person, recordType: 'lead' })
    const request = newRequest({ marketoId: 1 }, { payload, now, leaseUntil: now + 95_000, ...more })
    const acceptance = await store.acceptRequest(request)
    assert(acceptance.kind === 'accepted')
    return acceptance.work
  }
  return {
    ...{ ...action, jobs, store, time, clock, lines, outcomes, accept },
    /** What another process would be given now. */
    claim: () => jobs.claim('real-time', 9, clock.now()),
    [Symbol.dispose]: () => database[Symbol.dispose](),
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns += 1) {
    assert.ok(turns < 1_000, 'it did not come to pass')
    await settled()
  }
}

test('work under way stays with its process for as long as that beats, and no longer', async () => {
  using on = rig()
  const { requestId } = await on.accept({ unattended: true })
  assert.equal(await on.worker.tick(), 1)
  const { requestId: atEndpoint, ...work } = await on.accept({ leaseUntil: 0 })
  on.attempts.run({ requestId: atEndpoint, ...work }, { lane: 'real-time' }).catch(() => {})
  for (let ms = 0; ms < 60_000; ms += HEARTBEAT_MS) {
    await on.time.advance(HEARTBEAT_MS)
    await on.heartbeat.tick()
    assert.deepEqual(await on.claim(), [])
  }
  await on.time.advance(HOLD_MS)
  const taken = await on.claim()
  assert.deepEqual(
    taken.map((job) => [job.requestId, job.crashes]).sort(),
    [
      [requestId, 1],
      [atEndpoint, 0],
    ].sort(),
  )
  on.attempts.halt()
  await on.attempts.drain()
})

test('a request on which the service died too often for too long is recorded as failed, and run until then', async () => {
  using on = rig()
  const { requestId } = await on.accept({ unattended: true, now: on.clock.now() - POISON.ageMs })
  const young = await on.accept({ unattended: true, now: on.clock.now() - POISON.ageMs / 2 })
  const die = async () => {
    assert.equal((await on.claim()).length, 2)
    await on.time.advance(HOLD_MS)
  }
  for (let times = 0; times < POISON.crashes - 1; times += 1) await die()
  await on.worker.tick()
  await on.time.advance(HOLD_MS)
  assert.equal(on.outcomes.length, 0, 'it was tried a last time')
  await on.worker.tick()
  await until(() => on.outcomes.length > 0)
  const [outcome] = on.outcomes
  assert.deepEqual([outcome?.outcome, outcome?.code], ['failed', 'gave-up'])
  assert.match(String(outcome?.advice), /died 10 times/)
  assert.deepEqual((await on.store.readRequest(requestId))?.outcome, outcome)
  assert.deepEqual(
    (await on.store.readActivities(1, 9)).map(({ code }) => code),
    ['gave-up', 'in-progress', 'in-progress'],
  )
  const line = on.lines.find(({ event }) => event === 'request-settled')
  assert.deepEqual([line?.requestId, line?.code, line?.reason], [requestId, 'gave-up', 'worker-died'])
  const nearByChance = await on.store.readRequest(young.requestId)
  assert.deepEqual([nearByChance?.outcome, (await on.jobs.backlog()).waiting], [undefined, 1])
  on.attempts.halt()
  await on.attempts.drain()
})

test('when the service stops, what is under way is handed back at once and nothing is counted', async () => {
  using on = rig()
  const { requestId } = await on.accept({ unattended: true })
  await on.worker.tick()
  const atEndpoint = await on.accept({ leaseUntil: 0 })
  const answer = on.attempts.run(atEndpoint, { lane: 'real-time' })
  await on.time.advance(HEARTBEAT_MS)
  on.attempts.halt()
  await on.attempts.drain()
  const waiting = await answer
  assert.ok('attempts' in waiting && waiting.attempts === 0)
  const untouched = { crashes: 0 }
  const byId = (a: { requestId: string }, b: { requestId: string }) => a.requestId.localeCompare(b.requestId)
  assert.deepEqual(
    (await on.claim()).sort(byId),
    [
      { requestId, ...untouched },
      { requestId: atEndpoint.requestId, ...untouched },
    ].sort(byId),
  )
})

test('a request that somebody else has settled is neither logged nor counted a second time', async () => {
  using on = rig()
  const work = await on.accept()
  const { outcome } = await on.store.settle(
    work.requestId,
    { kind: 'failed', code: 'c', advice: 'a' },
    on.clock.now(),
  )
  assert.deepEqual(await on.attempts.run({ ...work, outcome }, { lane: 'real-time' }), outcome)
  assert.deepEqual([on.outcomes, on.lines.filter(({ event }) => event === 'request-settled')], [[], []])
})

test('an attempt that would begin after the service was halted hands its job back instead', async () => {
  using on = rig()
  const work = await on.accept({ leaseUntil: 0 })
  on.attempts.halt()
  const waiting = await on.attempts.run(work, { lane: 'batch' })
  assert.ok('attempts' in waiting && waiting.attempts === 0)
  assert.deepEqual(await on.claim(), [{ requestId: work.requestId, crashes: 0 }])
})

test('an attempt that ended is not held any longer: it comes back at its own time', async () => {
  using on = rig()
  const work = await on.accept({ leaseUntil: 0 })
  const ended = on.attempts.run(work, { lane: 'real-time' })
  await on.time.advance(80_000)
  const waiting = await ended
  assert.deepEqual('attempts' in waiting && [waiting.code, waiting.attempts], ['attempt-timed-out', 1])
  await on.heartbeat.tick()
  await on.time.advance(4_000)
  assert.deepEqual(await on.claim(), [{ requestId: work.requestId, crashes: 0 }])
})

test('the job of a request that is settled or forgotten goes', async () => {
  using on = rig()
  const work = await on.accept({ unattended: true })
  await on.store.settle(work.requestId, { kind: 'failed', code: 'c', advice: 'a' }, on.clock.now())
  for (const requestId of [work.requestId, randomUUID()]) {
    on.jobs.enqueue({ requestId, lane: 'real-time', held: false }, on.clock.now())
  }
  assert.equal(await on.worker.tick(), 2)
  while ((await on.jobs.backlog()).waiting > 0) await settled()
  assert.deepEqual(on.outcomes, [], 'nothing is told twice')
})

test('a heart tells of what is older than a beat, once, and beats on when the store is away', async () => {
  const told: (readonly string[])[] = []
  const lines: string[] = []
  const time = manualClock()
  const heartbeat = new Heartbeat({
    jobs: {
      async heartbeat(requestIds) {
        told.push(requestIds)
        if (told.length === 1) throw new Error('away')
      },
    },
    clock: time.clock,
    log: createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } }),
    intervalMs: HEARTBEAT_MS,
  })
  const stopping = new AbortController()
  const running = heartbeat.run(stopping.signal)
  const releases = [heartbeat.hold('a'), heartbeat.hold('a')]
  await time.advance(HEARTBEAT_MS - 1)
  const young = heartbeat.hold('b')
  await time.advance(1)
  assert.deepEqual(told, [['a']])
  assert.match(String(lines), /heartbeat-failed/)
  young()
  releases[0]?.()
  await time.advance(HEARTBEAT_MS)
  assert.deepEqual(told, [['a'], ['a']], 'the other one that works on it is still there')
  releases[1]?.()
  await time.advance(HEARTBEAT_MS)
  assert.equal(told.length, 2, 'who does nothing costs nothing')
  stopping.abort()
  await running
})
