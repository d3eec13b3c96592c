import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ChunkPerson } from '../../src/store/chunk-port.ts'
import { withoutPostgres } from '../postgres/cluster.ts'
import { whileHeld } from '../postgres/held.ts'
import { newChunk, readChunk } from './chunk-contract.ts'
import { openPostgres } from './postgres-rig.ts'

const NOW = 1_000_000
const REPLICAS = [0, 1, 2, 3]
const CHUNKS = 40
const PEOPLE = 200
const NO_COUNTS = { created: 0, exists: 0, queued: 0, failed: 0 }

const refused = (position: number): ChunkPerson => ({
  position,
  marketoId: position,
  outcome: { outcome: 'failed', code: 'c' },
})

/** From `from` up to `to`, which is not among them. */
const people = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => refused(from + index))

describe('chunks that several replicas work on at the same time', { skip: withoutPostgres }, () => {
  it('gives each chunk to one of them', async () => {
    await using under = await openPostgres()
    const { chunks } = under
    const all = Array.from({ length: CHUNKS }, (_, index) => `chunk-${index}`)
    await Promise.all(
      all.map((chunkId, index) => chunks.acceptChunk(newChunk(chunkId, { now: NOW + index }))),
    )
    const claimed: string[] = []
    while (claimed.length < CHUNKS) {
      const pages = await Promise.all(
        REPLICAS.map(() => chunks.claimChunks({ batch: false, limit: 3, except: [] }, 60_000, NOW + CHUNKS)),
      )
      for (const page of pages) {
        const times = page.map(({ receivedAt }) => receivedAt)
        assert.deepEqual(times, times.toSorted(), 'oldest first')
      }
      const page = pages.flat().map(({ chunkId }) => chunkId)
      assert.notEqual(page.length, 0, 'what is due is found')
      claimed.push(...page)
    }
    assert.deepEqual(claimed.toSorted(), all.toSorted())
  })

  it('takes a chunk in once', async () => {
    await using under = await openPostgres()
    const { chunks } = under
    const answers = await Promise.all(REPLICAS.map(() => chunks.acceptChunk(newChunk('a'))))
    assert.deepEqual(answers.toSorted(), ['accepted', 'seen', 'seen', 'seen'])
  })

  it('records people once and never takes back how far it is', async () => {
    await using under = await openPostgres()
    const { chunks } = under
    await chunks.acceptChunk(newChunk('a', { people: PEOPLE }))
    const pages = [people(0, 50), people(0, 120), people(0, 150), people(0, 10)]
    await Promise.all(pages.map((page) => chunks.recordPeople('a', page)))
    const { state, expanded } = (await readChunk(chunks, 'a')) ?? {}
    assert.deepEqual([state, expanded], ['stored', 150])
    const rest = people(150, PEOPLE)
    await Promise.all([chunks.recordPeople('a', rest), chunks.recordPeople('a', people(0, 10))])
    await chunks.recordPeople('a', rest)
    const { state: then, expanded: last } = (await readChunk(chunks, 'a')) ?? {}
    assert.deepEqual([then, last], ['working', PEOPLE])
    assert.deepEqual(await chunks.readPeople('a', 0, PEOPLE + 1), people(0, PEOPLE))
  })

  it('fixes the bytes of one of them, with its counts', async () => {
    await using under = await openPostgres()
    const { chunks, url } = under
    await chunks.acceptChunk(newChunk('a'))
    await chunks.recordPeople('a', people(0, 2))
    await whileHeld(
      url,
      ['select from chunk for update'],
      REPLICAS.map(
        (replica) => () =>
          chunks.fixCallback('a', [`bytes of ${replica}`], { ...NO_COUNTS, failed: replica }, NOW),
      ),
    )
    const winner = (await readChunk(chunks, 'a'))?.counts?.failed
    assert.deepEqual(await chunks.readCallback('a'), [`bytes of ${winner}`])
  })

  it('records nobody of a chunk whose callback another one is just fixing', async () => {
    await using under = await openPostgres()
    const { chunks, url } = under
    await chunks.acceptChunk(newChunk('a'))
    await whileHeld(
      url,
      ["update chunk set state = 'answering', expanded = 2"],
      [() => chunks.recordPeople('a', people(0, 2))],
    )
    assert.deepEqual(await chunks.readPeople('a', 0, 9), [])
  })
})
