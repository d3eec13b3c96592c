import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import type { Jobs } from '../../src/jobs/port.ts'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import type { ChunkStore } from '../../src/store/chunk-port.ts'
import { moveStore } from '../../src/store/moving.ts'
import type { Store } from '../../src/store/port.ts'
import { PostgresBindings } from '../../src/store/postgres/bindings.ts'
import { Transfer } from '../../src/store/postgres/transfer.ts'
import { SqliteBindings } from '../../src/store/sqlite/bindings.ts'
import { SqliteChunkStore } from '../../src/store/sqlite/chunk-store.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteLeases } from '../../src/store/sqlite/leases.ts'
import { SqliteStore } from '../../src/store/sqlite/store.ts'
import { SqliteSyncStore } from '../../src/store/sqlite/sync-store.ts'
import type { SyncStore } from '../../src/store/sync-port.ts'
import { withoutPostgres } from '../postgres/cluster.ts'
import { newChunk } from './chunk-contract.ts'
import { accept, create, deriveRecordId, newRequest } from './contract.ts'
import { openPostgres } from './postgres-rig.ts'
import { EMPTY, enter, move } from './sync-contract.ts'

const NOW = 3_000_000
const MANY = 1_500
const FOR_EVER_MS = 10 ** 13
const NO_COUNTS = { created: 0, exists: 0, queued: 0, failed: 0 }
const CHUNK_STATES = ['stored', 'working', 'answering', 'done', 'failed'] as const

interface Parts {
  store: Store
  sync: SyncStore
  chunks: ChunkStore
  jobs: Jobs
}

function openSqlite() {
  const database = new Database({ path: ':memory:' })
  const jobs = new SqliteJobs(database)
  const store = new SqliteStore({ database, jobs, deriveRecordId })
  const sync = new SqliteSyncStore(database, new SqliteLeases(systemClock))
  const chunks = new SqliteChunkStore(database)
  return { database, jobs, store, sync, chunks, [Symbol.dispose]: () => database[Symbol.dispose]() }
}

type Postgres = Awaited<ReturnType<typeof openPostgres>>

async function moveTo({ url, jobs }: Postgres, from: Database): Promise<string[]> {
  const lines: string[] = []
  await using to = await Transfer.begin(url)
  await moveStore({ from, to, jobs, say: (line) => lines.push(line) })
  await to.commit()
  return lines
}

/** Requests of every kind; gives their ids. */
async function fillRequests({ store }: Parts): Promise<string[]> {
  const campaign = { id: '7', name: 'Fair "Ö"', type: 'trigger' } as const
  const keyed = newRequest(
    { marketoId: 1, email: 'a@x' },
    { idempotency: { key: 'k', bodyHash: 'h' }, campaign },
  )
  await create(store, keyed)
  await store.recordAnswer(keyed.requestId, { status: 200, body: '{"é":"\\u0000"}' }, undefined, NOW)
  const open = await accept(store, newRequest({ marketoId: 2, email: 'Z@x' }, { payload: '{"a":"\\n😀"}' }))
  await store.storeIntent(open.requestId, open.link.recordId, '{"lastname":"Ek"}', NOW)
  const waiting = { code: 'vendor-busy', advice: 'é', attempts: 2, nextAttemptAt: NOW + 1 }
  await store.postpone(open.requestId, waiting)
  await store.recordAnswer(open.requestId, { status: 202, body: '' }, waiting, NOW)
  const batch = await accept(store, newRequest({ email: 'é@x' }, { batch: true }))
  const failed = await accept(store, newRequest({ marketoId: 3 }))
  await store.settle(failed.requestId, { kind: 'failed', code: 'c', field: 'f', advice: 'a' }, NOW)
  return [keyed, open, batch, failed].map(({ requestId }) => requestId)
}

