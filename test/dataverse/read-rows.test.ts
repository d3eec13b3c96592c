import assert from 'node:assert/strict'
import test from 'node:test'
import type { RecordRef } from '../../src/dataverse/records.ts'
import { Busy, Rejected, Unauthorized, Unavailable } from '../../src/errors.ts'
import {
  eachPart,
  guid,
  multipart,
  type Part,
  type PartAnswer,
  partsOf,
  refused,
  rowOf,
  rowsAgainst,
} from './batch-rig.ts'
import { type Answer, call, inTurn, refusal } from './rig.ts'

const selects = { lead: ['lastname', 'a b\r\n'], contact: [] }
const lead: RecordRef = { table: 'lead', id: guid(1) }
const contact: RecordRef = { table: 'contact', id: guid(2).toUpperCase() }
const served = eachPart((part) => rowOf(part))

test('rows are read by id in one batch, and come under table and id', async () => {
  await using rig = await rowsAgainst(served)
  const rows = await rig.rows.readRows([lead, contact, lead], selects, call)
  assert.deepEqual(
    rows,
    new Map([
      [`lead:${guid(1)}`, { id: guid(1), etag: 'W/"2"', columns: { leadid: guid(1) } }],
      [`contact:${guid(2)}`, { id: guid(2), etag: 'W/"2"', columns: { contactid: guid(2) } }],
    ]),
  )
  const [parts = []] = rig.batches()
  assert.deepEqual(
    parts.map(({ method, path }) => `${method} ${path}`),
    [
      `GET /api/data/v9.2/leads(${guid(1)})?$select=leadid,lastname,a%20b%0D%0A`,
      `GET /api/data/v9.2/contacts(${guid(2)})?$select=contactid`,
    ],
  )
  assert.equal(parts[0]?.headers['if-none-match'], 'null')
})

test('a row that is not there is not in the map', async () => {
  const answer = multipart([refused(404, '0x80040217'), rowOf({ path: `contacts(${guid(2)})`, body: '' })])
  await using rig = await rowsAgainst(answer)
  const rows = await rig.rows.readRows([lead, contact], selects, call)
  assert.deepEqual([...rows.keys()], [`contact:${guid(2)}`])
})

test('more rows than a batch holds are read in several, and no rows in none', async () => {
  await using rig = await rowsAgainst(served, { batchSizeMax: 2 })
  const refs = [1, 2, 3, 4, 5].map((count): RecordRef => ({ table: 'lead', id: guid(count) }))
  assert.equal((await rig.rows.readRows(refs, selects, call)).size, 5)
  assert.deepEqual(
    rig.batches().map(({ length }) => length),
    [2, 2, 1],
  )
  assert.equal((await rig.rows.readRows([], selects, call)).size, 0)
  assert.equal(rig.server.seen.length, 3)
})

type Thrown = typeof Busy | typeof Rejected | typeof Unauthorized | typeof Unavailable
const bad: [string, PartAnswer, Thrown][] = [
  ['is a 404 without a code', refused(404, ''), Unavailable],
  ['is a 404 of a path', refused(404, '0x80060888'), Rejected],
  ['names an unknown column', refused(400, '0x80060888'), Rejected],
  ['is throttled', refused(429, '0x80072322'), Busy],
  ['is forbidden', refused(403, '0x80040220'), Unauthorized],
  ['is an error of the server', refused(500, '0x80044151'), Unavailable],
  ['is HTML', { status: 200, body: '<html>' }, Unavailable],
  ['is cut off', { status: 200, body: '{"leadid":"0b1d' }, Unavailable],
  ['is empty', { status: 204 }, Unavailable],
  ['has no etag', { status: 200, body: { leadid: guid(1) } }, Rejected],
  ["is somebody else's row", rowOf({ path: `leads(${guid(3)})`, body: '' }), Unavailable],
  ['is a row of the other table', rowOf({ path: `contacts(${guid(1)})`, body: '' }), Rejected],
]

