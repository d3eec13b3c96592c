import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Alias, AliasChange, Other } from '../../src/store/sync-port.ts'
import { accept, create, newRequest } from './contract.ts'
import { enter, move, NOW, replicaOf, type SyncStoreUnderTest } from './sync-contract.ts'

const person = (marketoId: number): Other => ({ kind: 'marketo', marketoId })
const lead = (recordId: string): Other => ({ kind: 'record', recordType: 'lead', recordId })
const SHARED = { side: 'marketo', code: 'person-shared', advice: 'Merge them.' } as const
const LATER = NOW + 1_000

/** What every driver must remember of those who share a link with its own person and record. */
export function aliasContract(name: string, open: () => Promise<SyncStoreUnderTest>): void {
  const test = (title: string, run: (under: SyncStoreUnderTest) => Promise<void>) =>
    it(title, async () => {
      await using under = await open()
      await run(under)
    })
  /** People before records. */
  const dueIn = async ({ sync }: SyncStoreUnderTest, now = NOW) => {
    const byName = (one: Alias, other: Alias) => nameIn(one).localeCompare(nameIn(other))
    return (await sync.dueAliases(9, now)).sort(byName).map(shown)
  }
  const look = ({ sync }: SyncStoreUnderTest, ...aliases: AliasChange[]) => sync.save({ now: NOW, aliases })
  const failuresIn = async ({ sync }: SyncStoreUnderTest) =>
    (await sync.readFailures({ limit: 9 })).map(({ code, other, marketoId, recordId, attempts }) => {
      return { code, other, marketoId, recordId, attempts }
    })

  describe(`the sync store on ${name}: aliases`, () => {
    test('a second person with the e-mail of a link is to be looked at, once the record is there', async (under) => {
      const first = await accept(under.store, newRequest({ marketoId: 1, email: 'a@x' }))
      await accept(under.store, newRequest({ marketoId: 2, email: 'a@x' }))
      assert.deepEqual(await dueIn(under), [])
      await create(under.store, newRequest({ marketoId: 1, email: 'a@x' }))
      assert.deepEqual(await dueIn(under), [[person(2), first.link.linkId, 1]])
      await look(under, { other: person(2), dueAt: LATER })
      assert.deepEqual(await dueIn(under), [], 'not again for a while')
      await accept(under.store, newRequest({ marketoId: 2, email: 'a@x' }))
      assert.deepEqual(await dueIn(under), [], 'nor because they come again')
      assert.equal((await dueIn(under, LATER)).length, 1)
    })

    test('a link that is merged away leaves its person and its record to be looked at', async (under) => {
      const one = await enter(under.sync, 'r1', { marketoId: 1 })
      const two = await enter(under.sync, 'r2', { marketoId: 2 })
      await move(under.sync, { kind: 'merge', linkId: two.linkId, into: one.linkId })
      assert.deepEqual(await dueIn(under), [
        [person(2), one.linkId, 1],
        [lead('r2'), one.linkId, 1],
      ])
    })

    test('a second record is looked at again when the own one of its link is deleted', async (under) => {
      const one = await enter(under.sync, 'r1', { marketoId: 1 })
      const two = await enter(under.sync, 'r2', { marketoId: 2 })
      await move(under.sync, { kind: 'merge', linkId: two.linkId, into: one.linkId })
      await look(under, { other: person(2) }, { other: lead('r2'), dueAt: LATER })
      assert.deepEqual(await dueIn(under), [])
      await move(under.sync, { kind: 'tombstone', linkId: one.linkId, recordType: 'lead', recordId: 'r1' })
      assert.deepEqual(await dueIn(under), [[lead('r2'), one.linkId, 1]])
    })

    test('the record that was reserved for a person who turns out to be known is no record', async (under) => {
      const one = await enter(under.sync, 'r1', { marketoId: 1, email: 'a@x' })
      await accept(under.store, newRequest({ marketoId: 2 }))
      await accept(under.store, newRequest({ marketoId: 2, email: 'a@x' }))
      assert.deepEqual(await dueIn(under), [[person(2), one.linkId, 1]])
    })

    test('a failure of an alias stays open whatever becomes of the others, until a look has shown that it is over', async (under) => {
      const one = await enter(under.sync, 'r1', { marketoId: 1 })
      const two = await enter(under.sync, 'r2', { marketoId: 2 })
      await move(under.sync, { kind: 'merge', linkId: two.linkId, into: one.linkId })
      const open = { other: person(2), dueAt: LATER, failure: SHARED }
      await look(under, open, { other: lead('r2') })
      await look(under, { ...open, failure: { ...SHARED, advice: 'Merge them, please.' } })
      const failure = { code: 'person-shared', other: person(2), marketoId: 1, recordId: 'r1', attempts: 2 }
      assert.deepEqual(await failuresIn(under), [failure])
      const refused = { side: 'dynamics', code: 'person-shared', advice: 'a' } as const
      await under.sync.save({ now: NOW, failures: [{ linkId: one.linkId, failures: [refused] }] })
      assert.equal((await failuresIn(under)).length, 2)
      await under.sync.save({ now: NOW, failures: [{ linkId: one.linkId, failures: [] }] })
      assert.deepEqual(await failuresIn(under), [failure])
      const [read] = await under.sync.readFailures({ limit: 9 })
      assert.deepEqual([read?.nextAttemptAt, read?.advice], [LATER, 'Merge them, please.'])
      assert.equal(
        (await under.store.readActivities(1, 9)).filter(({ code }) => code === 'person-shared').length,
        2,
      )

      assert.equal(await under.sync.retryFailure(read?.failureId ?? 0, NOW), true)
      assert.equal((await dueIn(under)).length, 1)
      assert.deepEqual(
        await under.sync.due(9, NOW),
        [await replicaOf(under.sync, one.linkId)],
        'as the merge left it',
      )
      await look(under, { other: person(2) })
      assert.deepEqual(await failuresIn(under), [])
    })

    for (const [title, end] of [
      ['is deleted', { kind: 'orphan', linkId: 0, marketoId: 2 }],
      ['becomes the link’s own', { kind: 'person', linkId: 0, marketoId: 2 }],
    ] as const) {
      test(`the failure of a person who ${title} is over, and the other aliases are looked at anew`, async (under) => {
        const one = await enter(under.sync, 'r1', { marketoId: 1 })
        for (const [index, id] of [2, 3].entries()) {
          const other = await enter(under.sync, `r${index + 2}`, { marketoId: id })
          await move(under.sync, { kind: 'merge', linkId: other.linkId, into: one.linkId })
        }
        const records = [{ other: lead('r2') }, { other: lead('r3') }]
        const people = [2, 3].map((id) => ({ other: person(id), dueAt: LATER, failure: SHARED }))
        await look(under, ...records, ...people)
        await move(under.sync, { ...end, linkId: one.linkId })
        const due = await dueIn(under)
        assert.deepEqual(due.at(-1), [person(3), one.linkId, end.kind === 'person' ? 2 : 1])
        assert.deepEqual(
          (await failuresIn(under)).map(({ other }) => other),
          [person(3)],
        )
        assert.equal(due.length, end.kind === 'person' ? 2 : 1, 'the former own person is an alias now')
      })
    }

    test('a former record that the link has again is none, and nothing is said of a link’s own', async (under) => {
      const { linkId } = await enter(under.sync, 'r1', { marketoId: 1 })
      await move(under.sync, { kind: 'record', linkId, recordType: 'lead', recordId: 'r2' })
      const shared = { ...SHARED, side: 'dynamics', code: 'record-shared' } as const
      await look(under, { other: lead('r1'), dueAt: NOW, seen: { a: 1 }, failure: shared })
      await look(under, { other: lead('r1'), dueAt: NOW, failure: shared })
      assert.deepEqual(await under.sync.formerRecords([record('r1'), record('r2'), record('r3')]), [
        {
          other: lead('r1'),
          link: { linkId, state: 'linked', ...record('r2'), marketoId: 1 },
          seen: { a: 1 },
        },
      ])
      assert.equal((await failuresIn(under)).length, 1)
      await move(under.sync, { kind: 'record', linkId, recordType: 'lead', recordId: 'r1' })
      await look(
        under,
        { other: lead('r1'), dueAt: NOW, failure: shared },
        { other: person(1), failure: SHARED },
      )
      assert.deepEqual([await failuresIn(under), await dueIn(under)], [[], []])
    })

    test('the former records of a claim are looked at once a request has ended without a record, its people are not', async (under) => {
      const one = await enter(under.sync, 'r1', { marketoId: 1, email: 'a@x' })
      const two = await enter(under.sync, 'r2', { marketoId: 2 })
      await move(under.sync, { kind: 'merge', linkId: two.linkId, into: one.linkId })
      await look(under, { other: person(2), dueAt: LATER }, { other: lead('r2'), dueAt: LATER })
      await move(under.sync, { kind: 'tombstone', linkId: one.linkId, recordType: 'lead', recordId: 'r1' })
      await look(under, { other: person(2), dueAt: LATER }, { other: lead('r2'), dueAt: LATER })
      const { requestId, link } = await accept(under.store, newRequest({ marketoId: 1, email: 'a@x' }))
      assert.deepEqual([link.state, await dueIn(under)], ['claimed', []])
      const failed = { kind: 'failed', code: 'field-required', advice: 'Fill it.' } as const
      await under.store.settle(requestId, failed, NOW)
      assert.deepEqual(await dueIn(under), [[lead('r2'), one.linkId, 1]])
    })

    test('the record that a link had is to be looked at when a request proves another one of the same person', async (under) => {
      const one = await enter(under.sync, 'r1', { marketoId: 1, email: 'a@x' })
      const { requestId } = await accept(under.store, newRequest({ marketoId: 1, email: 'a@x' }))
      await under.store.settle(requestId, { kind: 'linked', ...record('r2'), provenAt: NOW }, NOW)
      assert.equal((await replicaOf(under.sync, one.linkId)).recordId, 'r2')
      assert.deepEqual(await dueIn(under), [[lead('r1'), one.linkId, 1]])
    })

    test('a person whom Marketo does not know any more leaves the record to the one who comes, who agrees on nothing yet', async (under) => {
      const known = { shadow: { a: 1 }, marketo: { a: 1 }, dynamics: { a: 1 }, etag: 'W/"1"' }
      const { linkId } = await enter(under.sync, 'r1', { marketoId: 1, email: 'a@x', ...known })
      const { requestId } = await accept(under.store, newRequest({ marketoId: 2, email: 'a@x' }))
      const settlement = { kind: 'linked', ...record('r1'), provenAt: NOW, gone: 1 } as const
      assert.deepEqual((await under.store.settle(requestId, settlement, NOW)).outcome, {
        outcome: 'exists',
        ...record('r1'),
      })
      const { state, marketoId, shadow, marketo, dirtySince } = await replicaOf(under.sync, linkId)
      assert.deepEqual(
        [state, marketoId, shadow, marketo, dirtySince],
        ['linked', 2, undefined, undefined, NOW],
      )
      assert.deepEqual(await under.sync.findReplicas({ marketoIds: [1] }), [])
      assert.deepEqual(await dueIn(under), [])
    })

    test('a person who came to a record that another link has takes it over from one who is gone', async (under) => {
      const { linkId } = await enter(under.sync, 'r1', { marketoId: 1 })
      const { requestId } = await accept(under.store, newRequest({ marketoId: 2, email: 'b@x' }))
      const settlement = { kind: 'linked', ...record('r1'), provenAt: NOW, gone: 1 } as const
      await under.store.settle(requestId, settlement, NOW)
      assert.equal((await replicaOf(under.sync, linkId)).marketoId, 2)
      assert.deepEqual([await dueIn(under), await under.sync.hasOrphans()], [[], false])
    })

    test('that another one than the link’s own is gone changes nothing', async (under) => {
      const { linkId } = await enter(under.sync, 'r1', { marketoId: 1, email: 'a@x' })
      const { requestId } = await accept(under.store, newRequest({ marketoId: 2, email: 'a@x' }))
      const why = { code: 'person-shared', advice: 'a' }
      const settlement = { kind: 'linked', ...record('r1'), provenAt: NOW, gone: 7, ...why } as const
      assert.deepEqual((await under.store.settle(requestId, settlement, NOW)).outcome, {
        outcome: 'exists',
        ...record('r1'),
        ...why,
      })
      assert.equal((await replicaOf(under.sync, linkId)).marketoId, 1)
    })

    test('a claim is under way while its request is open, and while a create may still land', async (under) => {
      const { store, sync } = under
      const claim = (email: string) => accept(store, newRequest({ email }))
      const [open, failed, unknown] = [await claim('a@x'), await claim('b@x'), await claim('c@x')]
      const made = await create(store, newRequest({ email: 'd@x' }))
      const linkIds = [open, failed, unknown, made].map(({ link }) => link.linkId)
      assert.deepEqual((await sync.claimsUnderWay(linkIds)).sort(), linkIds.slice(0, 3).sort())
      for (const { requestId, link } of [failed, unknown]) {
        await store.storeIntent(requestId, link.recordId, '{}', NOW)
      }
      const advice = 'a'
      await store.settle(failed.requestId, { kind: 'failed', code: 'business-rule', advice }, NOW)
      await store.settle(unknown.requestId, { kind: 'ambiguous', code: 'ambiguous-match', advice }, NOW)
      const left = [open.link.linkId, unknown.link.linkId]
      assert.deepEqual((await sync.claimsUnderWay(linkIds)).sort(), left.sort())
    })

    test('the people of a link are found by it', async ({ store, sync }) => {
      const { linkId } = await enter(sync, 'r1', { marketoId: 5, email: 'a@x' })
      await accept(store, newRequest({ marketoId: 2, email: 'a@x' }))
      assert.deepEqual(await sync.peopleOf([linkId]), [
        { linkId, marketoId: 2 },
        { linkId, marketoId: 5 },
      ])
    })

    test('records without a person are found by the e-mail of their link and by their own', async ({
      sync,
    }) => {
      const named = await enter(sync, 'r1', { marketoId: 1, email: 'a@x' })
      const second = await enter(sync, 'r2', { marketoId: 2, dynamics: { email: 'A@x', phone: '1' } })
      await enter(sync, 'r3', { dynamics: { email: 'a@x' } })
      const found = async () => (await sync.orphansWith(['b@x', 'a@x'])).map(({ linkId }) => linkId).sort()
      assert.deepEqual([await sync.hasOrphans(), await found()], [false, []])
      await move(sync, { kind: 'orphan', linkId: second.linkId, marketoId: 2 })
      assert.deepEqual([await sync.hasOrphans(), await found()], [true, [second.linkId]])
      await move(sync, { kind: 'orphan', linkId: named.linkId, marketoId: 1 })
      assert.deepEqual(await found(), [named.linkId, second.linkId])
      assert.deepEqual(await sync.orphansWith(['b@x']), [])
    })
  })
}

function record(recordId: string) {
  return { recordType: 'lead', recordId } as const
}

function nameIn({ other }: Alias): string {
  return other.kind === 'marketo' ? `${other.kind} ${other.marketoId}` : `${other.kind} ${other.recordId}`
}

function shown({ other, link }: Alias): unknown[] {
  return [other, link.linkId, link.marketoId]
}