/** Links, replicas, conflicts, failures and cursors of every kind. */
async function fillSync({ sync }: Parts): Promise<void> {
  const full = { shadow: { a: 1, b: null }, marketo: { a: 2, b: null }, dynamics: { a: 1 }, etag: 'W/"1"' }
  const work = { dueAt: NOW + 5, dirtySince: 5, attempts: 2, epoch: 4, stopped: true, priority: 1 } as const
  const { linkId } = await enter(sync, 'full', { ...full, ...work, marketoId: 11, email: 'full@x' })
  const [gone, orphan, merged, home] = [
    await enter(sync, 'gone'),
    await enter(sync, 'orphan', { marketoId: 12 }),
    await enter(sync, 'merged'),
    await enter(sync, 'home'),
  ]
  await move(sync, { kind: 'tombstone', linkId: gone.linkId, recordType: 'lead', recordId: 'gone' })
  await move(sync, { kind: 'orphan', linkId: orphan.linkId, marketoId: 12 })
  await move(sync, { kind: 'merge', linkId: merged.linkId, into: home.linkId })
  const refused = { side: 'marketo', code: 'refused', advice: 'a' } as const
  const failures = [{ linkId, failures: [refused, { ...refused, field: 'f' }] }, { failures: [refused] }]
  const conflicts = [{ linkId, field: 'a', winner: 'marketo', won: 'x', lost: null } as const]
  const cursors = [{ stream: 'activity-log', position: '17', readAt: 8 } as const]
  await sync.save({ now: NOW, failures, conflicts, cursors })
  await sync.save({ now: NOW + 1, failures: [{ linkId, failures: [refused] }] })
  await sync.setPaused(true)
}

async function fillChunks({ chunks }: Parts, requestId: string): Promise<void> {
  for (const state of CHUNK_STATES) {
    await chunks.acceptChunk(newChunk(state, { batch: state === 'working' }))
    await chunks.recordPeople(state, [{ position: 0, marketoId: 1, requestId }])
    if (state === 'stored') continue
    await chunks.recordPeople(state, [
      { position: 1, marketoId: 2, outcome: { outcome: 'failed', code: 'c' } },
    ])
    if (state === 'working') continue
    await chunks.fixCallback(state, ['by', 'tes'], { ...NO_COUNTS, failed: 2 }, NOW)
    if (state === 'done') await chunks.settleCallback(state, { kind: 'done' }, NOW)
    if (state === 'failed') await chunks.settleCallback(state, { kind: 'failed', reason: 'http-403' }, NOW)
  }
  await chunks.claimChunks({ batch: true, limit: 1, except: [] }, FOR_EVER_MS, NOW)
}

/** What the store says about everything that is in it. */
async function answersOf({ store, sync, chunks }: Parts, requestIds: readonly string[]) {
  const linkIds = Array.from({ length: MANY + 20 }, (_, index) => index + 1)
  const marketoIds = [1, 2, 3, 11, 12]
  const replicas = await sync.findReplicas({ linkIds })
  const found = await chunks.listChunks({ limit: 99 })
  return {
    requests: await Promise.all(requestIds.map((requestId) => store.readRequest(requestId))),
    people: await Promise.all(marketoIds.map((id) => store.readPerson(id))),
    activities: await Promise.all(marketoIds.map((id) => store.readActivities(id, 99))),
    replicas: replicas.toSorted((a, b) => a.linkId - b.linkId),
    state: await sync.readState(),
    backlog: await sync.backlog(),
    conflicts: await sync.readConflicts(99),
    failures: await sync.readFailures({ limit: 99 }),
    unsent: await sync.readUnsentActivities(0, 99),
    chunks: await Promise.all(
      found.map(async (chunk) => ({
        chunk,
        page: await chunks.readPage(chunk.chunkId, 1),
        people: await chunks.readPeople(chunk.chunkId, 0, 9),
        waiting: await chunks.readWaiting(chunk.chunkId),
        callback: await chunks.readCallback(chunk.chunkId),
      })),
    ),
  }
}

const lead = (recordId: string) =>
  ({ link: { recordType: 'lead', recordId }, replica: { ...EMPTY, dynamics: { recordId } } }) as const

