import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { IN_PROGRESS } from '../../src/errors.ts'
import type { Jobs } from '../../src/jobs/port.ts'
import { recordIdOf } from '../../src/person/identity.ts'
import type {
  Acceptance,
  DeriveRecordId,
  Identifier,
  Identity,
  NewRequest,
  Store,
  Waiting,
  Work,
} from '../../src/store/port.ts'

export interface StoreUnderTest extends AsyncDisposable {
  store: Store
  jobs: Jobs
}

export const deriveRecordId: DeriveRecordId = (recordType, canonicalKey, generation) =>
  recordIdOf('contract.example', recordType, canonicalKey, generation)

const NOW = 1_000_000
const LEASE_UNTIL = NOW + 60_000
const WAITING: Waiting = { code: 'vendor-busy', advice: 'wait', attempts: 0, nextAttemptAt: NOW }
const SETTLE = { kind: 'linked', recordType: 'lead', provenAt: NOW } as const

/** What an endpoint, or Marketo, knows of a person. */
function identity({ marketoId, email }: { marketoId?: number; email?: string }): Identity {
  const identifiers: Identifier[] = []
  if (email !== undefined) identifiers.push({ kind: 'email', value: email })
  if (marketoId !== undefined) identifiers.push({ kind: 'marketo', value: String(marketoId) })
  const first = identifiers[0]
  assert.ok(first)
  const canonicalKey = `${first.kind}:${first.value}`
  return { identifiers, canonicalKey, ...(marketoId !== undefined && { marketoId }) }
}

/** A request as an endpoint makes it; `who` is a Marketo id, an e-mail, or both. */
export function newRequest(
  who: { marketoId?: number; email?: string },
  more: Partial<NewRequest> = {},
): NewRequest {
  return {
    ...identity(who),
    requestId: randomUUID(),
    source: 'rest',
    caller: 'tests',
    recordType: 'lead',
    payload: '{}',
    batch: false,
    leaseUntil: LEASE_UNTIL,
    now: NOW,
    ...more,
  }
}

export async function accept(store: Store, request: NewRequest): Promise<Work> {
  const acceptance: Acceptance = await store.acceptRequest(request)
  assert.ok(acceptance.kind === 'accepted', `the request was ${acceptance.kind}`)
  return acceptance.work
}

/** Accepts a request, stores its intent and settles it as if its create had gone through. */
export async function create(store: Store, request: NewRequest): Promise<Work> {
  const work = await accept(store, request)
  await store.storeIntent(work.requestId, work.link.recordId, '{}', NOW)
  await store.settle(work.requestId, { ...SETTLE, recordId: work.link.recordId }, NOW)
  return work
}