for (const [name, answer, thrown] of bad) {
  test(`when a part ${name}, nobody is taken for absent: ${thrown.name}`, async () => {
    await using rig = await rowsAgainst(eachPart((part, index) => (index === 0 ? answer : rowOf(part))))
    await assert.rejects(rig.rows.readRows([lead, contact], selects, call), thrown)
  })
}

const whole: [string, Answer, Thrown][] = [
  ['throttled', refusal(429, '0x80072326', 'x', { 'retry-after': '9' }), Busy],
  ['cut off', multipart([refused(404, '0x80040217')], 60), Unavailable],
  ['short of parts, without an error', multipart([]), Unavailable],
  ['HTML with status 200', (response) => response.writeHead(200).end('<html>'), Unavailable],
  ['a missing row', refusal(404, '0x80040217', 'x'), Unavailable],
]

for (const [name, answer, thrown] of whole) {
  test(`when the batch is ${name}, nobody is taken for absent: ${thrown.name}`, async () => {
    await using rig = await rowsAgainst(answer)
    await assert.rejects(rig.rows.readRows([lead, contact], selects, call), thrown)
  })
}

test('a token that ends amid a batch is renewed once', async () => {
  const stopped = eachPart((part, index) => (index === 0 ? refused(401, '0x80041d52') : rowOf(part)))
  await using rig = await rowsAgainst(inTurn(stopped, served))
  assert.equal((await rig.rows.readRows([lead, contact], selects, call)).size, 2)
  assert.equal(rig.server.seen.length, 2)
})

test('a thousand rows of 40 full columns fit into one reply', async () => {
  const columns = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [`column_${index}`, 'x'.repeat(200)]),
  )
  const answer = eachPart((part) => {
    const { body } = rowOf(part)
    return { status: 200, body: { ...Object(body), ...columns } }
  })
  await using rig = await rowsAgainst(answer)
  const refs = Array.from({ length: 1_000 }, (_, count): RecordRef => ({ table: 'lead', id: guid(count) }))
  assert.equal((await rig.rows.readRows(refs, selects, call)).size, 1_000)
  assert.equal(rig.server.seen.length, 1)
})

/** A server that ends a batch at its first error although it was asked to go on, with that error's status or 200. */
function stopping(answerOf: (part: Part) => PartAnswer, status: 'own' | 200): Answer {
  return (response, seen) => {
    const answers = partsOf(seen.body).map(answerOf)
    const at = answers.findIndex((answer) => answer.status >= 400)
    const given = at < 0 ? answers : answers.slice(0, at + 1)
    multipart(
      given,
      undefined,
      status === 'own' && at >= 0 ? (answers[at]?.status ?? 400) : 200,
    )(response, seen)
  }
}

for (const status of ['own', 200] as const) {
  test(`rows are all read where a batch ends at each row that is not there, with status ${status}`, async () => {
    const isThere = ({ path }: Part) => !/0000000[147]\)/.test(path)
    await using rig = await rowsAgainst(
      stopping((part) => (isThere(part) ? rowOf(part) : refused(404, '0x80040217')), status),
    )
    const refs = [1, 2, 3, 4, 5, 6, 7, 8].map((count): RecordRef => ({ table: 'lead', id: guid(count) }))
    const rows = await rig.rows.readRows(refs, selects, call)
    assert.deepEqual(
      [...rows.keys()],
      [2, 3, 5, 6, 8].map((count) => `lead:${guid(count)}`),
    )
    assert.ok(rig.server.seen.length <= 12, String(rig.server.seen.length))
  })
}

test('rows are read although one batch in two cannot be taken apart', async () => {
  const garbled: Answer = (response, seen) => {
    const parts = partsOf(seen.body)
    if (parts.length <= 2) return served(response, seen)
    multipart(parts.slice(1).map((part) => rowOf(part)))(response, seen)
  }
  await using rig = await rowsAgainst(garbled)
  const refs = [1, 2, 3, 4, 5, 6, 7].map((count): RecordRef => ({ table: 'lead', id: guid(count) }))
  assert.equal((await rig.rows.readRows(refs, selects, call)).size, 7)
})
