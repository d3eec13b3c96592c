import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { Bend } from '../../sandbox/index.ts'
import { gatherRecords } from '../../src/dataverse/gathered-records.ts'
import { createRecords, type RecordRef } from '../../src/dataverse/records.ts'
import { Busy, Rejected, Unauthorized, Unavailable } from '../../src/errors.ts'
import { multipart, type PartAnswer } from './batch-rig.ts'
import { type Answer, bareClient, call, scriptedServer } from './rig.ts'
import { openRoom } from './room.ts'

type Room = Awaited<ReturnType<typeof openRoom>>
type BendHow = Bend['how']
type Operation = NonNullable<Bend['operation']>

/** Records by requests of their own, and gathered with those of others: the same in every respect but that. */
const ways = { records: createRecords, gathered: gatherRecords }
type Way = keyof typeof ways

function both(name: string, run: (how: Way) => Promise<void>): void {
  test(`${name} (alone)`, () => run('records'))
  test(`${name} (gathered)`, () => run('gathered'))
}

/** Bends the next create or read, or the part of a batch that it is. */
function bend({ sandbox }: Room, how: Way, operation: Operation, bent: BendHow): void {
  const inBatch: BendHow = bent.kind === 'error' ? { ...bent, kind: 'fail-part', at: 0 } : bent
  const isAlone = how === 'records'
  sandbox.dataverse.bend(isAlone ? { operation, how: bent } : { operation: 'batch', how: inBatch })
}

function alone({ status, body = '' }: PartAnswer): Answer {
  return (response) => response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
}

const lead: RecordRef = { table: 'lead', id: '0b1d7c5e-6c0a-5f1e-9d56-0a2f3f6f8b11' }
const contact: RecordRef = { table: 'contact', id: '5a0c2d9e-11aa-5b77-8c0e-64d5a7f0c222' }
const columns = { lastname: 'Ng', subject: 'Web form', emailaddress1: 'ng@example.invalid' }
/** Nothing that a stock duplicate rule looks at: those come before the row's own id. */
const unruled = { lastname: 'Ng', subject: 'Web form' }

both('a create makes the row under our id, and a second one finds the id taken', async (how) => {
  await using room = await openRoom()
  const first = await room[how].create(lead, unruled, call)
  const second = await room[how].create(lead, unruled, call)
  assert.deepEqual([first.kind, second.kind], ['created', 'id-taken'])
  assert.match(`${first.vendorRequestId} ${second.vendorRequestId}`, /^[0-9a-f-]{36} [0-9a-f-]{36}$/)
  const [commit, ...others] = room.sandbox.dataverse.commits
  assert.deepEqual([commit?.table, commit?.id, others], ['lead', lead.id, []])
})

const lost: [string, BendHow][] = [
  ['a reset', { kind: 'reset-after-commit' }],
  ['a body cut off', { kind: 'cut-body-after-commit' }],
  ['a hang', { kind: 'hang-after-commit' }],
  ['an HTML 502', { kind: 'html-502-after-commit' }],
]

for (const [name, loss] of lost) {
  both(`after a commit whose answer was lost to ${name}, the same create again is id-taken`, async (how) => {
    await using room = await openRoom({ settings: { callTimeoutMs: 1_000, bulkTimeoutMs: 1_000 } })
    await room.whoAmI(call)
    bend(room, how, 'create', loss)
    await room[how].create(lead, unruled, call).then(
      // A 204 has no body to cut.
      (result) =>
        assert.deepEqual([how, loss.kind, result.kind], ['records', 'cut-body-after-commit', 'created']),
      (error) => assert.ok(error instanceof Unavailable),
    )
    assert.equal((await room[how].create(lead, unruled, call)).kind, 'id-taken')
    assert.equal(room.sandbox.dataverse.commits.length, 1)
  })
}

const notCommitted: [string, BendHow][] = [
  ['a reset', { kind: 'reset-before-commit' }],
  ['an HTML 502', { kind: 'html-502-before-commit' }],
  ['a deadlock', { kind: 'deadlock' }],
  ['a 503', { kind: 'fail-before-commit', status: 503 }],
]