/** What every driver of the store must do. One suite for all of them. */
export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  const test = (title: string, run: (under: StoreUnderTest) => Promise<void>) =>
    it(title, async () => {
      await using under = await open()
      await run(under)
    })

  describe(`the store on ${name}: claims`, () => {
    test('a person seen for the first time gets a link with the derived record id and the lease', async ({
      store,
    }) => {
      const { link, leased } = await accept(store, newRequest({ marketoId: 1, email: 'a@x' }))
      const { linkId, ...rest } = link
      assert.deepEqual(rest, {
        state: 'claimed',
        canonicalKey: 'email:a@x',
        recordType: 'lead',
        recordId: deriveRecordId('lead', 'email:a@x', 0),
        generation: 0,
        marketoId: 1,
      })
      assert.equal(leased, true)
    })

    test('a twin gets the same link, not the lease, and the record type of the first', async ({ store }) => {
      const first = await accept(store, newRequest({ email: 'a@x' }))
      const twin = await accept(store, newRequest({ email: 'a@x' }, { recordType: 'contact' }))
      assert.deepEqual(twin.link, first.link)
      assert.equal(twin.leased, false)
    })

    test('an expired lease goes to the next who asks, and back to nobody else', async ({ store }) => {
      await accept(store, newRequest({ email: 'a@x' }))
      const twin = await accept(store, newRequest({ email: 'a@x' }))
      const early = await store.takeUp(twin.requestId, LEASE_UNTIL * 2, LEASE_UNTIL - 1)
      const late = await store.takeUp(twin.requestId, LEASE_UNTIL * 2, LEASE_UNTIL)
      assert.deepEqual([early?.leased, late?.leased], [false, true])
    })

    test('a released lease is free at once', async ({ store }) => {
      const first = await accept(store, newRequest({ email: 'a@x' }))
      const twin = await accept(store, newRequest({ email: 'a@x' }))
      await store.release(first.requestId)
      assert.equal((await store.takeUp(twin.requestId, LEASE_UNTIL, NOW))?.leased, true)
    })

    test('a person first seen by id, then by id and e-mail, is one link with both names', async ({
      store,
    }) => {
      const byId = await accept(store, newRequest({ marketoId: 1 }))
      const both = await accept(store, newRequest({ marketoId: 1, email: 'a@x' }))
      const byEmail = await accept(store, newRequest({ email: 'a@x' }))
      assert.deepEqual([both.link.linkId, byEmail.link.linkId], [byId.link.linkId, byId.link.linkId])
      assert.equal(byEmail.link.canonicalKey, 'marketo:1')
    })

    test('two links that turn out to be one person become one while nothing was sent for one of them', async ({
      store,
    }) => {
      const byId = await accept(store, newRequest({ marketoId: 1 }))
      const byEmail = await create(store, newRequest({ email: 'a@x' }))
      const both = await accept(store, newRequest({ marketoId: 1, email: 'a@x' }))
      assert.equal(both.link.linkId, byEmail.link.linkId)
      const earlier = await store.takeUp(byId.requestId, LEASE_UNTIL, NOW)
      assert.equal(earlier?.link.linkId, byEmail.link.linkId, 'the open request moved along')
    })

    test('a link whose create may be under way is never merged away', async ({ store }) => {
      const byId = await accept(store, newRequest({ marketoId: 1 }))
      await store.storeIntent(byId.requestId, byId.link.recordId, '{}', NOW)
      await create(store, newRequest({ email: 'a@x' }))
      const both = await accept(store, newRequest({ marketoId: 1, email: 'a@x' }))
      assert.equal(both.link.linkId, byId.link.linkId)
    })

    test('a second person with the same e-mail shares the record, and the link stays with the first', async ({
      store,
    }) => {
      const first = await create(store, newRequest({ marketoId: 1, email: 'a@x' }))
      const second = await accept(store, newRequest({ marketoId: 2, email: 'a@x' }))
      assert.equal(second.link.linkId, first.link.linkId)
      assert.equal(second.link.marketoId, 1)
      const aliased = await store.readPerson(2)
      assert.equal(aliased?.link.recordId, first.link.recordId)
    })

    test('a person who came with an id alone takes the key of their e-mail once it is known', async ({
      store,
    }) => {
      const work = await accept(store, newRequest({ marketoId: 1 }))
      await store.identify(work.requestId, identity({ marketoId: 1, email: 'a@x' }), '{"more":1}')
      const known = await store.takeUp(work.requestId, LEASE_UNTIL, NOW)
      assert.deepEqual(
        [known?.payload, known?.leased, known?.link.canonicalKey, known?.link.recordId],
        ['{"more":1}', true, 'email:a@x', deriveRecordId('lead', 'email:a@x', 0)],
      )
      const byEmail = await accept(store, newRequest({ email: 'a@x' }))
      assert.equal(byEmail.link.linkId, work.link.linkId)
    })

    test('and joins the link that has the e-mail already', async ({ store }) => {
      const owner = await create(store, newRequest({ email: 'a@x' }))
      const work = await accept(store, newRequest({ marketoId: 1 }))
      await store.identify(work.requestId, identity({ marketoId: 1, email: 'a@x' }), '{}')
      const known = await store.takeUp(work.requestId, LEASE_UNTIL, NOW)
      assert.deepEqual([known?.link.linkId, known?.link.state], [owner.link.linkId, 'linked'])
    })

    test('but keeps its key when a create may be under way, or Marketo knows no e-mail', async ({
      store,
    }) => {
      const sent = await accept(store, newRequest({ marketoId: 1 }))
      await store.storeIntent(sent.requestId, sent.link.recordId, '{}', NOW)
      await store.identify(sent.requestId, identity({ marketoId: 1, email: 'a@x' }), '{}')
      const blank = await accept(store, newRequest({ marketoId: 2 }))
      await store.identify(blank.requestId, identity({ marketoId: 2 }), '{}')
      for (const { requestId, link } of [sent, blank]) {
        assert.equal((await store.takeUp(requestId, LEASE_UNTIL, NOW))?.link.recordId, link.recordId)
      }
    })

    test('an e-mail that its owner gave up is free, and its next user gets another record id', async ({
      store,
    }) => {
      const first = await create(store, newRequest({ marketoId: 1, email: 'a@x' }))
      await accept(store, newRequest({ marketoId: 1, email: 'b@x' }))
      const next = await accept(store, newRequest({ marketoId: 2, email: 'a@x' }))
      assert.notEqual(next.link.linkId, first.link.linkId)
      assert.deepEqual(
        [next.link.generation, next.link.recordId],
        [1, deriveRecordId('lead', 'email:a@x', 1)],
      )
    })

    test('an e-mail is kept while the first create of its owner is not settled', async ({ store }) => {
      const first = await accept(store, newRequest({ marketoId: 1, email: 'a@x' }))
      await accept(store, newRequest({ marketoId: 1, email: 'b@x' }))
      const other = await accept(store, newRequest({ email: 'a@x' }))
      assert.equal(other.link.linkId, first.link.linkId)
    })
  })

  describe(`the store on ${name}: requests and answers`, () => {
    const keyed = (email: string, key: string, bodyHash: string) =>
      newRequest({ email }, { idempotency: { key, bodyHash } })

    test('a key with the same body gives the first request, its outcome and its answer', async ({
      store,
    }) => {
      const first = await accept(store, keyed('a@x', 'k', 'h'))
      const seen = { kind: 'seen', requestId: first.requestId }
      assert.deepEqual(await store.acceptRequest(keyed('a@x', 'k', 'h')), seen)
      const failed = { kind: 'failed', code: 'c', advice: 'a' } as const
      const { outcome } = await store.settle(first.requestId, failed, NOW)
      assert.deepEqual(await store.acceptRequest(keyed('a@x', 'k', 'h')), { ...seen, outcome })
      const answer = { status: 422, body: 'bytes' }
      await store.recordAnswer(first.requestId, answer, undefined, NOW)
      assert.deepEqual(await store.acceptRequest(keyed('a@x', 'k', 'h')), { ...seen, outcome, answer })
    })

    test('a key with another body is a mismatch and claims nothing', async ({ store }) => {
      await accept(store, keyed('a@x', 'k', 'h'))
      assert.deepEqual(await store.acceptRequest(keyed('b@x', 'k', 'other')), { kind: 'mismatch' })
      assert.equal((await accept(store, newRequest({ email: 'b@x' }))).leased, true)
    })

    test('the same key of another caller is another request', async ({ store }) => {
      await accept(store, keyed('a@x', 'k', 'h'))
      await accept(store, { ...keyed('a@x', 'k', 'h'), caller: 'somebody else' })
    })

    test('the first recorded answer wins', async ({ store }) => {
      const { requestId } = await accept(store, keyed('a@x', 'k', 'h'))
      const first = { status: 202, body: 'queued' }
      assert.deepEqual(await store.recordAnswer(requestId, first, WAITING, NOW), first)
      const late = { status: 200, body: 'late' }
      assert.deepEqual(await store.recordAnswer(requestId, late, undefined, NOW), first)
    })

    test('a settled request keeps its first outcome', async ({ store }) => {
      const { requestId } = await accept(store, newRequest({ email: 'a@x' }))
      const first = await store.settle(requestId, { kind: 'failed', code: 'c', advice: 'a' }, NOW)
      assert.equal(first.isFirst, true)
      const second = await store.settle(requestId, { ...SETTLE, recordId: 'r' }, NOW + 1)
      assert.deepEqual(second, { outcome: first.outcome, isFirst: false })
      assert.deepEqual((await store.readRequest(requestId))?.outcome, first.outcome)
    })

    test('an open request says what stands in its way, how often it was tried and when next', async ({
      store,
    }) => {
      const { requestId } = await accept(store, newRequest({ marketoId: 1 }, { batch: true }))
      const waiting = async () => {
        const [activity] = await store.readActivities(1, 1)
        const { code, attempts, nextAttemptAt } = activity ?? {}
        return {
          request: (await store.readRequest(requestId))?.waiting,
          activity: { code, attempts, nextAttemptAt },
        }
      }
      const untouched = { ...IN_PROGRESS, attempts: 0, nextAttemptAt: NOW }
      assert.deepEqual(await waiting(), {
        request: untouched,
        activity: { code: 'in-progress', attempts: 0, nextAttemptAt: NOW },
      })
      for (const [attempts, code] of [
        [1, 'vendor-busy'],
        [2, 'entra-secret-expired'],
      ] as const) {
        const refused = { code, advice: `a${attempts}`, vendorCode: 'v', vendorMessage: 'm' }
        const next = { ...refused, attempts, nextAttemptAt: NOW + attempts }
        await store.postpone(requestId, next)
        assert.deepEqual(await waiting(), {
          request: next,
          activity: { code, attempts, nextAttemptAt: NOW + attempts },
        })
        assert.equal((await store.takeUp(requestId, LEASE_UNTIL, NOW))?.attempts, attempts)
      }
      await store.settle(requestId, { kind: 'failed', code: 'c', advice: 'a' }, NOW)
      await store.postpone(requestId, { code: 'late', advice: 'a', attempts: 9, nextAttemptAt: NOW + 9 })
      const [, queued] = await store.readActivities(1, 2)
      assert.deepEqual(
        [queued?.code, queued?.attempts, queued?.nextAttemptAt],
        ['entra-secret-expired', 2, undefined],
      )
    })

    test('an answer explains a request that no attempt has, and no other', async ({ store }) => {
      const untold = await accept(store, newRequest({ marketoId: 1 }))
      const told = await accept(store, newRequest({ marketoId: 2 }))
      const later = { code: 'later', advice: 'a', attempts: 3, nextAttemptAt: NOW + 3 }
      await store.postpone(told.requestId, later)
      for (const { requestId } of [untold, told]) {
        await store.recordAnswer(requestId, { status: 202, body: '' }, WAITING, NOW)
      }
      assert.deepEqual((await store.readRequest(untold.requestId))?.waiting, WAITING)
      assert.deepEqual((await store.readRequest(told.requestId))?.waiting, later)
    })

    test('open requests are counted by what they wait for, with the age of the oldest', async ({ store }) => {
      assert.deepEqual(await store.readWaiting(), [])
      const expired = { code: 'entra-secret-expired', advice: 'a', attempts: 1, nextAttemptAt: NOW }
      for (const [marketoId, now] of [
        [1, NOW + 7],
        [2, NOW + 5],
        [3, NOW + 6],
      ] as const) {
        const { requestId } = await accept(store, newRequest({ marketoId }, { now }))
        if (marketoId < 3) await store.postpone(requestId, expired)
      }
      const over = await accept(store, newRequest({ marketoId: 4 }))
      await store.settle(over.requestId, { kind: 'failed', code: 'c', advice: 'a' }, NOW)
      assert.deepEqual(await store.readWaiting(), [
        { code: 'entra-secret-expired', requests: 2, oldestAt: NOW + 5 },
        { code: 'in-progress', requests: 1, oldestAt: NOW + 6 },
      ])
    })

    test('what a person said is erased when the request is settled', async ({ store }) => {
      const { requestId } = await accept(store, newRequest({ email: 'a@x' }, { payload: '{"secret":1}' }))
      assert.equal((await store.takeUp(requestId, LEASE_UNTIL, NOW))?.payload, '{"secret":1}')
      await store.settle(requestId, { kind: 'failed', code: 'c', advice: 'a' }, NOW)
      assert.equal((await store.takeUp(requestId, LEASE_UNTIL, NOW))?.payload, '')
    })

    test('an unknown request is undefined', async ({ store }) => {
      assert.equal(await store.readRequest('nobody'), undefined)
      assert.equal(await store.takeUp('nobody', LEASE_UNTIL, NOW), undefined)
    })
  })

  describe(`the store on ${name}: intents and endings`, () => {
    test('created goes to the request whose intent it was, exists to any other, in either order', async ({
      store,
    }) => {
      const first = await accept(store, newRequest({ email: 'a@x' }))
      const twin = await accept(store, newRequest({ email: 'a@x' }))
      const { recordId } = first.link
      await store.storeIntent(first.requestId, recordId, '{"by":"first"}', NOW)
      const resumed = await store.storeIntent(twin.requestId, recordId, '{"by":"twin"}', NOW)
      assert.deepEqual(resumed, { kind: 'stored', columns: '{"by":"twin"}', resumed: true })
      const { outcome: ofTwin } = await store.settle(twin.requestId, { ...SETTLE, recordId }, NOW)
      const { outcome: ofFirst } = await store.settle(first.requestId, { ...SETTLE, recordId }, NOW)
      assert.deepEqual([ofFirst.outcome, ofTwin.outcome], ['created', 'exists'])
    })

    test('the same request sends the columns that it stored first', async ({ store }) => {
      const { requestId, link } = await accept(store, newRequest({ email: 'a@x' }))
      const first = await store.storeIntent(requestId, link.recordId, '{"v":1}', NOW)
      const again = await store.storeIntent(requestId, link.recordId, '{"v":2}', NOW)
      assert.deepEqual(
        [first, again],
        [
          { kind: 'stored', columns: '{"v":1}', resumed: false },
          { kind: 'stored', columns: '{"v":1}', resumed: true },
        ],
      )
    })

    test('an intent of a request that failed passes to the next one', async ({ store }) => {
      const first = await accept(store, newRequest({ email: 'a@x' }))
      await store.storeIntent(first.requestId, first.link.recordId, '{}', NOW)
      await store.settle(first.requestId, { kind: 'failed', code: 'c', advice: 'a' }, NOW)
      const next = await create(store, newRequest({ email: 'a@x' }))
      assert.equal((await store.readRequest(next.requestId))?.outcome?.outcome, 'created')
    })

    test('no intent is stored for a link that was linked meanwhile', async ({ store }) => {
      const first = await accept(store, newRequest({ email: 'a@x' }))
      const twin = await accept(store, newRequest({ email: 'a@x' }))
      await store.settle(first.requestId, { ...SETTLE, recordId: 'adopted' }, NOW)
      const intent = await store.storeIntent(twin.requestId, twin.link.recordId, '{}', NOW)
      assert.deepEqual(intent, { kind: 'moved' })
    })

    test('a record that another link names already joins the two, and exists', async ({ store }) => {
      const owner = await create(store, newRequest({ marketoId: 1, email: 'a@x' }))
      const other = await accept(store, newRequest({ marketoId: 2, email: 'b@x' }))
      const { recordId } = owner.link
      const { outcome } = await store.settle(other.requestId, { ...SETTLE, recordId }, NOW)
      assert.equal(outcome.outcome, 'exists')
      assert.equal((await store.readPerson(2))?.link.linkId, owner.link.linkId)
      assert.equal((await store.readPerson(1))?.link.marketoId, 1)
    })

    test('a link remembers its latest proof, not the latest request', async ({ store }) => {
      await create(store, newRequest({ marketoId: 1, email: 'a@x' }))
      const later = await accept(store, newRequest({ marketoId: 1 }))
      const { recordId } = later.link
      await store.settle(later.requestId, { ...SETTLE, recordId, provenAt: NOW - 1 }, NOW + 5_000)
      assert.equal((await store.readPerson(1))?.link.provenAt, NOW)
    })

    test('an ambiguous match exists and links nothing', async ({ store }) => {
      const { requestId } = await accept(store, newRequest({ marketoId: 1, email: 'a@x' }))
      const { outcome } = await store.settle(requestId, { kind: 'ambiguous', code: 'c', advice: 'a' }, NOW)
      assert.deepEqual(outcome, { outcome: 'exists', code: 'c', advice: 'a' })
      assert.equal((await store.readPerson(1))?.link.state, 'claimed')
    })

    test('a confirmed deletion raises the generation once', async ({ store }) => {
      const { requestId, link } = await create(store, newRequest({ marketoId: 1, email: 'a@x' }))
      const next = await accept(store, newRequest({ marketoId: 1 }))
      await store.confirmDeleted(next.requestId, link.recordId, 'contact')
      await store.confirmDeleted(requestId, link.recordId, 'lead')
      const raised = (await store.readPerson(1))?.link
      assert.deepEqual(
        [raised?.state, raised?.generation, raised?.recordType, raised?.recordId],
        ['claimed', 1, 'contact', deriveRecordId('contact', 'email:a@x', 1)],
      )
    })

    test('a link that was merged away after its request ended stays so, whatever a late worker has seen', async ({
      store,
    }) => {
      const ended = await create(store, newRequest({ email: 'a@x' }))
      const open = await accept(store, newRequest({ email: 'a@x' }))
      const other = await create(store, newRequest({ email: 'b@x' }))
      await store.settle(open.requestId, { ...SETTLE, recordId: other.link.recordId }, NOW)
      await store.confirmDeleted(ended.requestId, ended.link.recordId, 'lead')
      assert.equal((await store.takeUp(ended.requestId, LEASE_UNTIL, NOW))?.link.state, 'merged')
    })

    test('a record id that another link reserved is skipped', async ({ store }) => {
      await create(store, newRequest({ marketoId: 1, email: 'a@x' }))
      await accept(store, newRequest({ marketoId: 1, email: 'b@x' }))
      await create(store, newRequest({ marketoId: 2, email: 'a@x' }))
      const first = (await store.readPerson(1))?.link
      assert.ok(first)
      const again = await accept(store, newRequest({ marketoId: 1 }))
      await store.confirmDeleted(again.requestId, first.recordId, 'lead')
      assert.equal((await store.readPerson(1))?.link.generation, 2)
    })
  })

  describe(`the store on ${name}: log and keeping`, () => {
    test("a person's activities come newest first, page by page, and nobody else's", async ({ store }) => {
      for (const marketoId of [1, 2, 1, 1]) {
        const { requestId } = await accept(store, newRequest({ marketoId }))
        await store.settle(requestId, { kind: 'failed', code: 'c', advice: 'a', field: 'lastname' }, NOW)
      }
      const page = await store.readActivities(1, 2)
      const last = page.at(-1)
      assert.ok(last)
      const rest = await store.readActivities(1, 2, last.activityId)
      assert.deepEqual([page.length, rest.length], [2, 1])
      const [first, second] = page
      assert.ok(first && second && first.activityId > second.activityId)
      assert.deepEqual(
        { ...first, activityId: 0, requestId: '' },
        {
          activityId: 0,
          requestId: '',
          at: NOW,
          source: 'rest',
          marketoId: 1,
          outcome: 'failed',
          code: 'c',
          advice: 'a',
          field: 'lastname',
        },
      )
    })

    test('queued is logged once, with the campaign, and not after the outcome', async ({ store }) => {
      const campaign = { id: '7', name: 'Fair', type: 'batch' } as const
      const { requestId } = await accept(store, newRequest({ marketoId: 1 }, { batch: true, campaign }))
      const answer = { status: 202, body: '' }
      await store.recordAnswer(requestId, answer, WAITING, NOW)
      await store.settle(requestId, { kind: 'failed', code: 'c', advice: 'a' }, NOW)
      await store.recordAnswer(requestId, answer, WAITING, NOW)
      const log = await store.readActivities(1, 10)
      assert.deepEqual(
        log.map(({ outcome, campaign: of }) => [outcome, of]),
        [
          ['failed', campaign],
          ['queued', campaign],
        ],
      )
    })

    test('what is unattended at the endpoint is logged as queued and is the real-time lane’s at once', async ({
      store,
      jobs,
    }) => {
      const campaign = { id: '7', program: { id: '9', name: 'Fairs' }, trigger: 'Fills Out Form' }
      const request = newRequest({ marketoId: 1 }, { source: 'flow-step', unattended: true, campaign })
      const { requestId, leased } = await accept(store, request)
      assert.equal(leased, false)
      const [{ source, outcome, campaign: of } = {}] = await store.readActivities(1, 1)
      assert.deepEqual([source, outcome, of], ['flow-step', 'queued', campaign])
      assert.deepEqual(await jobs.claim('real-time', 9, NOW), [{ requestId, crashes: 0 }])
    })

    test('what is settled and old is forgotten; links and open requests stay', async ({ store }) => {
      const old = await create(store, newRequest({ marketoId: 1, email: 'a@x' }))
      const open = await accept(store, newRequest({ marketoId: 2 }))
      await create(store, newRequest({ marketoId: 3 }))
      assert.deepEqual(await store.prune(NOW, 1), { requests: 0, activities: 0 })
      assert.deepEqual(await store.prune(NOW + 1, 1), { requests: 1, activities: 1 })
      assert.deepEqual(await store.prune(NOW + 1, 9), { requests: 1, activities: 1 })
      assert.equal(await store.readRequest(old.requestId), undefined)
      assert.ok(await store.readRequest(open.requestId))
      assert.equal((await store.readPerson(1))?.link.state, 'linked')
    })

    test('text that no database likes is no reason to refuse a person', async ({ store }) => {
      const strange = 'a\0b\ud800c \\u0000 \\\\ \u{1f600}'
      const work = await accept(
        store,
        newRequest(
          { email: 'a@x' },
          {
            payload: JSON.stringify({ strange }),
            campaign: { name: strange },
            idempotency: { key: strange, bodyHash: 'h' },
            unattended: true,
          },
        ),
      )
      const taken = await store.takeUp(work.requestId, LEASE_UNTIL, NOW)
      assert.deepEqual(JSON.parse(taken?.payload ?? ''), { strange })
      const { outcome: settled } = await store.settle(
        work.requestId,
        { kind: 'failed', code: 'c', advice: strange },
        NOW,
      )
      assert.equal(settled.outcome, 'failed')
      const answer = { status: 422, body: JSON.stringify({ strange }) }
      assert.deepEqual(await store.recordAnswer(work.requestId, answer, undefined, NOW), answer)
      assert.match(String((await store.readRequest(work.requestId))?.outcome?.advice), /^a.b.c /su)
    })

    test('a verb that throws takes nothing else with it', async ({ store }) => {
      const [first, unknown, other] = await Promise.allSettled([
        store.acceptRequest(newRequest({ email: 'a@x' })),
        store.settle('unknown', { kind: 'failed', code: 'c', advice: 'a' }, NOW),
        store.acceptRequest(newRequest({ email: 'b@x' })),
      ])
      assert.deepEqual([first.status, unknown.status, other.status], ['fulfilled', 'rejected', 'fulfilled'])
    })
  })

  describe(`the store on ${name}: jobs`, () => {
    test('a request is made with its job in its lane, and settled with it', async ({ store, jobs }) => {
      const lanes = [{ batch: false, unattended: true }, { batch: true }] as const
      for (const [index, lane] of (['real-time', 'batch'] as const).entries()) {
        const { requestId } = await accept(store, newRequest({ marketoId: index }, lanes[index]))
        assert.deepEqual(await jobs.claim(lane, 9, NOW), [{ requestId, crashes: 0 }])
        await store.settle(requestId, { kind: 'failed', code: 'c', advice: 'a' }, NOW)
      }
      assert.deepEqual(await jobs.backlog(), { waiting: 0 })
    })

    test("a request that its endpoint works on has a job that is the endpoint's", async ({ store, jobs }) => {
      await accept(store, newRequest({ email: 'a@x' }))
      assert.deepEqual(await jobs.claim('real-time', 9, NOW), [])
      assert.equal((await jobs.backlog()).waiting, 1)
    })

    test('a request that was seen before, or is refused, leaves no job', async ({ store, jobs }) => {
      const keyed = (bodyHash: string) =>
        newRequest({ email: 'a@x' }, { idempotency: { key: 'k', bodyHash } })
      const { requestId } = await accept(store, keyed('h'))
      for (const bodyHash of ['h', 'other']) await store.acceptRequest(keyed(bodyHash))
      assert.equal((await jobs.backlog()).waiting, 1)
      await store.settle(requestId, { kind: 'failed', code: 'c', advice: 'a' }, NOW)
      assert.deepEqual(await jobs.backlog(), { waiting: 0 })
    })
  })
}
