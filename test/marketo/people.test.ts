import assert from 'node:assert/strict'
import test from 'node:test'
import { Rejected, Unavailable } from '../../src/errors.ts'
import type { RefusedReads } from '../../src/marketo/people.ts'
import { type Answer, call, inTurn, json, type Seen } from '../dataverse/rig.ts'
import { failure, found, openRoom } from './rig.ts'

const parametersOf = ({ method, path, body }: Seen) =>
  Object.fromEntries(new URLSearchParams(method === 'POST' ? body : path.split('?')[1]))

const valuesOf = (seen: Seen) => (parametersOf(seen).filterValues ?? '').split(',')

/** Has everybody who is asked for, 300 at most. */
const everybody: Answer = (response, seen) => {
  const { filterValues = '' } = parametersOf(seen)
  const ids = filterValues.split(',').map(Number)
  found(ids.map((id) => ({ id, email: `p${id}@example.org` })))(response, seen)
}

test('one GET asks for the fields of one person, and the id comes along', async () => {
  await using room = await openRoom(
    found([{ id: 4711, email: 'ann@example.org', leadScore: 7, isLead: true }]),
  )
  const people = await room.people.read([4711], ['email', 'leadScore', 'isLead'], call)
  assert.deepEqual([...people], [[4711, { email: 'ann@example.org', leadScore: 7, isLead: true }]])
  const [seen = assert.fail()] = room.calls()
  assert.deepEqual([seen.method, seen.path.split('?')[0], seen.body], ['GET', '/rest/v1/leads.json', ''])
  const fields = 'id,email,leadScore,isLead'
  assert.deepEqual(parametersOf(seen), { filterType: 'id', filterValues: '4711', fields, batchSize: '300' })
})

test('an empty field is null, whether Marketo says so or leaves it out, and no other field comes in', async () => {
  await using room = await openRoom(found([{ id: 1, email: null, firstName: '', updatedAt: 'x' }]))
  const people = await room.people.read([1], ['email', 'firstName', 'title'], call)
  assert.deepEqual([...people], [[1, { email: null, firstName: '', title: null }]])
})

const absences: [string, Answer][] = [
  ['an empty result', found([])],
  ['no result at all', found(undefined)],
  ['a failure that says so (1004)', failure('1004', 'Lead not found')],
  ['a failure that says so (702)', failure('702', 'No data found')],
  ['the row of somebody else, such as the survivor of a merge', found([{ id: 2, email: 'b@example.org' }])],
]

for (const [what, answer] of absences) {
  test(`a person is not in the map after ${what}`, async () => {
    await using room = await openRoom(answer)
    assert.deepEqual([...(await room.people.read([1], ['email'], call))], [])
  })
}

test('"Lead not found" about several people is no proof that all of them are gone: each is asked for alone', async () => {
  await using room = await openRoom((response, seen) => {
    const ids = valuesOf(seen)
    ;(ids.includes('1') ? failure('1004', 'Lead not found') : everybody)(response, seen)
  })
  assert.deepEqual([...(await room.people.read([1, 2, 3], ['email'], call)).keys()], [2, 3])
})

test('a read that one person makes Marketo refuse is divided; they alone are not found, with the reason', async () => {
  await using room = await openRoom((response, seen) => {
    ;(valuesOf(seen).includes('117') ? failure('1003', 'Invalid data') : everybody)(response, seen)
  })
  const ids = Array.from({ length: 300 }, (_, index) => index + 1)
  const refused: RefusedReads<number> = new Map()
  const people = await room.people.read(ids, ['email'], call, refused)
  assert.equal(people.size, 299)
  assert.deepEqual(
    [...refused].map(([id, why]) => [id, why !== 'unasked' && [why.code, why.vendorCode]]),
    [[117, ['marketo-value-invalid', '1003']]],
  )
  assert.ok(room.calls().length <= 20)
  await assert.rejects(room.people.read(ids, ['email'], call), Rejected)
})

test('who could not be asked for because others were refused is said to be unasked, never to be gone', async () => {
  await using room = await openRoom(
    (response, seen) => {
      ;(valuesOf(seen).some((id) => Number(id) % 7 === 0) ? failure('1003') : everybody)(response, seen)
    },
    { settings: { callDivisionsMax: 12 } },
  )
  const ids = Array.from({ length: 300 }, (_, index) => index + 1)
  const refused: RefusedReads<number> = new Map()
  const people = await room.people.read(ids, ['email'], call, refused)
  assert.ok([...refused.values()].includes('unasked'))
  assert.deepEqual(
    [...people.keys(), ...refused.keys()].sort((a, b) => a - b),
    ids,
  )
  await assert.rejects(room.people.read(ids, ['email'], call))
})

