import assert from 'node:assert/strict'
import test from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { Busy, Rejected, Unauthorized, Unavailable } from '../../src/errors.ts'
import { type Answer, call, inTurn } from '../dataverse/rig.ts'
import { failure, found, openRoom } from './rig.ts'

const field = (name: string, dataType: string, more: object = {}) => ({
  name,
  displayName: name,
  dataType,
  updateable: true,
  crmManaged: false,
  ...more,
})
const described = (...fields: unknown[]): Answer =>
  found([{ name: 'API Lead', searchableFields: [['email'], ['id'], ['firstName', 'lastName']], fields }])
const stock = [
  field('id', 'integer', { updateable: false }),
  field('email', 'email', { length: 255 }),
  field('lastName', 'string', { length: 255 }),
]

/** A clock that can be put forward. */
function movingClock() {
  let aheadMs = 0
  return {
    clock: { ...systemClock, now: () => systemClock.now() + aheadMs },
    forward: (ms: number) => {
      aheadMs += ms
    },
  }
}

test('fields come by name with type, length, and what can be done with them', async () => {
  await using room = await openRoom(described(...stock))
  assert.deepEqual(
    [...(await room.schema.fields(call)).values()],
    [
      { name: 'id', dataType: 'integer', updateable: false, searchable: true },
      { name: 'email', dataType: 'email', length: 255, updateable: true, searchable: true },
      { name: 'lastName', dataType: 'string', length: 255, updateable: true, searchable: false },
    ],
  )
  assert.deepEqual(
    room.calls().map(({ method, path }) => [method, path]),
    [['GET', '/rest/v1/leads/describe2.json']],
  )
})

test('a field that cannot be read is left out, and odd members are as if they were not there', async () => {
  const odd = [
    7,
    null,
    {},
    { name: '' },
    { name: 'x' },
    { dataType: 'string' },
    field('y', 'string', { length: '9' }),
  ]
  await using room = await openRoom(found([{ name: 'x' }, { searchableFields: 'no', fields: odd }]))
  assert.deepEqual(
    [...(await room.schema.fields(call)).values()],
    [{ name: 'y', dataType: 'string', updateable: true, searchable: false }],
  )
})

for (const [what, answer] of [
  ['nothing', found([])],
  ['no fields', described()],
  ['no objects', found([1])],
] as const) {
  test(`a description with ${what} in it is Unavailable rather than a person without fields`, async () => {
    await using room = await openRoom(answer)
    await assert.rejects(room.schema.fields(call), Unavailable)
  })
}

test('an hour long all callers share one answer, and with fresh it is asked anew', async () => {
  const { clock, forward } = movingClock()
  const answers = inTurn(
    described(...stock),
    described(...stock, field('a', 'string')),
    described(field('b', 'string')),
  )
  await using room = await openRoom(answers, { clock })
  await Promise.all([room.schema.fields(call), room.schema.fields(call)])
  forward(3_599_000)
  assert.equal((await room.schema.fields(call)).size, 3)
  assert.equal(room.calls().length, 1)
  assert.equal((await room.schema.fields(call, true)).size, 4)
  assert.equal((await room.schema.fields(call)).size, 4)
  forward(3_600_000)
  assert.equal((await room.schema.fields(call)).size, 1)
  assert.equal(room.calls().length, 3)
})

test('an old answer is served while Marketo cannot be asked, which is tried again after a minute', async () => {
  const { clock, forward } = movingClock()
  const answers = inTurn(described(...stock), failure('611'), failure('611'), described(field('b', 'string')))
  await using room = await openRoom(answers, { clock, settings: { schemaTtlMs: 1_000 } })
  const first = await room.schema.fields(call)
  await assert.rejects(room.schema.fields(call, true), Unavailable)
  forward(1_000)
  assert.equal(await room.schema.fields(call), first)
  forward(59_000)
  assert.equal(await room.schema.fields(call), first)
  assert.equal(room.calls().length, 3)
  forward(1_000)
  assert.equal((await room.schema.fields(call)).size, 1)
})

const recordId = {
  name: 'microsoftRecordId',
  displayName: 'Microsoft Record Id',
  dataType: 'string',
  description: 'Of the lead or contact in Dynamics.',
}

test('a field that is missing is made, and is known from then on', async () => {
  const made = found([{ name: 'microsoftRecordId', status: 'created' }])
  const after = described(...stock, field('microsoftRecordId', 'string'))
  await using room = await openRoom(inTurn(described(...stock), made, after))
  assert.equal(await room.schema.ensureField(recordId, call), 'created')
  assert.ok((await room.schema.fields(call)).has('microsoftRecordId'))
  const [, seen = assert.fail()] = room.calls()
  assert.deepEqual(
    [seen.method, seen.path, JSON.parse(seen.body)],
    ['POST', '/rest/v1/leads/schema/fields.json', { input: [recordId] }],
  )
})

test('a field that is there is left alone, and one of another type is Rejected', async () => {
  const there = described(field('microsoftRecordId', 'string'))
  await using room = await openRoom(inTurn(there, described(field('microsoftRecordId', 'integer'))))
  assert.equal(await room.schema.ensureField(recordId, call), 'present')
  await assert.rejects(room.schema.ensureField(recordId, call), (error) => {
    assert.ok(error instanceof Rejected)
    const { code, field: name, advice } = error.detail
    assert.deepEqual([code, name], ['marketo-field-type-differs', 'microsoftRecordId'])
    assert.match(advice, /of type integer instead of string/)
    return true
  })
})

test('a field that somebody else makes at the same moment is present', async () => {
  const skipped = found([{ status: 'skipped', reasons: [{ code: '1017', message: 'Exists' }] }])
  const after = described(...stock, field('microsoftRecordId', 'string'))
  await using room = await openRoom(inTurn(described(...stock), skipped, after))
  assert.equal(await room.schema.ensureField(recordId, call), 'present')
})

const notMade: [
  string,
  Answer,
  typeof Rejected | typeof Unauthorized | typeof Busy | typeof Unavailable,
  RegExp?,
][] = [
  ['is refused', found([{ status: 'skipped', reasons: [{ code: '1017' }] }]), Rejected, /manually/],
  ['is refused without a reason', found([{ status: 'skipped' }]), Rejected, /manually/],
  ['lacks the permission', failure('603'), Unauthorized, /Read-Write Schema Custom Field/],
  ['has to wait', failure('606'), Busy],
  ['has no result', found([]), Unavailable],
  ['has a result that is no object', found([true]), Unavailable],
  ['is not answered', (response) => response.destroy(), Unavailable],
]

for (const [what, answer, kind, advice] of notMade) {
  test(`a new field that ${what} is ${kind.name}`, async () => {
    await using room = await openRoom(inTurn(described(...stock), answer, described(...stock)))
    await assert.rejects(room.schema.ensureField(recordId, call), (error) => {
      assert.ok(error instanceof kind)
      if (error instanceof Rejected || error instanceof Unauthorized)
        assert.match(error.detail.advice, advice ?? /./)
      return true
    })
  })
}