for (const [name, failure] of notCommitted) {
  both(`after ${name} before the commit, the same create again makes the row`, async (how) => {
    await using room = await openRoom()
    bend(room, how, 'create', failure)
    await assert.rejects(room[how].create(lead, columns, call), Unavailable)
    assert.equal((await room[how].create(lead, columns, call)).kind, 'created')
    assert.equal(room.sandbox.dataverse.commits.length, 1)
  })
}

both('a commit that comes late is met by id-taken, never by a second row', async (how) => {
  await using room = await openRoom()
  const lateMs = 1_000
  bend(room, how, 'create', { kind: 'commit-late', afterMs: lateMs })
  const over = Date.now() + 2 * lateMs
  await assert.rejects(room[how].create(lead, columns, call), Unavailable)
  const again = await room[how].create(lead, columns, call)
  assert.equal(again.kind, 'created')
  while (Date.now() < over) await room[how].read(lead, call)
  assert.equal(room.sandbox.dataverse.commits.length, 1)
})

both(
  'a duplicate rule of the organisation is a result of its own, and the setting switches it off',
  async (how) => {
    await using careful = await openRoom()
    careful.sandbox.dataverse.seed('lead', columns)
    const refused = await careful[how].create(lead, columns, call)
    assert.deepEqual(
      [refused.kind, refused.kind === 'duplicate' && refused.vendorCode],
      ['duplicate', '0x80040333'],
    )
    await using careless = await openRoom({ settings: { duplicateDetection: false } })
    careless.sandbox.dataverse.seed('lead', columns)
    assert.equal((await careless[how].create(lead, columns, call)).kind, 'created')
  },
)

const odd: [string, { status: number; code: string }, string][] = [
  ['a duplicate rule with the old status 500', { status: 500, code: '0x80040333' }, 'duplicate'],
  ['an alternate key', { status: 412, code: '0x80060892' }, 'duplicate'],
  ['a 412 of another kind', { status: 412, code: '0x80060882' }, 'Unavailable'],
  ['a look-up that points nowhere', { status: 404, code: '0x80040217' }, 'Rejected lookup-not-found'],
  ['a missing privilege', { status: 403, code: '0x80040220' }, 'Unauthorized privilege-missing'],
  ['a plug-in that objects', { status: 400, code: '0x80040265' }, 'Rejected business-rule'],
]

for (const [name, error, expected] of odd) {
  both(`a create refused by ${name} is ${expected}`, async (how) => {
    await using room = await openRoom()
    bend(room, how, 'create', { kind: 'error', message: 'x', ...error })
    const shown = await room[how].create(lead, columns, call).then(
      (result) => result.kind,
      (thrown) =>
        thrown instanceof Rejected || thrown instanceof Unauthorized
          ? `${thrown.name} ${thrown.detail.code}`
          : thrown.name,
    )
    assert.equal(shown, expected)
  })
}

both('a text that is too long names its column', async (how) => {
  await using room = await openRoom()
  const long = { ...columns, lastname: 'x'.repeat(51) }
  await assert.rejects(
    room[how].create(lead, long, call),
    (error) =>
      error instanceof Rejected &&
      error.detail.code === 'field-too-long' &&
      error.detail.field === 'lastname' &&
      error.detail.vendorRequestId !== undefined,
  )
})

both('find asks both tables in one request, by e-mail without regard to case, and by id', async (how) => {
  await using room = await openRoom()
  const { dataverse } = room.sandbox
  const byEmail = dataverse.seed('lead', { lastname: 'A', emailaddress1: 'Ng@Example.invalid' })
  const person = dataverse.seed('contact', { lastname: 'B', emailaddress1: 'ng@example.invalid' })
  const named = dataverse.seed('lead', { lastname: 'C', emailaddress1: 'other@example.invalid' })
  dataverse.seed('lead', { lastname: 'D', emailaddress1: 'nobody@example.invalid' })
  await room.whoAmI(call)
  const before = dataverse.calls.length
  const refs: RecordRef[] = [{ table: 'lead', id: named.toUpperCase() }, contact]
  const found = await room[how].find({ email: 'ng@example.invalid', refs }, call)
  assert.deepEqual(
    found.map(({ table, id }) => `${table} ${id}`).sort(),
    [`contact ${person}`, `lead ${byEmail}`, `lead ${named}`].sort(),
  )
  assert.equal(dataverse.calls.length - before, 1)
  assert.deepEqual(await room[how].find({ refs: [] }, call), [])
  assert.equal(dataverse.calls.length - before, 1)
})

