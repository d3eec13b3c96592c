import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Leases } from '../../src/store/lease-port.ts'
import type { LinkMove, NewFailure, Replica, SyncStore } from '../../src/store/sync-port.ts'
import { accept, create, newRequest, type StoreUnderTest } from './contract.ts'

export interface SyncStoreUnderTest extends StoreUnderTest {
  sync: SyncStore
  leases: Leases
}

export const NOW = 2_000_000
/** A replica of which nothing is known. */
export const EMPTY = {
  marketoSeenAt: 0,
  sent: [],
  stopped: false,
  priority: 0,
  attempts: 0,
  epoch: 0,
} as const

export async function replicaOf(sync: SyncStore, linkId: number): Promise<Replica> {
  const [replica] = await sync.findReplicas({ linkIds: [linkId] })
  assert.ok(replica)
  return replica
}

/** A lead as sales entered it, with its replica stored. */
export async function enter(
  sync: SyncStore,
  recordId: string,
  { email, ...more }: Partial<Replica> & { email?: string } = {},
): Promise<Replica> {
  const link = { recordType: 'lead', recordId, ...(email !== undefined && { email }) } as const
  const saved = await sync.save({ now: NOW, newLinks: [{ link, replica: { ...EMPTY, ...more } }] })
  assert.ok(saved.kind === 'saved' && saved.linkIds[0] !== undefined)
  return replicaOf(sync, saved.linkIds[0])
}

export async function move(sync: SyncStore, ...moves: LinkMove[]): Promise<void> {
  assert.equal((await sync.save({ now: NOW, moves })).kind, 'saved')
}

const FULL = {
  shadow: { firstName: 'Ann', lastName: 'Ek', optIn: true, score: 5, phone: null },
  marketo: { firstName: 'Ann', lastName: 'Ek-Lund', optIn: true, score: 5, phone: null },
  dynamics: { firstName: 'Ann', lastName: 'Ek', optIn: true, company: 'Acme' },
  etag: 'W/"17"',
  marketoSeenAt: 1_700_000,
  sent: [{ field: 'score', value: 5, replaced: null, at: 1_600_000, confirmed: true, blocked: true }],
  sentToOthers: [
    { field: 'phone', value: '2', replaced: '1', at: 1_600_000, confirmed: false, marketoId: 99 },
  ],
  restore: { phone: '1' },
  intent: { intentId: 'i', toDynamics: { lastName: 'Ek-Lund' }, at: 1_800_000 },
  stopped: true,
  dueAt: NOW,
  dirtySince: 1_750_000,
  priority: 1,
  attempts: 3,
  epoch: 2,
} as const

const REFUSED: NewFailure = {
  side: 'dynamics',
  code: 'value-too-long',
  field: 'lastname',
  advice: 'Shorten it.',
}

