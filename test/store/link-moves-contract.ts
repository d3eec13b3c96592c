import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LinkMove, Replica } from '../../src/store/sync-port.ts'
import { accept, create, deriveRecordId, newRequest } from './contract.ts'
import { EMPTY, enter, move, NOW, replicaOf, type SyncStoreUnderTest } from './sync-contract.ts'

const LATER = NOW + 1_000_000
const EK = { lastName: 'Ek' }
const KNOWN = { shadow: EK, marketo: EK, dynamics: EK, etag: 'W/"1"' }
const CONTACT = { recordType: 'contact', recordId: 'c1' } as const

const SITUATIONS = ['claimed', 'being made', 'linked', 'tombstoned', 'orphaned'] as const
type Situation = (typeof SITUATIONS)[number]

/** A link of person 1 and a@x in that situation. */
async function bring(situation: Situation, { store, sync }: SyncStoreUnderTest): Promise<Replica> {
  const request = newRequest({ marketoId: 1, email: 'a@x' })
  if (situation === 'claimed' || situation === 'being made') {
    const { requestId, link } = await accept(store, request)
    if (situation === 'being made') await store.storeIntent(requestId, link.recordId, '{}', NOW)
    return replicaOf(sync, link.linkId)
  }
  const { linkId, recordType, recordId } = (await create(store, request)).link
  if (situation === 'tombstoned') await move(sync, { kind: 'tombstone', linkId, recordType, recordId })
  if (situation === 'orphaned') await move(sync, { kind: 'orphan', linkId, marketoId: 1 })
  return replicaOf(sync, linkId)
}

/** What a link is, apart from what is known of its sides. */
function identityOf({ state, recordType, recordId, marketoId }: Replica): Identity {
  return { state, recordType, recordId, marketoId: marketoId ?? null }
}

type Identity = Pick<Replica, 'state' | 'recordType' | 'recordId'> & { marketoId: number | null }
type Change = Partial<Identity>

/** What each move changes in each situation; elsewhere it changes nothing. */
const MOVES: readonly {
  title: string
  moveOf: (link: Replica) => LinkMove
  changes: { readonly [of in Situation]?: Change }
}[] = [
  {
    title: 'the deletion of its record',
    moveOf: ({ linkId, recordType, recordId }) => ({ kind: 'tombstone', linkId, recordType, recordId }),
    changes: { linked: { state: 'tombstoned' }, orphaned: { state: 'tombstoned' } },
  },
  {
    title: 'the deletion of a record that is not its own any more',
    moveOf: ({ linkId }) => ({ kind: 'tombstone', linkId, recordType: 'lead', recordId: 'former' }),
    changes: {},
  },
  {
    title: 'the return of its record',
    moveOf: ({ linkId }) => ({ kind: 'restore', linkId }),
    changes: { tombstoned: { state: 'linked' } },
  },
  {
    title: 'the deletion of its person',
    moveOf: ({ linkId }) => ({ kind: 'orphan', linkId, marketoId: 1 }),
    changes: {
      claimed: { marketoId: null },
      'being made': { marketoId: null },
      linked: { state: 'orphaned', marketoId: null },
      tombstoned: { marketoId: null },
    },
  },
  {
    title: 'the deletion of a person who is not its own any more',
    moveOf: ({ linkId }) => ({ kind: 'orphan', linkId, marketoId: 2 }),
    changes: {},
  },
  {
    title: 'another person',
    moveOf: ({ linkId }) => ({ kind: 'person', linkId, marketoId: 2 }),
    changes: {
      claimed: { marketoId: 2 },
      'being made': { marketoId: 2 },
      linked: { marketoId: 2 },
      tombstoned: { marketoId: 2 },
      orphaned: { marketoId: 2, state: 'linked' },
    },
  },
  {
    title: 'another record',
    moveOf: ({ linkId }) => ({ kind: 'record', linkId, ...CONTACT }),
    changes: {
      claimed: { ...CONTACT, state: 'linked' },
      linked: CONTACT,
      tombstoned: { ...CONTACT, state: 'linked' },
      orphaned: CONTACT,
    },
  },
]