describe('moving a store from SQLite to PostgreSQL', { skip: withoutPostgres }, () => {
  it('carries everything over, and the moved store gives the same answers', async () => {
    using old = openSqlite()
    await using under = await openPostgres()
    const requestIds = await fillRequests(old)
    await fillSync(old)
    await fillChunks(old, requestIds[0] ?? '')
    await new SqliteBindings(old.database).bind('organisation', 'contoso')
    const saved = await old.sync.save({
      now: NOW,
      newLinks: Array.from({ length: MANY }, (_, index) => lead(`many-${index}`)),
    })
    assert(saved.kind === 'saved')
    const [first = 0, last = 0] = [saved.linkIds[0], saved.linkIds.at(-1)]
    await move(old.sync, { kind: 'merge', linkId: first, into: last })

    const lines = await moveTo(under, old.database)
    assert.match(lines[0] ?? '', /^link: 15\d\d rows, sha256 [0-9a-f]{16}$/)
    assert.equal(lines.at(-1), 'jobs: 2 made for requests that are not finished')
    const empty = lines.filter((line) => line.includes(': 0 rows'))
    assert.deepEqual(empty, [], 'the store has rows of every kind')
    assert.deepEqual(await answersOf(under, requestIds), await answersOf(old, requestIds))
    assert.equal(await new PostgresBindings(under.postgres).bound('organisation'), 'contoso')
  })

  it('frees what the former process held, and makes a job for each request that is not finished', async () => {
    using old = openSqlite()
    await using under = await openPostgres()
    const requestIds = await fillRequests(old)
    await fillChunks(old, requestIds[0] ?? '')
    await moveTo(under, old.database)
    const [, open, batch] = requestIds
    const twin = await accept(under.store, newRequest({ email: 'Z@x' }))
    assert.equal(twin.leased, true, 'who had the lease is gone')
    await under.jobs.drop(twin.requestId)
    for (const [lane, requestId] of [['real-time', open] as const, ['batch', batch] as const]) {
      assert.deepEqual(await under.jobs.claim(lane, 9), [{ requestId, crashes: 0 }])
    }
    const [chunk] = await under.chunks.claimChunks({ batch: true, limit: 1, except: [] }, 1_000, NOW)
    assert.equal(chunk?.chunkId, 'working')
  })

  it('counts on from the last number that was ever given, though its row is gone', async () => {
    using old = openSqlite()
    await using under = await openPostgres()
    await fillRequests(old)
    await fillSync(old)
    const before = (await old.sync.readUnsentActivities(0, 99)).at(-1)?.activityId ?? 0
    const [conflict] = await old.sync.readConflicts(1)
    await old.store.prune(NOW * 2, 99)
    await old.sync.pruneSync(NOW * 2, 99)
    await moveTo(under, old.database)
    const links = await under.sync.findReplicas({ linkIds: Array.from({ length: 20 }, (_, index) => index) })
    const added = await enter(under.sync, 'new')
    assert(links.every(({ linkId }) => linkId < added.linkId))
    await accept(under.store, newRequest({ marketoId: 99 }, { batch: true }))
    const [activity] = await under.sync.readUnsentActivities(0, 1)
    assert.equal(activity?.activityId, before + 1)
    const conflicts = [{ linkId: added.linkId, field: 'a', winner: 'marketo', won: 1, lost: 2 } as const]
    await under.sync.save({ now: NOW, conflicts })
    const [newest] = await under.sync.readConflicts(1)
    assert.equal(newest?.conflictId, (conflict?.conflictId ?? 0) + 1)
    await under.chunks.acceptChunk(newChunk('new'))
  })

  it('refuses a database that is not empty, and names what is in it', async () => {
    using old = openSqlite()
    await using under = await openPostgres()
    await enter(under.sync, 'r1')
    await assert.rejects(
      moveTo(under, old.database),
      /not empty: there are rows in link, identifier, replica\./,
    )
  })

  for (const [what, becomes] of [
    ['is another', "new.advice := 'other'; return new"],
    ['is missing', 'return null'],
  ]) {
    it(`notices a row that ${what} on arrival, and moves nothing`, async () => {
      using old = openSqlite()
      await using under = await openPostgres()
      await fillSync(old)
      await under.postgres.query(
        `create function meddle() returns trigger language plpgsql as $$ begin ${becomes}; end $$`,
      )
      await under.postgres.query(
        'create trigger meddle before insert on failure for each row execute function meddle()',
      )
      await assert.rejects(moveTo(under, old.database), /^Error: failure: The copy differs from the original/)
      assert.deepEqual(await under.postgres.query('select from link limit 1'), [])
      await under.postgres.query('drop trigger meddle on failure')
      await moveTo(under, old.database)
    })
  }

  it('keeps others from writing while it works', async () => {
    using old = openSqlite()
    await using under = await openPostgres()
    await old.chunks.acceptChunk(newChunk('old'))
    let written: Promise<unknown> | undefined
    await using to = await Transfer.begin(under.url)
    const say = () => {
      written ??= under.chunks.acceptChunk(newChunk('new'))
    }
    await moveStore({ from: old.database, to, jobs: under.jobs, say })
    assert.equal(await Promise.race([written, 'waits']), 'waits')
    await to.commit()
    await written
    const chunks = await under.chunks.listChunks({ limit: 9 })
    assert.deepEqual(
      chunks.map(({ chunkId }) => chunkId),
      ['new', 'old'],
    )
  })

  it('does not leave a table behind of which nobody has decided', async () => {
    using old = openSqlite()
    await using under = await openPostgres()
    await old.database.write(() => void old.database.prepare('create table novelty (a integer)').run())
    await assert.rejects(moveTo(under, old.database), /rule for moving the table novelty/)
  })
})
