import assert from 'node:assert/strict'
import test from 'node:test'
import { Rejected, Unavailable } from '../../src/errors.ts'
import { type Answer, call, inTurn, type Seen } from '../dataverse/rig.ts'
import { failure, found, openRoom } from './rig.ts'

const parametersOf = ({ method, path, body }: Seen) =>
  new URLSearchParams(method === 'POST' ? body : path.split('?')[1])
const valuesOf = (seen: Seen) => (parametersOf(seen).get('filterValues') ?? '').split(',')
const tooMany = failure('1003', 'Too many results match the filter')

test('everybody with one of the values is found, two with the same one too', async () => {
  const rows = [
    { id: 1, email: 'a@example.org', microsoftRecordId: null },
    { id: 2, email: 'A@example.org', microsoftRecordId: 'r2' },
  ]
  await using room = await openRoom(found(rows))
  const people = await room.people.search('email', ['a@example.org'], ['email', 'microsoftRecordId'], call)
  assert.deepEqual(people, [
    { marketoId: 1, fields: { email: 'a@example.org', microsoftRecordId: null } },
    { marketoId: 2, fields: { email: 'A@example.org', microsoftRecordId: 'r2' } },
  ])
  const [seen = assert.fail()] = room.calls()
  assert.deepEqual(Object.fromEntries(parametersOf(seen)), {
    filterType: 'email',
    filterValues: 'a@example.org',
    fields: 'id,email,microsoftRecordId',
    batchSize: '300',
  })
})

test('700 long values go in three calls, as forms where that is needed, each value once', async () => {
  const values = Array.from(
    { length: 700 },
    (_, index) => `somebody+${index}@a-rather-long-domain.example.org`,
  )
  await using room = await openRoom(found([]))
  assert.deepEqual(await room.people.search('email', [...values, ...values], ['email'], call), [])
  assert.deepEqual(
    room.calls().map((seen) => [seen.method, valuesOf(seen).length]),
    [
      ['POST', 300],
      ['POST', 300],
      ['GET', 100],
    ],
  )
  assert.deepEqual(room.calls().flatMap(valuesOf), values)
})

test('an empty value and one with a comma cannot be asked for, and nothing else is no call', async () => {
  await using room = await openRoom(found([]))
  await room.people.search('email', ['', 'a,b@example.org'], ['email'], call)
  assert.equal(room.calls().length, 0)
  await room.people.search('email', ['', 'a,b@example.org', 'c@example.org'], ['email'], call)
  assert.deepEqual(room.calls().flatMap(valuesOf), ['c@example.org'])
})

test('every page is read, though all values have been met', async () => {
  const api = inTurn(
    found([{ id: 1, email: 'a' }], { nextPageToken: 'T1==' }),
    found([{ id: 2, email: 'a' }]),
  )
  await using room = await openRoom(api)
  assert.equal((await room.people.search('email', ['a'], ['email'], call)).length, 2)
})

test('where more than 1,000 people match, each half is asked for', async () => {
  const api: Answer = (response, seen) => {
    const values = valuesOf(seen)
    const answer =
      values.length > 2 ? tooMany : found(values.map((value) => ({ id: Number(value), email: value })))
    answer(response, seen)
  }
  await using room = await openRoom(api)
  const people = await room.people.search('email', ['1', '2', '3', '4', '5'], ['email'], call)
  assert.deepEqual(
    people.map(({ marketoId }) => marketoId),
    [1, 2, 3, 4, 5],
  )
  assert.deepEqual(room.calls().map(valuesOf).map(String), ['1,2,3,4,5', '1,2,3', '1,2', '3', '4,5'])
})

test('one value with more than 1,000 people is Rejected, and says which field', async () => {
  await using room = await openRoom(tooMany)
  await assert.rejects(room.people.search('email', ['a', 'b'], ['email'], call), (error) => {
    assert.ok(error instanceof Rejected)
    const { code, field, vendorCode } = error.detail
    assert.deepEqual([code, field, vendorCode], ['marketo-too-many-matches', 'email', '1003'])
    return true
  })
  assert.equal(room.calls().length, 2)
})

test('any other refusal is not asked about twice', async () => {
  await using room = await openRoom(failure('1011', 'Field not supported'))
  await assert.rejects(
    room.people.search('title', ['a', 'b'], ['email'], call),
    (error) => error instanceof Rejected && error.detail.code === 'marketo-field-not-searchable',
  )
  assert.equal(room.calls().length, 1)
})

test('a row that is no object is Unavailable', async () => {
  await using room = await openRoom(found([1]))
  await assert.rejects(room.people.search('email', ['a'], ['email'], call), Unavailable)
})
