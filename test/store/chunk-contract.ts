import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IN_PROGRESS } from '../../src/errors.ts'
import type { Chunk, ChunkPerson, ChunkStore, NewChunk } from '../../src/store/chunk-port.ts'
import type { Store } from '../../src/store/port.ts'
import { accept, newRequest } from './contract.ts'

export interface ChunkStoreUnderTest extends AsyncDisposable {
  store: Store
  chunks: ChunkStore
  /** Lets time pass for leases, where `now` is not what ends them. */
  pass(ms: number): Promise<void>
}

const NOW = 1_000_000
const LEASE_MS = 60_000
const LEASE = NOW + LEASE_MS
const NO_COUNTS = { created: 0, exists: 0, queued: 0, failed: 0 }
const FAILED = { kind: 'failed', code: 'c', advice: 'a' } as const

/** Of one person each. */
const PAGES = [
  { position: 0, items: 1, body: 'context\none' },
  { position: 1, items: 1, body: 'context\ntwo' },
]

export function newChunk(chunkId: string, more: Partial<NewChunk> = {}): NewChunk {
  return {
    chunkId,
    token: `token of ${chunkId}`,
    caller: 'tests',
    munchkinId: '123-ABC-456',
    callbackUrl: 'https://callback.adobe.io/x',
    callbackKey: `key of ${chunkId}`,
    pages: PAGES,
    people: 2,
    batch: false,
    deadline: NOW + 600_000,
    now: NOW,
    ...more,
  }
}

const refused = (position: number): ChunkPerson => ({
  position,
  marketoId: position + 1,
  outcome: { outcome: 'failed', code: 'no-identity', advice: 'a' },
})

export async function readChunk(chunks: ChunkStore, chunkId: string): Promise<Chunk | undefined> {
  return (await chunks.listChunks({ limit: 100 })).find((one) => one.chunkId === chunkId)
}

