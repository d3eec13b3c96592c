import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ChunkStore } from '../../src/store/chunk-port.ts'
import type { Store } from '../../src/store/port.ts'
import type { SyncStore } from '../../src/store/sync-port.ts'
import { withoutPostgres } from '../postgres/cluster.ts'
import { newChunk } from './chunk-contract.ts'
import { accept, create, newRequest } from './contract.ts'
import { openPostgres } from './postgres-rig.ts'
import { openSqlite } from './sqlite-rig.ts'
import { EMPTY, enter, replicaOf } from './sync-contract.ts'

interface UnderTest extends AsyncDisposable {
  store: Store
  sync: SyncStore
  chunks: ChunkStore
}

const HOUR_MS = 3_600_000
/** By the clock that was wrong: what came before happened then. */
const THEN = 1_000_000 + HOUR_MS
const NOW = 1_000_000
const LINKED = { kind: 'linked', recordType: 'lead', provenAt: THEN } as const

function clockContract(name: string, open: () => Promise<UnderTest>, skip: string | false = false): void {
  const test = (title: string, run: (under: UnderTest) => Promise<void>) =>
    it(title, async () => {
      await using under = await open()
      await run(under)
    })

  describe(`the store on ${name} after the clock was set back by an hour`, { skip }, () => {
    test('nothing waits for a time of the former clock', async ({ store, sync, chunks }) => {
      const request = newRequest({ email: 'a@x' }, { now: THEN, leaseUntil: THEN + 60_000 })
      const { requestId } = await accept(store, request)
      const waiting = { code: 'vendor-busy', advice: 'wait', attempts: 1, nextAttemptAt: THEN + 2_000 }
      await store.postpone(requestId, waiting)
      const { linkId } = await enter(sync, 'r1', { ...EMPTY, dueAt: THEN + 2_000, dirtySince: THEN })
      await chunks.acceptChunk(newChunk('c', { now: THEN, deadline: THEN + 600_000 }))
      const twin = await accept(store, newRequest({ email: 'a@x' }, { now: NOW }))
      assert.equal(twin.leased, false)

      assert.equal(await store.makeDue(NOW), HOUR_MS)
      assert.equal((await store.takeUp(twin.requestId, NOW + 60_000, NOW))?.leased, true)
      assert.equal((await store.readRequest(requestId))?.waiting.nextAttemptAt, NOW)
      assert.equal((await replicaOf(sync, linkId)).dueAt, NOW)
      const [claimed] = await chunks.claimChunks({ batch: false, limit: 1, except: [] }, 60_000, NOW)
      assert.deepEqual([claimed?.chunkId, claimed?.deadline], ['c', NOW + 600_000])
    })

    test('a store that is not ahead keeps its times, and so does one that is by a little', async ({
      store,
      sync,
    }) => {
      const { linkId } = await enter(sync, 'r1', { ...EMPTY, dueAt: THEN + HOUR_MS })
      await accept(store, newRequest({ email: 'a@x' }, { now: THEN }))
      assert.deepEqual([await store.makeDue(THEN), await store.makeDue(THEN - 5_000)], [0, 0])
      assert.equal((await replicaOf(sync, linkId)).dueAt, THEN + HOUR_MS)
    })

    test('a proof of the former clock gives way to the next one', async ({ store }) => {
      const { link } = await create(store, newRequest({ marketoId: 1 }))
      const { recordId } = link
      const ahead = await accept(store, newRequest({ marketoId: 1 }, { now: THEN }))
      await store.settle(ahead.requestId, { ...LINKED, recordId }, THEN)
      const next = await accept(store, newRequest({ marketoId: 1 }, { now: NOW }))
      await store.settle(next.requestId, { ...LINKED, recordId, provenAt: NOW }, NOW)
      assert.equal((await store.readPerson(1))?.link.provenAt, NOW)
    })

    test('so does the word of a deletion: who sees the record again is believed', async ({ store, sync }) => {
      const { link } = await create(store, newRequest({ marketoId: 1 }))
      const { linkId, recordId } = link
      const open = await accept(store, newRequest({ marketoId: 1 }, { now: NOW }))
      const deleted = { kind: 'tombstone', linkId, recordType: 'lead', recordId } as const
      await sync.save({ now: THEN, moves: [deleted] })
      assert.equal((await store.readPerson(1))?.link.state, 'tombstoned')
      await store.settle(open.requestId, { ...LINKED, recordId, provenAt: NOW }, NOW)
      assert.equal((await store.readPerson(1))?.link.state, 'linked')
    })
  })
}

clockContract('SQLite', openSqlite)
clockContract('PostgreSQL', openPostgres, withoutPostgres)

describe('leases by the clock of PostgreSQL', { skip: withoutPostgres }, () => {
  it('goes to who asks when it ends later than any lease can', async () => {
    await using under = await openPostgres()
    const { leases, postgres } = under
    await leases.acquire('background-sync', 'a', 60_000)
    assert.equal(await leases.acquire('background-sync', 'b', 60_000), undefined)
    await postgres.query('update lease set until = until + :ms::bigint', { ms: HOUR_MS })
    assert.deepEqual(await leases.acquire('background-sync', 'b', 60_000), { fence: 2 })
  })

  it('gives a chunk away that is held for longer than any can be', async () => {
    await using under = await openPostgres()
    const { chunks, pass } = under
    const claim = async () =>
      (await chunks.claimChunks({ batch: false, limit: 1, except: [] }, 60_000, NOW)).map(
        ({ chunkId }) => chunkId,
      )
    await chunks.acceptChunk(newChunk('c', { now: NOW }))
    assert.deepEqual([await claim(), await claim()], [['c'], []])
    await pass(-HOUR_MS)
    assert.deepEqual(await claim(), ['c'])
  })
})
