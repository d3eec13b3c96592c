import assert from 'node:assert/strict'
import test from 'node:test'
import { Unavailable } from '../../src/errors.ts'
import type { MarketoSettings } from '../../src/marketo/settings.ts'
import { type Answer, call, type Seen } from '../dataverse/rig.ts'
import { failure, found, openRoom } from './rig.ts'

const BACKGROUND = { ...call, lane: 'background' } as const
/** Nobody waits for that: a group departs when it is full. */
const FOR_EVER_MS = 600_000

const idsOf = ({ method, path, body }: Seen) =>
  (new URLSearchParams(method === 'POST' ? body : path.split('?')[1]).get('filterValues') ?? '')
    .split(',')
    .map(Number)

/** Has everybody with an odd id. */
const everySecond: Answer = (response, seen) =>
  found(
    idsOf(seen)
      .filter((id) => id % 2 === 1)
      .map((id) => ({ id, email: `p${id}@example.org` })),
  )(response, seen)

const open = (answer: Answer, settings: Partial<MarketoSettings>) => openRoom(answer, { settings })
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

test('people who are asked for one by one share a call, and each gets their own answer', async () => {
  await using room = await open(everySecond, { batchSizeMax: 300, backgroundGatherMs: FOR_EVER_MS })
  const people = await Promise.all(numbers(300).map((id) => room.readPerson(id, ['email'], BACKGROUND)))
  assert.equal(room.calls().length, 1)
  for (const id of numbers(300)) {
    assert.deepEqual(people[id - 1], id % 2 === 1 ? { email: `p${id}@example.org` } : undefined)
  }
})

test('those who ask for other fields, or for somebody who waits, have a call of their own', async () => {
  await using room = await open(everySecond, { batchSizeMax: 2, backgroundGatherMs: 1, gatherMs: 1 })
  await Promise.all([
    room.readPerson(1, ['email'], BACKGROUND),
    room.readPerson(3, ['email', 'title'], BACKGROUND),
    room.readPerson(5, ['email'], call),
    room.readPerson(7, ['email', 'title'], BACKGROUND),
  ])
  assert.deepEqual(
    room
      .calls()
      .map((seen) => idsOf(seen))
      .sort(([a = 0], [b = 0]) => a - b),
    [[1], [3, 7], [5]],
  )
})

test('a call that nobody joins departs by itself', async () => {
  await using room = await open(everySecond, { backgroundGatherMs: 1 })
  assert.deepEqual(await room.readPerson(7, ['email'], BACKGROUND), { email: 'p7@example.org' })
})

test('one person whom Marketo refuses keeps nobody else from being read', async () => {
  const refusing: Answer = (response, seen) =>
    idsOf(seen).includes(5) ? failure('1001', 'Invalid value')(response, seen) : everySecond(response, seen)
  await using room = await open(refusing, { batchSizeMax: 8, backgroundGatherMs: FOR_EVER_MS })
  const read = await Promise.allSettled(numbers(8).map((id) => room.readPerson(id, ['email'], BACKGROUND)))
  assert.deepEqual(
    read.map((one) => (one.status === 'rejected' ? one.reason.name : one.value?.email)),
    [
      'p1@example.org',
      undefined,
      'p3@example.org',
      undefined,
      'Rejected',
      undefined,
      'p7@example.org',
      undefined,
    ],
  )
})

test('a refusal of the fields, and an outage, is the answer to all in one call', async () => {
  for (const [answer, name] of [
    [failure('1006', "Field 'title' not found"), 'Rejected'],
    [failure('611', 'System error'), 'Unavailable'],
  ] as const) {
    await using room = await open(answer, { batchSizeMax: 4, backgroundGatherMs: FOR_EVER_MS })
    const read = await Promise.allSettled(numbers(4).map((id) => room.readPerson(id, ['title'], BACKGROUND)))
    assert.deepEqual(
      read.map((one) => one.status === 'rejected' && one.reason.name),
      Array(4).fill(name),
    )
    assert.equal(room.calls().length, 1)
  }
})

test('who leaves is not waited for, and the others are served', async () => {
  await using room = await open(everySecond, { batchSizeMax: 2, backgroundGatherMs: FOR_EVER_MS })
  const leaving = new AbortController()
  const left = room.readPerson(1, ['email'], { signal: leaving.signal, lane: 'background' })
  leaving.abort(new Error('left'))
  await assert.rejects(left, Unavailable)
  assert.deepEqual(await room.readPerson(3, ['email'], BACKGROUND), { email: 'p3@example.org' })
  assert.deepEqual(room.calls().map(idsOf), [[3]])
})
