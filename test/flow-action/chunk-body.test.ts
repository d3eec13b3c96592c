import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { chunkPages, readChunkPage } from '../../src/flow-step/chunk-body.ts'
import { CrowdBuilder } from '../../src/flow-step/crowd-builder.ts'
import type { Choices, Submission } from '../../src/flow-step/port.ts'

const NAMES = new Map([['note', 'note']])

function submission(items: readonly unknown[], pageMax = 3, choices: Choices = {}): Submission {
  const crowd = new CrowdBuilder(NAMES, pageMax)
  for (const item of items) crowd.add(item)
  crowd.close()
  return {
    ...{ token: 't', caller: 'c', callbackUrl: 'u', callbackKey: 'k', munchkinId: 'm' },
    campaign: { id: '7', name: 'Line\nbreak', type: 'batch' },
    program: { id: '9' },
    choices,
    crowd,
  }
}

/** From item number `from` on. */
function partsOf(given: Submission, from = 0, partMax = 2) {
  return [...chunkPages(given)]
    .filter(({ position, items }) => position + items > from)
    .flatMap((page) => [...readChunkPage(page, Math.max(from, page.position), partMax)])
}

test('people and who is refused stay in the order in which Marketo sent them', () => {
  const item = (id: unknown, objectType = 'lead') => ({ objectType, objectContext: { id } })
  const parts = partsOf(submission([item(1), item(2, 'company'), item(3), item(undefined), item(5)]))
  const ids = parts.flatMap(({ items }) =>
    items.map((one) => ('person' in one ? one.person.id : -one.refused.id)),
  )
  assert.deepEqual(ids, [1, -2, 3, 5], 'who has no id cannot be named in a callback')
  const campaign = { id: '7', name: 'Line\nbreak', type: 'batch', program: { id: '9' } }
  for (const part of parts) assert.deepEqual(part.campaign, campaign)
})

test('a chunk of nobody has no pages', () => {
  assert.deepEqual([...chunkPages(submission([]))], [])
})

test('what counts for everybody counts for who has nothing of their own', () => {
  const flowStepContext = { syncAs: 'lead', assignTo: 'own' }
  const items = [{ objectContext: { id: 1 } }, { objectContext: { id: 2 }, flowStepContext }]
  const read = (choices: Choices) => partsOf(submission(items, 3, choices)).flatMap(({ items }) => items)
  assert.deepEqual(read({ syncAs: 'contact', assignTo: 'all' }), [
    { person: { id: 1, fields: {}, syncAs: 'contact', assignTo: 'all' } },
    { person: { id: 2, fields: {}, ...flowStepContext } },
  ])
  const [first, second] = read({ syncAs: 'account' })
  assert(first && 'refused' in first)
  assert.deepEqual([first.refused.id, first.refused.code], [1, 'sync-as-unknown'])
  assert.deepEqual(second, { person: { id: 2, fields: {}, ...flowStepContext } })
})

test('reading can begin at any person and goes part by part, whatever the texts hold', () => {
  const people = fc.array(fc.record({ id: fc.integer({ min: 1 }), note: fc.string({ unit: 'binary' }) }), {
    maxLength: 12,
  })
  const few = fc.integer({ min: 1, max: 5 })
  fc.assert(
    fc.property(people, fc.nat(12), few, few, (given, from, pageMax, partMax) => {
      const items = given.map((objectContext) => ({ objectContext }))
      const parts = partsOf(submission(items, pageMax), from, partMax)
      assert.deepEqual(
        parts.flatMap(({ items }) => items),
        given.slice(from).map(({ id, note }) => ({ person: { id, fields: { note } } })),
      )
      let position = from
      for (const part of parts) {
        assert.equal(part.position, position)
        assert(part.items.length <= partMax)
        position += part.items.length
      }
    }),
  )
})