/** What every driver must do to links when the background sync moves them. */
export function linkMovesContract(name: string, open: () => Promise<SyncStoreUnderTest>): void {
  const test = (title: string, run: (under: SyncStoreUnderTest) => Promise<void>) =>
    it(title, async () => {
      await using under = await open()
      await run(under)
    })

  describe(`the sync store on ${name}: a move of a link`, () => {
    for (const { title, moveOf, changes } of MOVES) {
      for (const situation of SITUATIONS) {
        const change = changes[situation]
        test(`${title}, while it is ${situation}, changes ${change ? Object.keys(change).join(', ') : 'nothing'}`, async (under) => {
          const before = await bring(situation, under)
          await move(under.sync, moveOf(before))
          const after = await replicaOf(under.sync, before.linkId)
          assert.deepEqual(identityOf(after), { ...identityOf(before), ...change })
        })
      }
    }

    test('does not make the replica stale that is saved with it, but any other copy', async ({ sync }) => {
      const replica = await enter(sync, 'r1', KNOWN)
      const { linkId } = replica
      const moves = [
        { kind: 'record', linkId, ...CONTACT },
        { kind: 'person', linkId, marketoId: 5 },
      ] as const
      assert.equal((await sync.save({ now: NOW, moves, replicas: [replica] })).kind, 'saved')
      const after = await replicaOf(sync, linkId)
      assert.deepEqual(after, { ...replica, ...CONTACT, marketoId: 5, version: after.version })
      await move(sync, { kind: 'orphan', linkId, marketoId: 5 })
      assert.deepEqual(await sync.save({ now: NOW, replicas: [after] }), { kind: 'stale' })
    })

    test('to another record leaves the former name with the link, and to another person too', async ({
      sync,
    }) => {
      const { linkId } = await enter(sync, 'r1', { marketoId: 1 })
      await move(sync, { kind: 'record', linkId, ...CONTACT }, { kind: 'person', linkId, marketoId: 2 })
      const records = [{ recordType: 'lead', recordId: 'r1' }, CONTACT] as const
      for (const names of [{ records: [records[0]] }, { records: [records[1]] }, { marketoIds: [1] }]) {
        const [found] = await sync.findReplicas(names)
        assert.deepEqual([found?.linkId, found?.recordId, found?.marketoId], [linkId, 'c1', 2])
      }
      await move(sync, { kind: 'orphan', linkId, marketoId: 1 })
      assert.deepEqual(await sync.findReplicas({ marketoIds: [1] }), [])
      assert.equal((await replicaOf(sync, linkId)).marketoId, 2)
    })

    test('to a record that another link has merges it into that', async ({ store, sync }) => {
      const lead = await enter(sync, 'r1', { marketoId: 1, email: 'a@x', ...KNOWN })
      const contact = await enter(sync, 'c1', { dynamics: EK })
      const at = await accept(store, newRequest({ marketoId: 1 }))
      const failure = { side: 'marketo', code: 'c', advice: 'a' } as const
      const conflict = { linkId: lead.linkId, field: 'f', winner: 'marketo', won: 1, lost: 2 } as const
      await sync.save({
        now: NOW,
        conflicts: [conflict],
        failures: [lead, contact].map(({ linkId }) => ({ linkId, failures: [failure] })),
      })
      const result = await sync.save({
        now: LATER,
        moves: [{ kind: 'record', linkId: lead.linkId, recordType: 'lead', recordId: 'c1' }],
        replicas: [lead, { ...contact, stopped: true, dueAt: LATER }],
        failures: [{ linkId: lead.linkId, failures: [{ ...failure, code: 'of a link that is gone' }] }],
      })
      assert.equal(result.kind, 'saved')
      const home = await replicaOf(sync, lead.linkId)
      assert.deepEqual(home, {
        ...contact,
        ...{ marketoId: 1, stopped: true, dueAt: LATER, version: home.version },
      })
      const names = { records: [{ recordType: 'lead', recordId: 'r1' }], marketoIds: [1] } as const
      assert.deepEqual(await sync.findReplicas(names), [home])
      assert.equal((await store.takeUp(at.requestId, LATER, NOW))?.link.linkId, contact.linkId)
      assert.equal((await accept(store, newRequest({ email: 'a@x' }))).link.linkId, contact.linkId)
      assert.equal((await store.readActivities(1, 9)).length, 2)
      assert.equal((await sync.readConflicts(9))[0]?.linkId, contact.linkId)
      assert.deepEqual(
        (await sync.readFailures({ limit: 9 })).map(({ linkId, code }) => [linkId, code]),
        [
          [contact.linkId, 'c'],
          [contact.linkId, 'c'],
        ],
      )
      await sync.save({ now: LATER, failures: [{ linkId: contact.linkId, failures: [] }] })
      assert.deepEqual(await sync.readFailures({ limit: 9 }), [])
    })

    test('into another link makes that due, and what is known of the person is to be read', async ({
      sync,
    }) => {
      const from = await enter(sync, 'r1', { marketoId: 1, ...KNOWN, dueAt: 1, dirtySince: 1 })
      const to = await enter(sync, 'r2', { dynamics: EK, etag: 'W/"2"' })
      await move(sync, { kind: 'merge', linkId: from.linkId, into: to.linkId })
      const home = await replicaOf(sync, to.linkId)
      assert.deepEqual(home, {
        ...to,
        ...{ marketoId: 1, dueAt: NOW, dirtySince: NOW, version: home.version },
      })
      assert.deepEqual(await sync.due(9, NOW), [home])
      assert.deepEqual(await sync.save({ now: NOW, replicas: [to] }), { kind: 'stale' })
      await move(sync, { kind: 'merge', linkId: from.linkId, into: to.linkId })
      assert.deepEqual(await replicaOf(sync, from.linkId), home, 'twice is once')
      assert.deepEqual(await sync.backlog(), {
        ...{ live: 1, initial: 0, oldestDirtyAt: NOW, openFailures: 0 },
        links: { linked: 1, merged: 1 },
      })
    })

    test('into another link keeps the person of that one', async ({ sync }) => {
      const from = await enter(sync, 'r1', { marketoId: 1 })
      const to = await enter(sync, 'r2', { marketoId: 2, ...KNOWN })
      await move(sync, { kind: 'merge', linkId: from.linkId, into: to.linkId })
      const home = await replicaOf(sync, from.linkId)
      assert.deepEqual(home, { ...to, dueAt: NOW, dirtySince: NOW, version: home.version })
    })

    test('never merges a link away whose record is being made', async (under) => {
      const { sync } = under
      const { linkId } = await bring('being made', under)
      const other = await enter(sync, 'r2')
      await move(sync, { kind: 'merge', linkId, into: other.linkId })
      assert.equal((await replicaOf(sync, linkId)).linkId, linkId)
    })

    test('takes the person of a link for which nothing was sent, with its request', async ({
      store,
      sync,
    }) => {
      const asked = await accept(store, newRequest({ marketoId: 1 }))
      const { linkId } = await enter(sync, 'r1')
      await move(sync, { kind: 'person', linkId, marketoId: 1 })
      const work = await store.takeUp(asked.requestId, LATER, NOW)
      assert.deepEqual([work?.link.linkId, work?.link.state, work?.link.marketoId], [linkId, 'linked', 1])
    })

    for (const situation of ['being made', 'linked', 'tombstoned'] as const) {
      test(`leaves a person with their link that is ${situation}`, async (under) => {
        const owner = await bring(situation, under)
        const other = await enter(under.sync, 'r1')
        await move(under.sync, { kind: 'person', linkId: other.linkId, marketoId: 1 })
        assert.deepEqual(await under.sync.findReplicas({ marketoIds: [1] }), [owner])
        assert.equal((await replicaOf(under.sync, other.linkId)).marketoId, undefined)
      })
    }

    test('gives the link one e-mail, where that is free', async ({ store, sync }) => {
      const one = await enter(sync, 'r1', { email: 'a@x' })
      const other = await enter(sync, 'r2', { email: 'b@x' })
      const ownerOf = async (email: string) => {
        const { requestId, link } = await accept(store, newRequest({ email }))
        await store.settle(requestId, { kind: 'failed', code: 'c', advice: 'a' }, NOW)
        return link.linkId
      }
      await move(sync, { kind: 'email', linkId: one.linkId, email: 'c@x' })
      await move(sync, { kind: 'email', linkId: other.linkId, email: 'c@x' })
      assert.equal(await ownerOf('c@x'), one.linkId)
      const freed = [await ownerOf('a@x'), await ownerOf('b@x')]
      assert.ok(!freed.includes(one.linkId) && !freed.includes(other.linkId))
      await move(sync, { kind: 'email', linkId: one.linkId })
      assert.notEqual(await ownerOf('c@x'), one.linkId)
    })

    test('leaves the e-mail of a link whose record is not proven', async (under) => {
      const { linkId } = await bring('claimed', under)
      await move(under.sync, { kind: 'email', linkId, email: 'b@x' })
      assert.equal((await accept(under.store, newRequest({ email: 'a@x' }))).link.linkId, linkId)
    })
  })

  describe(`the sync store on ${name}: with the flow action in between`, () => {
    test('a link that the flow action makes is due once, and live; exists wakes nobody', async ({
      store,
      sync,
    }) => {
      const { link, requestId } = await create(store, newRequest({ marketoId: 1, email: 'a@x' }))
      const { linkId, recordId } = link
      const due = await sync.due(9, LATER)
      assert.deepEqual(due, [
        {
          ...EMPTY,
          ...{ linkId, state: 'linked', recordType: 'lead', recordId, marketoId: 1, version: 2 },
          ...{ dueAt: due[0]?.dueAt, dirtySince: due[0]?.dueAt },
          // What it was made with is no edit of Dynamics.
          intent: { intentId: requestId, at: due[0]?.dueAt, created: {} },
        },
      ])
      const { dueAt, dirtySince, ...done } = await replicaOf(sync, linkId)
      await sync.save({ now: NOW, replicas: [done] })
      await create(store, newRequest({ marketoId: 1 }))
      assert.deepEqual(await sync.due(9, LATER), [])
    })

    test('a link that is claimed is not due, whatever its replica says', async ({ store, sync }) => {
      const { link } = await accept(store, newRequest({ marketoId: 1, email: 'a@x' }))
      const replica = await replicaOf(sync, link.linkId)
      await sync.save({ now: NOW, replicas: [{ ...replica, dueAt: 1 }] })
      assert.deepEqual(await sync.due(9, LATER), [])
    })

    test('one who is sent again after a deletion is claimed for the next generation, once', async (under) => {
      const { store, sync } = under
      const { linkId, ...gone } = await bring('tombstoned', under)
      await sync.save({ now: NOW, replicas: [{ linkId, ...gone, ...KNOWN, dueAt: NOW, dirtySince: 1 }] })
      const request = newRequest({ marketoId: 1 }, { recordType: 'contact' })
      const [first, twin] = [await accept(store, request), await accept(store, newRequest({ email: 'a@x' }))]
      const recordId = deriveRecordId('contact', 'email:a@x', 1)
      assert.deepEqual(
        [first, twin].map(({ leased, link }) => [leased, link.state, link.recordId, link.generation]),
        [
          [true, 'claimed', recordId, 1],
          [false, 'claimed', recordId, 1],
        ],
      )
      const claimed = await replicaOf(sync, linkId)
      const person = { linkId, state: 'claimed', recordType: 'contact', recordId, marketoId: 1 } as const
      assert.deepEqual(claimed, { ...EMPTY, ...person, version: claimed.version })
      assert.equal((await sync.backlog()).live, 0, 'nothing is late until the record is there')
      const { requestId } = first
      const proof = { kind: 'linked', recordType: 'contact', recordId, provenAt: NOW } as const
      await store.storeIntent(requestId, recordId, '{}', NOW)
      assert.equal((await store.settle(requestId, proof, NOW)).outcome.outcome, 'created')
      const [due] = await sync.due(9, NOW)
      assert.deepEqual(
        [due?.state, due?.recordId, due?.dueAt, due?.dynamics],
        ['linked', recordId, NOW, undefined],
      )
      const [former] = await sync.findReplicas({ records: [{ recordType: 'lead', recordId: gone.recordId }] })
      assert.equal(former?.linkId, linkId, 'a late row of the former record finds its link')
    })

    test('a claim that learns its key frees the id that was only reserved, and no former record', async ({
      store,
      sync,
    }) => {
      const { link } = await create(store, newRequest({ marketoId: 1 }))
      const { linkId, recordType, recordId } = link
      await move(sync, { kind: 'tombstone', linkId, recordType, recordId })
      const again = await accept(store, newRequest({ marketoId: 1 }))
      const { identifiers, canonicalKey } = newRequest({ marketoId: 1, email: 'a@x' })
      await store.identify(again.requestId, { identifiers, canonicalKey }, '{}')
      const ownerOf = async (recordId: string) =>
        (await sync.findReplicas({ records: [{ recordType, recordId }] }))[0]?.linkId
      const ids = [recordId, again.link.recordId, deriveRecordId(recordType, 'email:a@x', 0)]
      assert.deepEqual(await Promise.all(ids.map(ownerOf)), [linkId, undefined, linkId])
    })

    test('a request that was under way when the record was deleted can have the next one', async (under) => {
      const { store, sync } = under
      const { linkId, recordType, recordId } = await bring('linked', under)
      const { requestId } = await accept(store, newRequest({ marketoId: 1 }))
      await move(sync, { kind: 'tombstone', linkId, recordType, recordId })
      assert.equal((await store.takeUp(requestId, LATER, NOW))?.link.state, 'tombstoned')
      await store.confirmDeleted(requestId, recordId, 'lead')
      const work = await store.takeUp(requestId, LATER, NOW)
      assert.deepEqual([work?.leased, work?.link.state, work?.link.generation], [true, 'claimed', 1])
    })

    test('a look at the record that is older than the word of its deletion does not revive it', async (under) => {
      const { store, sync } = under
      const { linkId, recordType, recordId } = await bring('linked', under)
      for (const [provenAt, state] of [
        [NOW - 1, 'tombstoned'],
        [NOW, 'tombstoned'],
        [NOW + 1, 'linked'],
      ] as const) {
        const { requestId } = await accept(store, newRequest({ marketoId: 1 }))
        await move(sync, { kind: 'tombstone', linkId, recordType, recordId })
        await store.settle(requestId, { kind: 'linked', recordType, recordId, provenAt }, LATER)
        assert.equal((await replicaOf(sync, linkId)).state, state)
        await move(sync, { kind: 'restore', linkId })
      }
    })

    test('an orphan exists for who knows its e-mail, and is linked again by another person', async (under) => {
      const { store, sync } = under
      const orphan = await bring('orphaned', under)
      const { linkId } = orphan
      await sync.save({ now: NOW, replicas: [{ ...orphan, ...KNOWN }] })
      await create(store, newRequest({ email: 'a@x' }))
      assert.equal((await replicaOf(sync, linkId)).state, 'orphaned')
      const { link } = await accept(store, newRequest({ marketoId: 2, email: 'a@x' }, { now: NOW }))
      assert.deepEqual([link.linkId, link.state, link.marketoId], [linkId, 'linked', 2])
      const after = await replicaOf(sync, linkId)
      const { recordType, recordId, dirtySince } = orphan
      assert.deepEqual(after, {
        ...EMPTY,
        ...{ linkId, state: 'linked', recordType, recordId, marketoId: 2, version: after.version },
        ...{ dueAt: NOW, dirtySince },
      })
    })

    test('a record without a person gets the one who is sent, and its row need not be read again', async ({
      store,
      sync,
    }) => {
      const before = await enter(sync, 'r1', { email: 'a@x', dynamics: EK, etag: 'W/"1"' })
      await accept(store, newRequest({ marketoId: 3, email: 'a@x' }, { now: LATER }))
      const after = await replicaOf(sync, before.linkId)
      assert.deepEqual(after, {
        ...before,
        ...{ marketoId: 3, dueAt: LATER, dirtySince: LATER, version: before.version + 1 },
      })
      assert.deepEqual(await sync.save({ now: LATER, replicas: [before] }), { kind: 'stale' })
    })

    test('a person whose record turns out to have a link already is merged into that', async ({
      store,
      sync,
    }) => {
      const taken = await enter(sync, 'r1', KNOWN)
      const asked = await accept(store, newRequest({ marketoId: 1, email: 'a@x' }))
      const early = await replicaOf(sync, asked.link.linkId)
      const proof = { kind: 'linked', recordType: 'lead', recordId: 'r1', provenAt: NOW } as const
      assert.equal((await store.settle(asked.requestId, proof, NOW)).outcome.outcome, 'exists')
      const [found] = await sync.findReplicas({ marketoIds: [1] })
      assert.deepEqual(
        [found?.linkId, found?.marketoId, found?.dueAt, found?.marketo],
        [taken.linkId, 1, NOW, undefined],
      )
      assert.deepEqual(await sync.save({ now: NOW, replicas: [early] }), { kind: 'stale' })
    })

    test('a person who was sent anew stays with their new link when an old request ends late', async (under) => {
      const { store, sync } = under
      const { linkId, recordType, recordId } = await bring('linked', under)
      const late = await accept(store, newRequest({ marketoId: 1, email: 'a@x' }))
      await move(sync, { kind: 'orphan', linkId, marketoId: 1 })
      const anew = await accept(store, newRequest({ marketoId: 1, email: 'b@x' }))
      await store.settle(late.requestId, { kind: 'linked', recordType, recordId, provenAt: NOW }, NOW)
      assert.equal((await replicaOf(sync, linkId)).marketoId, undefined)
      assert.equal((await replicaOf(sync, anew.link.linkId)).marketoId, 1)
    })

    test('a record that turns out to be another one is to be read anew', async (under) => {
      const { store, sync } = under
      const before = await bring('linked', under)
      await sync.save({ now: NOW, replicas: [{ ...before, ...KNOWN }] })
      const { requestId } = await accept(store, newRequest({ marketoId: 1 }))
      await store.settle(requestId, { kind: 'linked', ...CONTACT, provenAt: NOW }, NOW)
      const after = await replicaOf(sync, before.linkId)
      const { linkId } = before
      assert.deepEqual(after, {
        ...EMPTY,
        ...{ linkId, state: 'linked', ...CONTACT, marketoId: 1, dueAt: NOW, dirtySince: NOW },
        version: after.version,
      })
    })
  })
}
