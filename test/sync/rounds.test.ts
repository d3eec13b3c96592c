import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inParts } from '../../src/sync/intake/pages.ts'
import { startSyncRig } from './rig.ts'

const PEOPLE = 20

test('pages of the change log are read until a batch is full', async () => {
  await using rig = await startSyncRig({ settings: { workMax: PEOPLE, intervalMs: 0 } })
  const { marketo, dataverse } = rig.sandbox
  for (let index = 0; index < PEOPLE; index += 1) {
    dataverse.seed('lead', {
      subject: 'Fair',
      lastname: `Ek ${index}`,
      emailaddress1: `p${index}@example.com`,
    })
  }
  await rig.cycle()
  await rig.cycle()
  marketo.setKnobs({ pageItemsMax: PEOPLE / 4 })
  const before = dataverse.calls.length
  for (const { id } of marketo.people()) if (typeof id === 'number') marketo.update(id, { title: 'Buyer' })
  await rig.cycle()
  const batches = dataverse.calls.slice(before).filter(({ path }) => path.endsWith('/$batch'))
  assert.deepEqual(
    batches.map(({ operations }) => operations),
    [PEOPLE],
  )
  assert.equal(dataverse.rows('lead').filter(({ jobtitle }) => jobtitle === 'Buyer').length, PEOPLE)
})

test('a long piece of thinking is done in parts, and others get their turn in between', async () => {
  const parts: number[][] = [[]]
  const sleep = async () => void parts.push([])
  const clock = { now: () => 0, wall: () => 0, sleep }
  const think = (item: number) => {
    parts.at(-1)?.push(item)
    return item * 10
  }
  const thoughts = await inParts([1, 2, 3, 4, 5], think, { clock, settings: { saveMax: 2 } })
  assert.deepEqual(thoughts, [10, 20, 30, 40, 50])
  assert.deepEqual(parts, [[1, 2], [3, 4], [5]])
})

test('a cycle is logged above debug where it ends otherwise than the one before it', async () => {
  await using rig = await startSyncRig()
  await rig.cycle()
  const from = rig.log.length
  for (const isOn of [false, false, true, true, false]) {
    rig.sandbox.dataverse.setChangeTracking('contact', isOn)
    await rig.cycle()
  }
  const lines = rig.log.slice(from).map((line) => JSON.parse(line))
  assert.deepEqual(
    lines.filter(({ event }) => event === 'sync-cycle').map(({ level, result }) => [level, result]),
    [
      ['warn', 'partial'],
      ['debug', 'partial'],
      ['info', 'done'],
      ['debug', 'done'],
      ['warn', 'partial'],
    ],
  )
})
