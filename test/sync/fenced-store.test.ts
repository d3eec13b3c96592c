import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteLeases } from '../../src/store/sqlite/leases.ts'
import { SqliteSyncStore } from '../../src/store/sqlite/sync-store.ts'
import { fencedStore } from '../../src/sync/fenced-store.ts'
import { readNote, writeNote } from '../../src/sync/note.ts'
import { LeaseLost, Tenure } from '../../src/sync/tenure.ts'
import { counts } from './endpoint-rig.ts'

const LEASE_MS = 15_000

function openTenure() {
  const time = { now: 1_700_000_000_000 }
  const clock = { now: () => time.now, wall: () => time.now, sleep: async () => {} }
  const database = new Database({ path: ':memory:' })
  const leases = new SqliteLeases(clock)
  const store = new SqliteSyncStore(database, leases)
  const tenure = new Tenure({ fence: 1, askedAt: time.now, leaseMs: LEASE_MS, clock })
  return {
    ...{ time, leases, store, tenure },
    fenced: fencedStore(store, tenure),
    [Symbol.dispose]: () => database[Symbol.dispose](),
  }
}

const CURSORS = [{ stream: 'marketo-life', position: 'p' }] as const

test('what the store fences off ends the tenure, and whoever wanted to write hears why', async () => {
  using under = openTenure()
  const { leases, store, tenure, fenced } = under
  await leases.acquire('background-sync', 'a', LEASE_MS)
  assert.equal((await fenced.save({ now: 1, cursors: CURSORS })).kind, 'saved')
  await leases.release('background-sync', 1)
  await leases.acquire('background-sync', 'b', LEASE_MS)
  await assert.rejects(fenced.save({ now: 2, cursors: [{ ...CURSORS[0], position: 'q' }] }), LeaseLost)
  assert.ok(tenure.signal.reason instanceof LeaseLost)
  assert.deepEqual((await store.readState()).cursors, CURSORS)
})

test('a tenure is over when its lease is, counted from when it was asked for', () => {
  using under = openTenure()
  const { time, tenure } = under
  const isOver = () => {
    tenure.check()
    return tenure.signal.aborted
  }
  const askedAt = time.now + 10_000
  time.now += LEASE_MS - 1
  assert.equal(isOver(), false)
  tenure.renewed(askedAt)
  time.now = askedAt + LEASE_MS - 1
  assert.equal(isOver(), false)
  time.now += 1
  assert.equal(isOver(), true)
})

test('a clock that was set back does not make a lease longer', () => {
  using under = openTenure()
  under.time.now -= 1
  under.tenure.check()
  assert.ok(under.tenure.signal.reason instanceof LeaseLost)
})

test('what a leader says is read as it was written; nothing, or another format, says nothing', () => {
  const report = { since: 1, totals: counts({ updated: 2 }), streams: {} }
  assert.deepEqual(readNote(writeNote(report)), report)
  const newer = JSON.stringify({ ...JSON.parse(writeNote(report)), format: 2 })
  assert.deepEqual([readNote(undefined), readNote(newer)], [undefined, undefined])
})