for (const [code, message] of [
  ['1006', "Field 'hat' not found"],
  ['1003', 'Invalid fields [hat]'],
  ['703', 'Feature'],
] as const) {
  test(`a read that is refused with "${message}" is about nobody: it is not divided`, async () => {
    await using room = await openRoom(failure(code, message))
    const refused: RefusedReads<number> = new Map()
    await assert.rejects(room.people.read([1, 2, 3], ['hat'], call, refused), Rejected)
    assert.deepEqual([refused.size, room.calls().length], [0, 1])
  })
}

test('nobody asked for is no call', async () => {
  await using room = await openRoom(everybody)
  assert.deepEqual([(await room.people.read([], ['email'], call)).size, room.calls().length], [0, 0])
})

test('more than 300 people are asked for 300 a call, each of them once', async () => {
  await using room = await openRoom(everybody)
  const ids = Array.from({ length: 601 }, (_, index) => index + 1)
  const people = await room.people.read([...ids, 1, 2, 3], ['email'], call)
  assert.deepEqual([...people.keys()], ids)
  assert.equal(people.get(601)?.email, 'p601@example.org')
  const asked = room.calls().map((seen) => parametersOf(seen).filterValues?.split(',').length)
  assert.deepEqual(asked, [300, 300, 1])
})

test('an address that would be too long goes as a form, and the URL names nobody', async () => {
  await using room = await openRoom(everybody)
  const ids = Array.from({ length: 300 }, (_, index) => 90_000_000 + index)
  const fields = Array.from({ length: 300 }, (_, index) => `someCustomField_${index}`)
  const people = await room.people.read(ids, fields, call)
  assert.equal(people.size, 300)
  const [seen = assert.fail()] = room.calls()
  assert.deepEqual([seen.method, seen.path], ['POST', '/rest/v1/leads.json?_method=GET'])
  assert.equal(seen.headers['content-type'], 'application/x-www-form-urlencoded')
  assert.deepEqual(parametersOf(seen), {
    filterType: 'id',
    filterValues: ids.join(),
    fields: ['id', ...fields].join(),
    batchSize: '300',
  })
})

test('the longest address that is sent as one is within the limit', async () => {
  await using room = await openRoom(everybody, { settings: { urlBytesMax: 300 } })
  for (let count = 1; count < 60; count += 1) {
    await room.people.read(
      [1],
      Array.from({ length: count }, () => 'x').map((x, at) => `${x}${at}`),
      call,
    )
    if (room.calls().at(-1)?.method === 'POST') break
  }
  const sizes = room.calls().map(({ method, path, headers }) => {
    return [method, `http://${headers.host}${path}`.length] as const
  })
  const longest = Math.max(...sizes.filter(([method]) => method === 'GET').map(([, size]) => size))
  assert.ok(longest <= 300 && longest > 290, `${longest}`)
  assert.equal(sizes.at(-1)?.[0], 'POST')
})

test('pages are followed while people are missing, a short and an empty one included', async () => {
  const api = inTurn(
    found([{ id: 1, email: 'a' }], { nextPageToken: 'T1==' }),
    found(undefined, { nextPageToken: 'T2==' }),
    found([{ id: 2, email: 'b' }], { nextPageToken: 'T3==' }),
  )
  await using room = await openRoom(api)
  const people = await room.people.read([1, 2], ['email'], call)
  assert.deepEqual([...people.keys()], [1, 2])
  const tokens = room.calls().map((seen) => parametersOf(seen).nextPageToken)
  assert.deepEqual(tokens, [undefined, 'T1==', 'T2=='])
})

test('an empty token for the next page is none', async () => {
  await using room = await openRoom(found([], { nextPageToken: '' }))
  await room.people.read([1], ['email'], call)
  assert.equal(room.calls().length, 1)
})

test('pages without end are given up', async () => {
  await using room = await openRoom(found([], { nextPageToken: 'T==' }), { settings: { pagesMax: 3 } })
  await assert.rejects(room.people.read([1], ['email'], call), Unavailable)
  assert.equal(room.calls().length, 3)
})

const oddRows: [string, unknown][] = [
  ['without an id', { email: 'a' }],
  ['with an id that is no number', { id: '1', email: 'a' }],
  ['with a field that is not a plain value', { id: 1, email: { value: 'a' } }],
]

for (const [what, row] of oddRows) {
  test(`a person ${what} is Unavailable rather than half read`, async () => {
    await using room = await openRoom(json(200, { requestId: 'r#1', success: true, result: [row] }))
    await assert.rejects(
      room.people.read([1], ['email'], call),
      (error) => error instanceof Unavailable && error.vendorRequestId === 'r#1',
    )
  })
}
