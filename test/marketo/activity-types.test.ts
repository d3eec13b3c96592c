import assert from 'node:assert/strict'
import test from 'node:test'
import { Rejected, Unauthorized, Unavailable } from '../../src/errors.ts'
import type { NewActivityType } from '../../src/marketo/schema.ts'
import { type Answer, call, inTurn, type Seen } from '../dataverse/rig.ts'
import { failure, found, openRoom } from './rig.ts'

const type: NewActivityType = {
  apiName: 'microsoftSyncResult',
  name: 'Microsoft Sync Result',
  description: 'What became of a person in Dynamics.',
  triggerName: 'Gets a Microsoft Sync Result',
  filterName: 'Got a Microsoft Sync Result',
  primaryAttribute: { apiName: 'outcome', name: 'Outcome', dataType: 'string' },
  attributes: [
    { apiName: 'code', name: 'Code', dataType: 'string' },
    { apiName: 'advice', name: 'Advice', dataType: 'text' },
  ],
}
const listed = (status: string, more: object = {}) => ({
  id: 100_001,
  apiName: type.apiName,
  status,
  ...more,
})
const described = (...apiNames: string[]): Answer =>
  found([{ ...listed('approved'), attributes: apiNames.map((apiName) => ({ apiName, dataType: 'string' })) }])
const done = found([listed('draft')])

const told = (room: { calls(): Seen[] }) =>
  room.calls().map(({ method, path }) => `${method} ${path.replace('/rest/v1/activities/external/', '')}`)
const list = 'GET types.json'
const inType = (rest: string) => `type/microsoftSyncResult/${rest}`

const journeys: [string, Answer[], string, string[]][] = [
  [
    'that is missing is made, given its attributes and approved',
    [found([{ id: 7, apiName: 'another', status: 'approved' }]), done],
    'created',
    [list, 'POST type.json', `POST ${inType('attributes/create.json')}`, `POST ${inType('approve.json')}`],
  ],
  [
    'that is there is left alone',
    [found([listed('approved')]), described('code', 'advice', 'more')],
    'present',
    [list, `GET ${inType('describe.json')}`],
  ],
  [
    'that lacks an attribute gets it and is approved again',
    [found([listed('approved')]), described('code'), done],
    'completed',
    [
      list,
      `GET ${inType('describe.json')}`,
      `POST ${inType('attributes/create.json')}`,
      `POST ${inType('approve.json')}`,
    ],
  ],
  [
    'that was left as a draft is approved',
    [found([listed('draft')]), described('code', 'advice'), done],
    'completed',
    [list, `GET ${inType('describe.json?draft=true')}`, `POST ${inType('approve.json')}`],
  ],
  [
    'with an open draft is looked at as the draft has it',
    [found([listed('approved with draft')]), described('code', 'advice'), done],
    'completed',
    [list, `GET ${inType('describe.json?draft=true')}`, `POST ${inType('approve.json')}`],
  ],
]

for (const [what, answers, ensured, calls] of journeys) {
  test(`a custom activity ${what}`, async () => {
    await using room = await openRoom(inTurn(...answers))
    assert.equal(await room.schema.ensureActivityType(type, call), ensured)
    assert.deepEqual(told(room), calls)
  })
}

test('what is sent is the type without its attributes, and then those that are missing', async () => {
  await using room = await openRoom(inTurn(found([]), done))
  await room.schema.ensureActivityType(type, call)
  const [, made, attributes] = room.calls().map(({ body }) => (body === '' ? undefined : JSON.parse(body)))
  const { attributes: _, ...head } = type
  assert.deepEqual([made, attributes], [head, { attributes: type.attributes }])
})

test('the id of an approved activity is found by API name, once an hour', async () => {
  const other = { ...listed('draft'), id: 8, apiName: 'draft' }
  const types = [listed('approved with draft'), other, 7, { apiName: 'x' }].filter(
    (one) => typeof one === 'object',
  )
  await using room = await openRoom(inTurn(found(types), described('code')))
  const idOf = async (name: string) => (await room.schema.activityType(name, call))?.id
  const ids = ['microsoftSyncResult', 'draft', 'x', 'none'].map(idOf)
  assert.deepEqual(await Promise.all(ids), [100_001, undefined, undefined, undefined])
  const again = await room.schema.activityType('microsoftSyncResult', call)
  assert.deepEqual([...(again?.attributes ?? [])], ['code'])
  // The list, and the attributes of the approved one.
  assert.equal(room.calls().length, 2)
})

test('an activity that was just made is looked up anew', async () => {
  await using room = await openRoom(
    inTurn(found([]), found([]), done, done, done, found([listed('approved')]), described('code')),
  )
  assert.equal(await room.schema.activityType(type.apiName, call), undefined)
  await room.schema.ensureActivityType(type, call)
  assert.equal((await room.schema.activityType(type.apiName, call))?.id, 100_001)
})

const troubles: [string, Answer[], typeof Rejected | typeof Unauthorized | typeof Unavailable, RegExp?][] = [
  ['no right to look', [failure('603')], Unauthorized, /Read-Only Activity Metadata/],
  ['no right to make one', [found([]), failure('603')], Unauthorized, /Read-Write Activity Metadata/],
  ['ten types already', [found([]), failure('1027')], Rejected, /vendor code/],
  ['a description that is empty', [found([listed('approved')]), found([])], Unavailable],
  ['attributes that are no list', [found([listed('approved')]), found([{ attributes: 7 }])], Unavailable],
  ['an approval without an answer', [found([]), done, done, (response) => response.destroy()], Unavailable],
]

for (const [what, answers, kind, advice] of troubles) {
  test(`${what} is ${kind.name}`, async () => {
    await using room = await openRoom(inTurn(...answers))
    await assert.rejects(room.schema.ensureActivityType(type, call), (error) => {
      assert.ok(error instanceof kind)
      if (error instanceof Rejected || error instanceof Unauthorized)
        assert.match(error.detail.advice, advice ?? /./)
      return true
    })
  })
}