both('a row that is asked for by id is found although the e-mail fills the page', async (how) => {
  await using room = await openRoom({ settings: { lookupRowsMax: 3 } })
  const { dataverse } = room.sandbox
  const email = 'shared@example.invalid'
  for (let count = 0; count < 10; count += 1) dataverse.seed('lead', { lastname: 'S', emailaddress1: email })
  const named = dataverse.seed('lead', { lastname: 'N', emailaddress1: 'n@example.invalid' })
  const found = await room[how].find({ email, refs: [{ table: 'lead', id: named }] }, call)
  assert.ok(found.some(({ id }) => id === named))
  assert.equal(new Set(found.map(({ id }) => id)).size, found.length)
})

both('what a look-up tells of a row: state, merge, and the lead or contact behind it', async (how) => {
  await using room = await openRoom()
  const { dataverse } = room.sandbox
  const master = dataverse.seed('lead', { lastname: 'M' })
  const person = dataverse.seed('contact', { lastname: 'P', originatingleadid: master })
  const loser = dataverse.seed('lead', {
    lastname: 'L',
    statecode: 2,
    statuscode: 7,
    merged: true,
    masterid: master,
    parentcontactid: person,
  })
  assert.deepEqual(await room[how].read({ table: 'lead', id: loser }, call), {
    table: 'lead',
    id: loser,
    stateCode: 2,
    merged: true,
    masterId: master,
    parentContactId: person,
  })
  assert.deepEqual(await room[how].find({ refs: [{ table: 'contact', id: person }] }, call), [
    { table: 'contact', id: person, stateCode: 0, merged: false, originatingLeadId: master },
  ])
})

both('a missing row reads as undefined', async (how) => {
  await using room = await openRoom()
  assert.equal(await room[how].read(lead, call), undefined)
})

both('a 404 that is not about the row is no proof that the row is gone', async (how) => {
  await using room = await openRoom()
  const bends: [string, typeof Unauthorized | typeof Unavailable][] = [
    ['0x80060888', Unauthorized],
    ['', Unavailable],
  ]
  for (const [code, kind] of bends) {
    bend(room, how, 'read', { kind: 'error', status: 404, code, message: 'x' })
    await assert.rejects(room[how].read(lead, call), kind)
  }
})

both(
  'an organisation without originatingleadid is asked once more without it, and it is remembered',
  async (how) => {
    await using room = await openRoom()
    const { dataverse } = room.sandbox
    dataverse.changeColumn('contact', 'originatingleadid', { remove: true })
    const id = dataverse.seed('contact', { lastname: 'B', emailaddress1: 'b@example.invalid' })
    await room.whoAmI(call)
    const counts: number[] = []
    for (let count = 0; count < 2; count += 1) {
      const before = dataverse.calls.length
      const found = await room[how].find({ email: 'b@example.invalid', refs: [] }, call)
      assert.deepEqual(found, [{ table: 'contact', id, stateCode: 0, merged: false }])
      counts.push(dataverse.calls.length - before)
    }
    assert.deepEqual(counts, [2, 1])
    assert.equal((await room[how].read({ table: 'contact', id }, call))?.id, id)
  },
)

both('columns that are refused for another reason do not take originatingleadid away', async (how) => {
  await using room = await openRoom()
  const { dataverse } = room.sandbox
  const origin = dataverse.seed('lead', { lastname: 'O' })
  const id = dataverse.seed('contact', { lastname: 'B', originatingleadid: origin })
  const refusal = { kind: 'error', status: 400, code: '0x80060888', message: 'x' } as const
  for (let count = 0; count < 2; count += 1) bend(room, how, 'read', refusal)
  await assert.rejects(room[how].read({ table: 'contact', id }, call), Unauthorized)
  assert.equal((await room[how].read({ table: 'contact', id }, call))?.originatingLeadId, origin)
})