/** What every driver of the chunk store must do. One suite for all of them. */
export function chunkContract(name: string, open: () => Promise<ChunkStoreUnderTest>): void {
  const test = (title: string, run: (under: ChunkStoreUnderTest) => Promise<void>) =>
    it(title, async () => {
      await using under = await open()
      await run(under)
    })
  const claim = (chunks: ChunkStore, now = NOW, batch = false) =>
    chunks.claimChunks({ batch, limit: 10, except: [] }, LEASE_MS, now)
  const ids = (found: readonly Chunk[]) => found.map(({ chunkId }) => chunkId)

  /** A chunk whose callback is due. */
  async function answering(chunks: ChunkStore, chunkId: string): Promise<void> {
    await chunks.acceptChunk(newChunk(chunkId))
    await chunks.recordPeople(chunkId, [refused(0), refused(1)])
    await chunks.fixCallback(chunkId, ['by', 'tes'], { ...NO_COUNTS, failed: 2 }, NOW)
  }

  describe(`chunks on ${name}`, () => {
    test('a chunk is taken once, however often it comes', async ({ chunks }) => {
      assert.equal(await chunks.acceptChunk(newChunk('a')), 'accepted')
      assert.equal(await chunks.acceptChunk(newChunk('a', { pages: [], people: 9 })), 'seen')
      assert.deepEqual([await chunks.readPage('a', 0), await chunks.readPage('a', 1)], PAGES)
      const { pages, now, ...given } = newChunk('a')
      assert.deepEqual(await readChunk(chunks, 'a'), {
        ...given,
        number: 1,
        state: 'stored',
        receivedAt: now,
        expanded: 0,
        attempts: 0,
      })
      assert.equal(await readChunk(chunks, 'b'), undefined)
    })

    test('a claimed chunk is kept from others until its lease ends or it is given back', async ({
      chunks,
      pass,
    }) => {
      await chunks.acceptChunk(newChunk('a'))
      assert.deepEqual(ids(await claim(chunks)), ['a'])
      assert.deepEqual(await claim(chunks), [])
      await pass(LEASE_MS)
      assert.deepEqual(ids(await claim(chunks, LEASE)), ['a'])
      await chunks.rescheduleChunk('a', LEASE + 5)
      assert.deepEqual(await claim(chunks, LEASE + 4), [])
      assert.deepEqual(ids(await claim(chunks, LEASE + 5)), ['a'])
    })

    test('who holds on to a chunk keeps it, and what was given back or has ended is not held', async ({
      chunks,
      pass,
    }) => {
      for (const chunkId of ['held', 'left', 'back', 'other']) await chunks.acceptChunk(newChunk(chunkId))
      await answering(chunks, 'ended')
      await claim(chunks)
      await pass(LEASE_MS / 2)
      await chunks.rescheduleChunk('back', NOW)
      await chunks.settleCallback('ended', { kind: 'failed', reason: 'r' }, NOW)
      await chunks.holdChunks(['held', 'back', 'ended'], LEASE_MS, NOW + LEASE_MS / 2)
      assert.deepEqual(ids(await claim(chunks, NOW + LEASE_MS / 2)), ['back'])
      await chunks.rescheduleChunk('back', LEASE * 2)
      await chunks.resendCallback('ended', NOW)
      await pass(LEASE_MS / 2)
      assert.deepEqual(ids(await claim(chunks, LEASE)).toSorted(), ['ended', 'left', 'other'])
      await pass(LEASE_MS / 2)
      assert.deepEqual(ids(await claim(chunks, LEASE + LEASE_MS / 2)), ['held'])
    })

    test('a worker is not given what it works on already', async ({ chunks }) => {
      for (const chunkId of ['a', 'b', 'c']) await chunks.acceptChunk(newChunk(chunkId))
      const found = await chunks.claimChunks({ batch: false, limit: 2, except: ['a'] }, LEASE_MS, NOW)
      assert.deepEqual(ids(found).toSorted(), ['b', 'c'])
    })

    test('trigger and batch chunks are claimed apart, oldest first, up to the limit', async ({ chunks }) => {
      for (const [chunkId, batch, now] of [
        ['late', false, NOW + 2],
        ['early', false, NOW],
        ['batch', true, NOW],
      ] as const) {
        await chunks.acceptChunk(newChunk(chunkId, { batch, now }))
      }
      assert.deepEqual(
        ids(await chunks.claimChunks({ batch: false, limit: 1, except: [] }, LEASE_MS, NOW + 9)),
        ['early'],
      )
      assert.deepEqual(ids(await claim(chunks, NOW + 9)), ['late'])
      assert.deepEqual(ids(await claim(chunks, NOW + 9, true)), ['batch'])
    })

    test('people are recorded page by page, and a page whose people are recorded is gone', async ({
      chunks,
    }) => {
      await chunks.acceptChunk(newChunk('a'))
      await chunks.recordPeople('a', [refused(0)])
      assert.deepEqual(
        [(await readChunk(chunks, 'a'))?.state, (await readChunk(chunks, 'a'))?.expanded],
        ['stored', 1],
      )
      assert.equal(await chunks.acceptChunk(newChunk('a')), 'seen', 'and brings no page back')
      assert.deepEqual([await chunks.readPage('a', 0), await chunks.readPage('a', 1)], [undefined, PAGES[1]])
      await chunks.recordPeople('a', [refused(1)])
      assert.equal((await readChunk(chunks, 'a'))?.state, 'working')
      assert.equal(await chunks.readPage('a', 1), undefined)
      assert.deepEqual(await chunks.readPeople('a', 0, 9), [refused(0), refused(1)])
      assert.deepEqual(await chunks.readPeople('a', 1, 9), [refused(1)])
      assert.deepEqual(await chunks.readPeople('a', 0, 1), [refused(0)])
    })

    test('a page with people who are not recorded stays, and gives each of them', async ({ chunks }) => {
      const page = { position: 0, items: 3, body: 'context\none\ntwo\nthree' }
      await chunks.acceptChunk(newChunk('a', { pages: [page], people: 3 }))
      await chunks.recordPeople('a', [refused(0), refused(1)])
      assert.deepEqual(await chunks.readPage('a', 2), page)
      assert.equal(await chunks.readPage('a', 3), undefined)
      await chunks.recordPeople('a', [refused(0)])
      assert.equal((await readChunk(chunks, 'a'))?.expanded, 2, 'recording again takes nothing back')
    })

    test('a chunk without people has nothing to wait for', async ({ chunks }) => {
      await chunks.acceptChunk(newChunk('a', { people: 0 }))
      await chunks.recordPeople('a', [])
      assert.equal((await readChunk(chunks, 'a'))?.state, 'working')
      assert.deepEqual(await chunks.readWaiting('a'), [])
    })

    test("who is final is read from the people's requests", async ({ store, chunks }) => {
      await chunks.acceptChunk(newChunk('a', { people: 3 }))
      const requests = [newRequest({ marketoId: 1 }), newRequest({ marketoId: 2 })]
      for (const request of requests) await accept(store, request)
      const people = requests.map(({ requestId }, position) => ({
        position,
        marketoId: position + 1,
        requestId,
      }))
      await chunks.recordPeople('a', [...people, refused(2)])
      assert.deepEqual(await chunks.readWaiting('a'), [
        { code: IN_PROGRESS.code, requests: 2, oldestAt: NOW },
      ])
      const [first] = people
      assert.ok(first)
      const { outcome } = await store.settle(first.requestId, FAILED, NOW)
      assert.deepEqual(await chunks.readWaiting('a'), [
        { code: IN_PROGRESS.code, requests: 1, oldestAt: NOW },
      ])
      assert.deepEqual(await chunks.readPeople('a', 0, 9), [
        { ...first, outcome },
        { ...people[1], waiting: { ...IN_PROGRESS, attempts: 0, nextAttemptAt: NOW } },
        refused(2),
      ])
    })

    test('recording people again changes nothing', async ({ chunks }) => {
      await chunks.acceptChunk(newChunk('a', { people: 3 }))
      const expanded = async () => (await readChunk(chunks, 'a'))?.expanded
      for (const position of [0, 0, 1, 0]) await chunks.recordPeople('a', [refused(position)])
      assert.equal(await expanded(), 2)
      await chunks.recordPeople('a', [refused(2)])
      await chunks.recordPeople('a', [refused(0)])
      assert.deepEqual([await expanded(), (await readChunk(chunks, 'a'))?.state], [3, 'working'])
      assert.equal((await chunks.readPeople('a', 0, 9)).length, 3)
    })

    test("a callback's bytes are fixed once, and only when all people are recorded", async ({ chunks }) => {
      await chunks.acceptChunk(newChunk('a'))
      await chunks.fixCallback('a', ['too early'], NO_COUNTS, NOW)
      assert.equal((await readChunk(chunks, 'a'))?.state, 'stored')
      await answering(chunks, 'b')
      await chunks.fixCallback('b', ['other'], NO_COUNTS, NOW + 1)
      assert.deepEqual(await chunks.readCallback('b'), ['by', 'tes'])
      const { state, counts, answeringSince, attempts } = (await readChunk(chunks, 'b')) ?? {}
      assert.deepEqual(
        [state, counts, answeringSince, attempts],
        ['answering', { ...NO_COUNTS, failed: 2 }, NOW, 0],
      )
      assert.deepEqual(await chunks.readPeople('b', 0, 9), [])
    })

    test('each claim of a callback counts as a try, also one that was never settled', async ({
      chunks,
      pass,
    }) => {
      await answering(chunks, 'a')
      assert.deepEqual(
        (await claim(chunks)).map(({ attempts }) => attempts),
        [1],
      )
      await pass(LEASE_MS)
      assert.deepEqual(
        (await claim(chunks, LEASE)).map(({ attempts }) => attempts),
        [2],
      )
      await chunks.settleCallback('a', { kind: 'again', reason: 'http-503', runAt: LEASE + 9 }, LEASE)
      assert.deepEqual(await claim(chunks, LEASE + 8), [])
      const [chunk] = await claim(chunks, LEASE + 9)
      assert.deepEqual([chunk?.attempts, chunk?.lastReason], [3, 'http-503'])
    })

    test('an accepted callback ends the chunk and erases its secrets', async ({ chunks }) => {
      await answering(chunks, 'a')
      await chunks.settleCallback('a', { kind: 'done' }, NOW + 1)
      const chunk = await readChunk(chunks, 'a')
      const { state, endedAt, token, callbackKey } = chunk ?? {}
      assert.deepEqual([state, endedAt, token, callbackKey], ['done', NOW + 1, '', ''])
      assert.deepEqual(await chunks.readCallback('a'), [])
      assert.deepEqual(await claim(chunks, LEASE), [])
      assert.equal(await chunks.acceptChunk(newChunk('a')), 'seen')
      await chunks.settleCallback('a', { kind: 'failed', reason: 'late' }, NOW + 2)
      assert.equal((await readChunk(chunks, 'a'))?.state, 'done')
      assert.equal(await chunks.resendCallback('a', NOW), false)
    })

    test('a yes of Marketo that arrives late is believed, though the callback was given up', async ({
      chunks,
    }) => {
      await answering(chunks, 'a')
      await chunks.settleCallback('a', { kind: 'failed', reason: 'http-403' }, NOW + 1)
      await chunks.settleCallback('a', { kind: 'again', reason: 'http-503', runAt: NOW }, NOW + 2)
      assert.equal((await readChunk(chunks, 'a'))?.state, 'failed')
      await chunks.settleCallback('a', { kind: 'done' }, NOW + 3)
      const { state, endedAt, token, callbackKey, lastReason } = (await readChunk(chunks, 'a')) ?? {}
      assert.deepEqual([state, endedAt, token, callbackKey, lastReason], ['done', NOW + 3, '', '', undefined])
      assert.deepEqual(await chunks.readCallback('a'), [])
    })

    test('people who are recorded late, when all were, come back to nothing', async ({ chunks }) => {
      await answering(chunks, 'a')
      await chunks.recordPeople('a', [refused(0)])
      assert.deepEqual(await chunks.readPeople('a', 0, 9), [])
      const { state, expanded } = (await readChunk(chunks, 'a')) ?? {}
      assert.deepEqual([state, expanded], ['answering', 2])
    })

    test('a failed callback stays until somebody sends it again, with the same bytes', async ({ chunks }) => {
      await answering(chunks, 'a')
      assert.equal(await chunks.resendCallback('a', NOW), false, 'it has not failed')
      await claim(chunks)
      await chunks.settleCallback('a', { kind: 'failed', reason: 'http-403' }, NOW + 1)
      assert.deepEqual(await claim(chunks, LEASE), [])
      assert.equal(await chunks.resendCallback('a', NOW + 5), true)
      const [chunk] = await claim(chunks, NOW + 5)
      assert.deepEqual(
        [chunk?.state, chunk?.attempts, chunk?.answeringSince, chunk?.endedAt, chunk?.token],
        ['answering', 2, NOW + 5, undefined, 'token of a'],
      )
      assert.deepEqual(await chunks.readCallback('a'), ['by', 'tes'])
      assert.equal(await chunks.resendCallback('none', NOW), false)
    })

    test('chunks are listed newest first, by state, page by page, and counted', async ({ chunks }) => {
      await chunks.acceptChunk(newChunk('a'))
      await answering(chunks, 'b')
      await chunks.settleCallback('b', { kind: 'failed', reason: 'r' }, NOW)
      await chunks.acceptChunk(newChunk('c'))
      const [newest] = await chunks.listChunks({ limit: 1 })
      assert.equal(newest?.chunkId, 'c')
      assert.deepEqual(ids(await chunks.listChunks({ limit: 9, before: newest?.number ?? 0 })), ['b', 'a'])
      assert.deepEqual(ids(await chunks.listChunks({ limit: 9, state: 'failed' })), ['b'])
      const counts = { stored: 2, working: 0, answering: 0, done: 0, failed: 1 }
      assert.deepEqual(await chunks.countChunks(), counts)
    })

    test('what ended long ago is forgotten, page by page; open chunks stay', async ({ chunks }) => {
      for (const chunkId of ['a', 'b']) {
        await answering(chunks, chunkId)
        await chunks.settleCallback(chunkId, { kind: 'done' }, NOW)
      }
      await chunks.acceptChunk(newChunk('c'))
      assert.equal(await chunks.pruneChunks(NOW, 9), 0)
      assert.equal(await chunks.pruneChunks(NOW + 1, 1), 1)
      assert.equal(await chunks.pruneChunks(NOW + 1, 9), 1)
      assert.deepEqual(ids(await chunks.listChunks({ limit: 9 })), ['c'])
    })
  })
}
