import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type ChunkItem,
  readCampaign,
  readChunkPages,
  writeChunkBody,
} from '../../src/action/flow-step/chunk-body.ts'
import type { Submission } from '../../src/action/flow-step/port.ts'

const REFUSED = { code: 'object-type-unknown', advice: 'a' }

function submission(more: Partial<Submission>): Submission {
  return {
    ...{ token: 't', caller: 'c', callbackUrl: 'u', callbackKey: 'k', munchkinId: 'm' },
    campaign: { id: '7', name: 'Line\nbreak', type: 'batch' },
    people: [],
    unreadable: [],
    ...more,
  }
}

function itemsOf(body: string, from = 0, pageMax = 3): ChunkItem[] {
  return [...readChunkPages(body, from, pageMax)].flatMap(({ items }) => items)
}

test('people and who is unreadable stay in the order in which Marketo sent them', () => {
  const people = [1, 3].map((id) => ({ id, fields: {} }))
  const { body, items } = writeChunkBody(
    submission({
      program: { id: '9' },
      people,
      unreadable: [
        { position: 1, id: 2, ...REFUSED },
        { position: 3, ...REFUSED },
        { position: 4, id: 5, ...REFUSED },
      ],
    }),
  )
  assert.deepEqual(itemsOf(body), [
    { person: people[0] },
    { refused: { id: 2, ...REFUSED } },
    { person: people[1] },
    { refused: { id: 5, ...REFUSED } },
  ])
  assert.equal(items, 4, 'who has no id cannot be named in a callback')
  assert.deepEqual(readCampaign(body), { id: '7', name: 'Line\nbreak', type: 'batch', program: { id: '9' } })
})

test('reading can begin at any person and goes page by page, whatever the texts hold', () => {
  const people = fc.array(
    fc.record({
      id: fc.integer({ min: 1 }),
      fields: fc.dictionary(fc.string(), fc.string({ unit: 'binary' })),
    }),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(people, fc.nat(12), fc.integer({ min: 1, max: 5 }), (given, from, pageMax) => {
      const { body } = writeChunkBody(submission({ people: given }))
      const pages = [...readChunkPages(body, from, pageMax)]
      const rest = JSON.parse(JSON.stringify(given.slice(from).map((person) => ({ person }))))
      assert.deepEqual(
        pages.flatMap(({ items }) => items),
        rest,
      )
      assert.deepEqual(
        pages.map(({ position }) => position),
        pages.map((_, index) => from + index * pageMax),
      )
      assert(pages.every(({ items }) => items.length <= pageMax))
    }),
  )
})