/** What every driver of the background sync's store must do. One suite for all of them. */
export function syncContract(name: string, open: () => Promise<SyncStoreUnderTest>): void {
  const test = (title: string, run: (under: SyncStoreUnderTest) => Promise<void>) =>
    it(title, async () => {
      await using under = await open()
      await run(under)
    })

  describe(`the sync store on ${name}: replicas`, () => {
    test('a replica comes back as it was saved, one version later', async ({ sync }) => {
      const before = await enter(sync, 'r1')
      for (const after of [
        { ...before, ...FULL },
        { ...before, marketo: {}, dynamics: { a: null } },
        before,
      ]) {
        const { version } = await replicaOf(sync, before.linkId)
        assert.deepEqual(await sync.save({ now: NOW, replicas: [{ ...after, version }] }), {
          kind: 'saved',
          linkIds: [],
        })
        assert.deepEqual(await replicaOf(sync, before.linkId), { ...after, version: version + 1 })
      }
    })

    test('values and reasons that no database likes are kept as far as they can be', async ({ sync }) => {
      const strange = 'a\0b\ud800c \\u0000'
      const before = await enter(sync, 'r1')
      const failure = { side: 'marketo', code: 'c', advice: strange } as const
      const saved = await sync.save({
        now: NOW,
        replicas: [{ ...before, shadow: { title: strange }, marketo: { title: strange } }],
        conflicts: [
          { linkId: before.linkId, field: 'title', winner: 'marketo', won: strange, lost: strange },
        ],
        failures: [{ linkId: before.linkId, failures: [failure] }],
      })
      assert.equal(saved.kind, 'saved')
      assert.deepEqual((await replicaOf(sync, before.linkId)).shadow, { title: strange })
      assert.deepEqual((await sync.readConflicts(1))[0]?.won, strange)
      assert.equal((await sync.readFailures({ limit: 1 })).length, 1)
    })

    test('a link that was never synced has version 0 and no values, and can be saved once', async ({
      store,
      sync,
    }) => {
      const { link } = await accept(store, newRequest({ marketoId: 1, email: 'a@x' }))
      const { linkId, recordId } = link
      const [replica] = await sync.findReplicas({ marketoIds: [1] })
      assert.ok(replica)
      assert.deepEqual(replica, {
        ...EMPTY,
        ...{ linkId, state: 'claimed', recordType: 'lead', recordId, marketoId: 1, version: 0 },
      })
      const saves = [await sync.save({ now: NOW, replicas: [replica] })]
      saves.push(await sync.save({ now: NOW, replicas: [replica] }))
      assert.deepEqual(
        saves.map(({ kind }) => kind),
        ['saved', 'stale'],
      )
    })

    test('is found by every name of its link, once, and by nobody else’s', async ({ sync }) => {
      const one = await enter(sync, 'r1', { marketoId: 1 })
      const other = await enter(sync, 'r2')
      await enter(sync, 'r3')
      const found = await sync.findReplicas({
        records: [
          { recordType: 'lead', recordId: 'r1' },
          { recordType: 'contact', recordId: 'r3' },
          { recordType: 'lead', recordId: 'nobody' },
        ],
        marketoIds: [1, 2],
        linkIds: [one.linkId, other.linkId, 999],
      })
      assert.deepEqual(
        found.sort((a, b) => a.linkId - b.linkId),
        [one, other],
      )
    })

    test('one replica that changed meanwhile makes the whole change stale, and nothing of it stays', async ({
      sync,
    }) => {
      const [fresh, stale] = [await enter(sync, 'r1'), await enter(sync, 'r2')]
      await sync.save({ now: NOW, replicas: [stale] })
      const change = {
        now: NOW,
        cursors: [{ stream: 'marketo-changes', position: 'p' }],
        moves: [{ kind: 'tombstone', linkId: fresh.linkId, recordType: 'lead', recordId: 'r1' }],
        newLinks: [{ link: { recordType: 'lead', recordId: 'r3' }, replica: EMPTY }],
        replicas: [fresh, stale],
      } as const
      assert.deepEqual(await sync.save(change), { kind: 'stale' })
      assert.deepEqual(await replicaOf(sync, fresh.linkId), fresh)
      assert.deepEqual(await sync.findReplicas({ records: [{ recordType: 'lead', recordId: 'r3' }] }), [])
      assert.deepEqual((await sync.readState()).cursors, [])
    })

    test('a change that breaks in the middle leaves nothing behind', async ({ sync }) => {
      const replica = await enter(sync, 'r1')
      const conflict = { linkId: replica.linkId, field: 'f', winner: 'marketo', won: 1, lost: 2 } as const
      const breaking = sync.save({
        now: NOW,
        cursors: [{ stream: 'marketo-life', position: 'p' }],
        replicas: [{ ...replica, ...FULL }],
        conflicts: [conflict],
        failures: [
          { linkId: replica.linkId, failures: [REFUSED] },
          { linkId: 999, failures: [REFUSED] },
        ],
      })
      await assert.rejects(breaking, /no link 999/)
      assert.deepEqual(
        [await replicaOf(sync, replica.linkId), await sync.readConflicts(9), await sync.countFailures()],
        [replica, [], []],
      )
      assert.deepEqual(await sync.readUnsentActivities(0, 9), [])
    })
  })

  describe(`the sync store on ${name}: the fence of who leads`, () => {
    const LEASE = 'background-sync'
    const TTL_MS = 60_000

    /** Whether a change that touches everything is taken; leaves nothing behind when it is not. */
    async function isTaken(sync: SyncStore, fence: number | undefined): Promise<boolean> {
      const replica = await enter(sync, `r-${fence}`)
      const { linkId, recordId } = replica
      const change = {
        now: NOW,
        cursors: [{ stream: 'dynamics-leads', position: String(fence) }],
        moves: [{ kind: 'tombstone', linkId, recordType: 'lead', recordId }],
        newLinks: [{ link: { recordType: 'lead', recordId: `new-${fence}` }, replica: EMPTY }],
        replicas: [{ ...replica, ...FULL }],
        conflicts: [{ linkId, field: 'f', winner: 'marketo', won: 1, lost: 2 }],
        failures: [{ linkId, failures: [REFUSED] }],
      } as const
      const before = await everything(sync, linkId)
      const { kind } = await sync.save({ ...change, ...(fence !== undefined && { fence }) })
      assert.notEqual(kind, 'stale')
      if (kind === 'fenced') assert.deepEqual(await everything(sync, linkId), before)
      return kind === 'saved'
    }

    async function everything(sync: SyncStore, linkId: number) {
      return [
        await sync.readState(),
        await replicaOf(sync, linkId),
        await sync.backlog(),
        await sync.readConflicts(9),
        await sync.readUnsentActivities(0, 9),
      ]
    }

    test('what needs no lease is taken, and what comes with a fence that was never given is not', async ({
      sync,
    }) => {
      assert.deepEqual([await isTaken(sync, undefined), await isTaken(sync, 0)], [true, false])
      assert.deepEqual([await isTaken(sync, 1)], [false])
    })

    test('who has the lease may write, until another one has it', async ({ sync, leases }) => {
      await leases.acquire(LEASE, 'a', TTL_MS)
      assert.deepEqual([await isTaken(sync, 1), await isTaken(sync, 2)], [true, false])
      await leases.release(LEASE, 1)
      await leases.acquire(LEASE, 'b', TTL_MS)
      assert.deepEqual([await isTaken(sync, 1), await isTaken(sync, 2)], [false, true])
    })

    test('a lease that is over is nobody’s, also while no other replica has it', async ({ sync, leases }) => {
      await leases.acquire(LEASE, 'a', TTL_MS)
      await leases.release(LEASE, 1)
      assert.equal(await isTaken(sync, 1), false)
      await leases.acquire(LEASE, 'a', TTL_MS)
      assert.deepEqual([await isTaken(sync, 1), await isTaken(sync, 2)], [false, true])
    })
  })

  describe(`the sync store on ${name}: what is to be done`, () => {
    test('live work comes before initial work, the longest due first, none before its time', async ({
      sync,
    }) => {
      const due = [
        [1, 10],
        [0, 30],
        [0, 20],
        [1, 5],
        [0, NOW + 1],
        [0, undefined],
      ] as const
      for (const [priority, dueAt] of due) {
        await enter(sync, `${priority}-${dueAt}`, { priority, ...(dueAt !== undefined && { dueAt }) })
      }
      const names = async (limit: number) => (await sync.due(limit, NOW)).map(({ recordId }) => recordId)
      assert.deepEqual(await names(9), ['0-20', '0-30', '1-5', '1-10'])
      assert.deepEqual(await names(3), ['0-20', '0-30', '1-5'])
      assert.deepEqual(await names(1), ['0-20'])
    })

    test('backlog counts changes that are not worked off, links by state, and open failures', async ({
      store,
      sync,
    }) => {
      await enter(sync, 'r1', { dueAt: NOW * 2, dirtySince: 7 })
      const { linkId } = await enter(sync, 'r2', { priority: 1, dueAt: 1, dirtySince: 5 })
      await enter(sync, 'r3')
      const { link } = await accept(store, newRequest({ marketoId: 9 }))
      // Somebody edits a person whose record is not made yet: there is nothing that could be late.
      const claimed = await replicaOf(sync, link.linkId)
      await sync.save({ now: NOW, replicas: [{ ...claimed, dueAt: 3, dirtySince: 3 }] })
      await move(sync, { kind: 'tombstone', linkId, recordType: 'lead', recordId: 'r2' })
      await sync.save({ now: NOW, failures: [{ linkId, failures: [REFUSED] }, { failures: [REFUSED] }] })
      assert.deepEqual(await sync.backlog(), {
        live: 1,
        initial: 1,
        oldestDirtyAt: 5,
        links: { linked: 2, tombstoned: 1, claimed: 1 },
        openFailures: 2,
      })
    })

    test('an empty store has no backlog', async ({ sync }) => {
      assert.deepEqual(await sync.backlog(), { live: 0, initial: 0, links: {}, openFailures: 0 })
    })

    test('unseen gives the records that no full read has shown, page by page', async ({ sync }) => {
      for (const [recordId, epoch] of Object.entries({ a: 1, b: 2, c: 1, d: 1, e: 3 })) {
        await enter(sync, recordId, { epoch })
      }
      const { linkId } = await enter(sync, 'gone', { epoch: 1 })
      await move(sync, { kind: 'tombstone', linkId, recordType: 'lead', recordId: 'gone' })
      const first = await sync.unseen('lead', 2, 0, 2)
      const rest = await sync.unseen('lead', 2, first.at(-1)?.linkId ?? 0, 2)
      assert.deepEqual(
        [first, rest].map((page) => page.map(({ recordId }) => recordId)),
        [['a', 'c'], ['d']],
      )
      assert.deepEqual(await sync.unseen('contact', 9, 0, 9), [])
    })

    test('a cursor is where the last page put it, and remembers when the end was reached', async ({
      sync,
    }) => {
      const stream = 'dynamics-leads' as const
      await sync.save({ now: NOW, cursors: [{ stream, position: 'a', readAt: 5 }] })
      await sync.save({ now: NOW, cursors: [{ stream, position: 'b' }] })
      const cursors = [{ stream, position: 'b', readAt: 5 }]
      assert.deepEqual(await sync.readState(), { cursors, paused: false })
      await sync.setPaused(true)
      assert.equal((await sync.readState()).paused, true)
      await sync.setPaused(false)
      assert.equal((await sync.readState()).paused, false)
    })
  })

  describe(`the sync store on ${name}: records that nobody has linked`, () => {
    test('a new record is linked and takes a free e-mail as its name', async ({ store, sync }) => {
      const first = await enter(sync, 'r1', { email: 'a@x', dynamics: { lastName: 'Ek' } })
      const second = await enter(sync, 'r2', { email: 'a@x', marketoId: 7 })
      assert.deepEqual(first, {
        ...EMPTY,
        ...{ linkId: first.linkId, state: 'linked', recordType: 'lead', recordId: 'r1', version: 1 },
        dynamics: { lastName: 'Ek' },
      })
      const asked = await accept(store, newRequest({ email: 'a@x' }))
      const person = await store.readPerson(7)
      assert.deepEqual(
        [asked.link.linkId, asked.link.canonicalKey, asked.link.provenAt],
        [first.linkId, 'email:a@x', NOW],
      )
      assert.deepEqual(
        [person?.link.linkId, person?.link.canonicalKey, person?.link.generation],
        [second.linkId, 'record:lead:r2', 0],
      )
    })

    test('one that the flow action has linked meanwhile keeps its link, and is to be read', async ({
      store,
      sync,
    }) => {
      const { link } = await create(store, newRequest({ marketoId: 1, email: 'a@x' }))
      const { linkId, recordId } = link
      const known = await replicaOf(sync, linkId)
      const { dueAt, dirtySince, ...clean } = known
      await sync.save({ now: NOW, replicas: [{ ...clean, dynamics: { lastName: 'old' }, etag: 'W/"1"' }] })
      const again = await enter(sync, recordId, { dynamics: { lastName: 'new' } })
      assert.deepEqual(again, { ...clean, dueAt: NOW, dirtySince: NOW, version: known.version + 2 })
    })

    test('a former record of a link is no news about the record that it has', async ({ sync }) => {
      const { linkId } = await enter(sync, 'r1', { dynamics: { lastName: 'Ek' } })
      await move(sync, { kind: 'record', linkId, recordType: 'contact', recordId: 'c1' })
      const before = await replicaOf(sync, linkId)
      assert.deepEqual(await enter(sync, 'r1', { dynamics: { lastName: 'other' } }), before)
    })
  })

  describe(`the sync store on ${name}: conflicts and failures`, () => {
    test('conflicts come newest first, with the record of their time, until they are pruned', async ({
      sync,
    }) => {
      const { linkId } = await enter(sync, 'r1', { marketoId: 4 })
      const lost = { linkId, field: 'phone', winner: 'marketo', won: '1', lost: null } as const
      const flag = { linkId, field: 'optIn', winner: 'dynamics', won: true, lost: false } as const
      await sync.save({ now: 100, conflicts: [lost] })
      await move(sync, { kind: 'record', linkId, recordType: 'contact', recordId: 'c1' })
      await sync.save({ now: 200, conflicts: [flag] })
      const [newest] = await sync.readConflicts(1)
      assert.ok(newest)
      const [oldest] = await sync.readConflicts(9, newest.conflictId)
      assert.ok(oldest)
      const { conflictId: _, ...first } = oldest
      const { conflictId: __, ...second } = newest
      assert.deepEqual(first, { ...lost, at: 100, recordType: 'lead', recordId: 'r1', marketoId: 4 })
      assert.deepEqual(second, { ...flag, at: 200, recordType: 'contact', recordId: 'c1', marketoId: 4 })
      assert.deepEqual([await sync.pruneSync(200, 9), await sync.pruneSync(200, 9)], [1, 0])
      assert.deepEqual(await sync.readConflicts(9), [newest])
    })

    test('a failure stays open while it is named, counts its attempts, and is logged once', async ({
      store,
      sync,
    }) => {
      const { linkId } = await enter(sync, 'r1', { marketoId: 4, dueAt: 900 })
      const vendor = { vendorCode: '0x1', vendorMessage: 'No, says a plug-in.', vendorRequestId: 'v' }
      await sync.save({ now: 100, failures: [{ linkId, failures: [REFUSED, REFUSED] }] })
      await sync.save({ now: 200, failures: [{ linkId, failures: [{ ...REFUSED, ...vendor }] }] })
      const [failure, ...none] = await sync.readFailures({ limit: 9 })
      assert.ok(failure)
      assert.deepEqual(
        [failure, none],
        [
          {
            ...{ failureId: failure.failureId, linkId, recordType: 'lead', recordId: 'r1', marketoId: 4 },
            ...{ ...REFUSED, ...vendor, firstSeenAt: 100, lastSeenAt: 200, attempts: 2, nextAttemptAt: 900 },
          },
          [],
        ],
      )
      const { side, ...reason } = REFUSED
      const [logged, ...more] = await store.readActivities(4, 9)
      const record = { recordType: 'lead', recordId: 'r1' } as const
      assert.deepEqual(
        [logged, more],
        [
          {
            ...{ activityId: logged?.activityId, at: 100, source: 'sync', outcome: 'failed', marketoId: 4 },
            ...{ ...record, ...reason },
          },
          [],
        ],
      )
    })

    test('what a set does not name is over; side, code and field make a failure itself', async ({ sync }) => {
      const { linkId } = await enter(sync, 'r1')
      const other = await enter(sync, 'r2')
      const { field, ...whole } = REFUSED
      const variants: NewFailure[] = [
        REFUSED,
        { ...REFUSED, side: 'marketo' },
        { ...REFUSED, code: 'another' },
        whole,
      ]
      await sync.save({ now: 100, failures: [{ linkId, failures: variants }, { failures: [whole] }] })
      await sync.save({ now: 100, failures: [{ linkId: other.linkId, failures: [REFUSED] }] })
      const count = async () => (await sync.readFailures({ limit: 9 })).length
      assert.equal(await count(), 6)
      await sync.save({ now: 200, failures: [{ linkId, failures: [whole] }] })
      assert.equal(await count(), 3)
      await sync.save({ now: 200, failures: [{ linkId, failures: [] }, { failures: [] }] })
      const left = await sync.readFailures({ limit: 9 })
      assert.deepEqual(
        left.map((one) => [one.linkId, one.attempts]),
        [[other.linkId, 1]],
      )
      const pruned = [
        await sync.pruneSync(200, 9),
        await sync.pruneSync(201, 2),
        await sync.pruneSync(201, 9),
      ]
      assert.deepEqual(pruned, [0, 2, 3])
    })

    test('failures come by code, then the oldest first, also after one that has been closed', async ({
      sync,
    }) => {
      const codes = ['b', 'a', 'b', 'c', 'a']
      for (const [index, code] of codes.entries()) {
        const { linkId } = await enter(sync, `r${index}`)
        await sync.save({ now: 100 + index, failures: [{ linkId, failures: [{ ...REFUSED, code }] }] })
      }
      const page = async (after?: number, code?: string) => {
        const filter = {
          limit: 2,
          ...(after !== undefined && { after }),
          ...(code !== undefined && { code }),
        }
        return sync.readFailures(filter)
      }
      const seen = (page: readonly { code: string; firstSeenAt: number }[]) =>
        page.map(({ code, firstSeenAt }) => `${code}${firstSeenAt}`)
      const first = await page()
      assert.deepEqual(seen(first), ['a101', 'a104'])
      const last = first.at(-1)
      assert.ok(last?.linkId !== undefined)
      await sync.save({ now: 300, failures: [{ linkId: last.linkId, failures: [] }] })
      const second = await page(last.failureId)
      assert.deepEqual(seen(second), ['b100', 'b102'])
      assert.deepEqual(seen(await page(second.at(-1)?.failureId)), ['c103'])
      const [oldest] = await page(undefined, 'b')
      assert.deepEqual(seen(await page(oldest?.failureId, 'b')), ['b102'])
      assert.deepEqual(await sync.countFailures(), [
        { code: 'a', count: 1 },
        { code: 'b', count: 2 },
        { code: 'c', count: 1 },
      ])
    })

    test('a failure that is retried makes its record due at once; one that is over cannot be', async ({
      sync,
    }) => {
      const replica = await enter(sync, 'r1', { dueAt: NOW * 2, attempts: 5 })
      const { linkId } = replica
      await sync.save({ now: 100, failures: [{ linkId, failures: [REFUSED] }, { failures: [REFUSED] }] })
      const open = await sync.readFailures({ limit: 9 })
      for (const { failureId } of open) assert.equal(await sync.retryFailure(failureId, NOW), true)
      assert.deepEqual(
        (await sync.due(9, NOW)).map((one) => one.linkId),
        [linkId],
      )
      assert.deepEqual(await sync.save({ now: NOW, replicas: [replica] }), { kind: 'stale' })
      await sync.save({ now: 200, failures: [{ linkId, failures: [] }, { failures: [] }] })
      for (const { failureId } of open) assert.equal(await sync.retryFailure(failureId, NOW), false)
    })

    test("Marketo's log is told of campaigns and failures in order, with the person of the link", async ({
      store,
      sync,
    }) => {
      const campaign = { id: '7', name: 'Fair', type: 'trigger' } as const
      const { link } = await create(store, newRequest({ marketoId: 1, email: 'a@x' }, { campaign }))
      const byEmail = await accept(store, newRequest({ email: 'a@x' }))
      await store.settle(byEmail.requestId, { kind: 'ambiguous', code: 'c', advice: 'a' }, NOW)
      const { linkId, recordType, recordId } = link
      await sync.save({ now: NOW, failures: [{ linkId, failures: [REFUSED] }] })
      const [created, exists, failed] = await sync.readUnsentActivities(0, 9)
      assert.ok(created && exists && failed)
      const { side, ...reason } = REFUSED
      const record = { marketoId: 1, recordType, recordId }
      assert.deepEqual(created, {
        ...{ activityId: created.activityId, at: created.at, outcome: 'created', campaign: 'Fair' },
        ...record,
      })
      assert.deepEqual([exists.marketoId, exists.outcome, exists.code], [1, 'exists', 'c'])
      assert.deepEqual(failed, {
        ...{ activityId: failed.activityId, at: NOW, outcome: 'failed' },
        ...record,
        ...reason,
      })
      assert.deepEqual(await sync.readUnsentActivities(created.activityId, 1), [exists])
    })
  })
}