const created: [string, PartAnswer, string][] = [
  ['a 204', { status: 204 }, 'created'],
  ['a 201 with the row', { status: 201, body: { leadid: lead.id } }, 'created'],
  ['a 201 with half a row', { status: 201, body: '{"leadid":"0b1d' }, 'Unavailable'],
  ['a sign-in page', { status: 200, body: '<html>' }, 'Unavailable'],
]

for (const [name, answer, expected] of created) {
  both(`a create answered by ${name} is ${expected}`, async (how) => {
    await using server = await scriptedServer(how === 'records' ? alone(answer) : multipart([answer]))
    await using rig = bareClient(server.origin)
    const shown = await ways[how](rig)
      .create(lead, columns, call)
      .then(
        (result) => result.kind,
        (error: Error) => error.name,
      )
    assert.equal(shown, expected)
  })
}

both('a page with a row that is not one is an unknown outcome', async (how) => {
  const page = JSON.stringify({ value: [{ leadid: lead.id, statecode: 0 }, { leadid: 'x' }] })
  const lines = ['--b', '', 'HTTP/1.1 200 OK', '', page, '--b--', '']
  await using server = await scriptedServer((response) =>
    response.writeHead(200, { 'content-type': 'multipart/mixed; boundary=b' }).end(lines.join('\r\n')),
  )
  await using rig = bareClient(server.origin)
  await assert.rejects(ways[how](rig).find({ refs: [lead] }, call), Unavailable)
})

both('any e-mail round-trips: the row made with it is the one row found by it', async (how) => {
  await using room = await openRoom()
  const { dataverse } = room.sandbox
  dataverse.seed('lead', { lastname: 'Decoy', emailaddress1: 'decoy@example.invalid' })
  const unit = fc.oneof(
    fc.constantFrom(...'\'&%+#?/\\;:@"<> ()'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  )
  const wild = fc.string({ unit, minLength: 1, maxLength: 20 }).filter((text) => text.trim() !== '')
  const known = [
    "o'ng+1@example.invalid",
    'a&b=%41@example.invalid',
    '👩🏽‍💻@example.invalid',
    "' or 1 eq 1 or '",
  ]
  await fc.assert(
    fc.asyncProperty(wild, async (text) => {
      dataverse.reset()
      dataverse.seed('lead', { lastname: 'Decoy', emailaddress1: 'decoy@example.invalid' })
      await room[how].create(lead, { lastname: 'W', emailaddress1: text }, call)
      const found = await room[how].find({ email: text, refs: [] }, call)
      assert.deepEqual(
        found.map(({ id }) => id),
        [lead.id],
      )
    }),
    { numRuns: 60, examples: known.map((text): [string] => [text]) },
  )
})

both('throttled rooms are Busy without a call', async (how) => {
  await using room = await openRoom()
  const throttle = { kind: 'throttle', code: '0x80072322', retryAfter: '420' } as const
  bend(room, how, 'create', throttle)
  await assert.rejects(room[how].create(lead, columns, call), Busy)
  const before = room.sandbox.dataverse.calls.length
  await assert.rejects(room[how].find({ email: 'x@example.invalid', refs: [] }, call), Busy)
  await assert.rejects(room[how].read(lead, call), Busy)
  assert.equal(room.sandbox.dataverse.calls.length, before)
  assert.ok(room.stats().pausedForMs > 410_000)
  assert.equal(room.sandbox.dataverse.commits.length, 0)
})

both('no event of a whole conversation holds a person', async (how) => {
  await using room = await openRoom()
  await room[how].create(lead, columns, call)
  await room[how].find({ email: columns.emailaddress1, refs: [lead] }, call)
  await assert.rejects(room[how].create(contact, { nonsense: 'Ng' }, call), Rejected)
  assert.doesNotMatch(room.lines.join('\n'), /Ng|ng@|example/)
})
