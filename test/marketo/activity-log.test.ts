import assert from 'node:assert/strict'
import test from 'node:test'
import type { CustomActivity } from '../../src/marketo/bulk-write.ts'
import { type Answer, call, inTurn } from '../dataverse/rig.ts'
import { failure, found, openRoom } from './rig.ts'

const activity = (marketoId: number): CustomActivity => ({
  marketoId,
  at: Date.parse('2026-03-17T22:58:18.500Z'),
  typeId: 100_001,
  primaryAttributeValue: 'created',
  attributes: { recordType: 'lead', attempts: 2, final: true },
})

const obedient: Answer = (response, seen) => {
  const { input } = JSON.parse(seen.body)
  found(
    input.map((_: unknown, index: number) => ({ id: 50 + index, marketoGUID: `${index}`, status: 'added' })),
  )(response, seen)
}

test('an activity is added with its attributes by API name', async () => {
  await using room = await openRoom(obedient)
  assert.deepEqual(await room.activityLog.add([activity(4711)], call), [{ kind: 'created', marketoId: 4711 }])
  const [seen = assert.fail()] = room.calls()
  assert.equal(seen.path, '/rest/v1/activities/external.json')
  assert.deepEqual(JSON.parse(seen.body), {
    input: [
      {
        leadId: 4711,
        activityDate: '2026-03-17T22:58:18Z',
        activityTypeId: 100_001,
        primaryAttributeValue: 'created',
        attributes: [
          { apiName: 'recordType', value: 'lead' },
          { apiName: 'attempts', value: 2 },
          { apiName: 'final', value: true },
        ],
      },
    ],
  })
})

test('301 activities are two calls', async () => {
  await using room = await openRoom(obedient)
  const results = await room.activityLog.add(
    Array.from({ length: 301 }, (_, index) => activity(index + 1)),
    call,
  )
  assert.deepEqual([results.length, room.calls().length], [301, 2])
  assert.deepEqual(results[300], { kind: 'created', marketoId: 301 })
})

test('why one was skipped is found under errors, and is about that one', async () => {
  const skipped = (code: string) => ({ status: 'skipped', errors: [{ code, message: 'No' }] })
  const added = { id: 1, marketoGUID: '1', status: 'added' }
  await using room = await openRoom(found([added, skipped('1004'), skipped('1049'), {}, added]))
  const results = await room.activityLog.add([1, 2, 3, 4, 5].map(activity), call)
  assert.deepEqual(
    results.map(({ kind }) => kind),
    ['created', 'missing', 'refused', 'unknown', 'created'],
  )
})

const wholes: [string, Answer, string][] = [
  ['1003', failure('1003'), 'refused'],
  ['606', failure('606'), 'unsent'],
  ['611', failure('611'), 'unknown'],
  ['results of another number', found([]), 'unknown'],
]

for (const [what, answer, kind] of wholes) {
  test(`${what} makes every activity of the call ${kind}`, async () => {
    await using room = await openRoom(inTurn(answer))
    const results = await room.activityLog.add([activity(1), activity(2)], call)
    assert.deepEqual(
      results.map((one) => one.kind),
      [kind, kind],
    )
  })
}
