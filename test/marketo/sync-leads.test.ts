import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../../src/clock.ts'
import { Unauthorized } from '../../src/errors.ts'
import type { WriteResult } from '../../src/marketo/bulk-write.ts'
import { createMarketo } from '../../src/marketo/marketo.ts'
import { type Answer, call, inTurn, json, listeningLog, type Seen, scriptedServer } from '../dataverse/rig.ts'
import { failure, found, openRoom } from './rig.ts'

interface Body {
  action: string
  lookupField: string
  input: Record<string, unknown>[]
}
const bodyOf = ({ body }: Seen): Body => JSON.parse(body)

/** Does as it is told: updates by id, or creates 1, 2, … */
const obedient: Answer = (response, seen) => {
  const { action, input } = bodyOf(seen)
  const result = input.map(({ id, key }) =>
    action === 'updateOnly' ? { id, status: 'updated' } : { id: Number(key), status: 'created' },
  )
  found(result)(response, seen)
}

const updates = (...ids: number[]) =>
  ids.map((marketoId) => ({ marketoId, fields: { lastName: `n${marketoId}` } }))
const people = (...keys: number[]) => keys.map((key) => ({ key: String(key), lastName: `n${key}` }))
const updated = (marketoId: number): WriteResult => ({ kind: 'updated', marketoId })
const answered = (result: WriteResult | undefined) => {
  assert.ok(result?.kind === 'unknown')
  return [result.detail?.code, result.detail?.vendorRequestId]
}
const odd = ['marketo-answer-unknown', '6227#17d4f044661']
const kinds = (results: readonly WriteResult[]) => results.map(({ kind }) => kind)

test('an update goes by id, and an empty field as null', async () => {
  await using room = await openRoom(found([{ id: 4711, status: 'updated' }]))
  const fields = { lastName: 'Ek', leadScore: null, unsubscribed: false }
  assert.deepEqual(await room.syncLeads.update([{ marketoId: 4711, fields }], call), [updated(4711)])
  const [seen = assert.fail()] = room.calls()
  assert.deepEqual(
    [seen.method, seen.path, seen.headers['content-type']],
    ['POST', '/rest/v1/leads.json', 'application/json'],
  )
  const input = [{ lastName: 'Ek', leadScore: null, unsubscribed: false, id: 4711 }]
  assert.deepEqual(bodyOf(seen), { action: 'updateOnly', lookupField: 'id', input })
})

test('an upsert goes by the given field and says whom it made or met', async () => {
  const answer = found([
    { id: 1, status: 'created' },
    { id: '2', status: 'updated' },
  ])
  await using room = await openRoom(answer)
  const rows = [{ microsoftRecordId: 'r1', email: 'ann@example.org' }, { microsoftRecordId: 'r2' }]
  assert.deepEqual(await room.syncLeads.upsert(rows, 'microsoftRecordId', call), [
    { kind: 'created', marketoId: 1 },
    { kind: 'updated', marketoId: 2 },
  ])
  const [seen = assert.fail()] = room.calls()
  const body = { action: 'createOrUpdate', lookupField: 'microsoftRecordId', input: rows }
  assert.deepEqual(bodyOf(seen), body)
})

test('700 records are three calls, one after the other, and nobody is no call', async () => {
  let underWay = 0
  const api: Answer = (response, seen) => {
    underWay += 1
    assert.equal(underWay, 1)
    response.on('finish', () => {
      underWay -= 1
    })
    obedient(response, seen)
  }
  await using room = await openRoom(api)
  const ids = Array.from({ length: 700 }, (_, index) => index + 1)
  assert.deepEqual(await room.syncLeads.update(updates(...ids), call), ids.map(updated))
  assert.deepEqual(
    room.calls().map((seen) => bodyOf(seen).input.length),
    [300, 300, 100],
  )
  assert.deepEqual(await room.syncLeads.update([], call), [])
  assert.equal(room.calls().length, 3)
})

test('upserts of several callers go one after the other; who gives up while waiting has sent nothing', async () => {
  const held: (() => void)[] = []
  await using room = await openRoom((response, seen) => {
    if (seen.method === 'GET') found([])(response, seen)
    else held.push(() => obedient(response, seen))
  })
  const writes = () => room.calls().filter(({ method }) => method === 'POST')
  const leaving = new AbortController()
  const first = room.syncLeads.upsert(people(1), 'key', call)
  const second = room.syncLeads.upsert(people(2), 'key', { signal: leaving.signal })
  const third = room.syncLeads.upsert(people(3), 'key', call)
  leaving.abort(new Error('deadline'))
  assert.deepEqual(await second, [{ kind: 'unsent', retryAfterMs: 5_000 }])
  while (held.length < 1) await new Promise((resolve) => setImmediate(resolve))
  // A read that goes out later and comes back: by then a second write would have arrived too.
  await room.people.read([9], [], call)
  assert.equal(writes().length, 1)
  held.shift()?.()
  await first
  while (held.length < 1) await new Promise((resolve) => setImmediate(resolve))
  held.shift()?.()
  assert.deepEqual(await third, [{ kind: 'created', marketoId: 3 }])
  assert.deepEqual(
    writes().map((seen) => bodyOf(seen).input[0]?.key),
    ['1', '3'],
  )
})

test('whatever the records are, each call is within 300 and the bytes, and each result is about its record', async () => {
  await using room = await openRoom(obedient, {
    settings: { bodyBytesMax: 400, windowCallsMax: 1e6, dailyCallsMax: 1e6, batchSizeMax: 5 },
  })
  const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 120, size: 'max' }), { maxLength: 25 })
  await fc.assert(
    fc.asyncProperty(texts, async (all) => {
      const before = room.calls().length
      const asked = all.map((text, index) => ({ marketoId: index + 1, fields: { text } }))
      const results = await room.syncLeads.update(asked, call)
      const calls = room.calls().slice(before)
      for (const seen of calls) {
        assert.ok(Buffer.byteLength(seen.body) <= 400, `${Buffer.byteLength(seen.body)} bytes`)
        assert.ok(bodyOf(seen).input.length <= 5)
      }
      const sent = calls.flatMap((seen) => bodyOf(seen).input)
      const sentIds = new Set(sent.map(({ id }) => id))
      assert.equal(sentIds.size, sent.length)
      for (const [index, result] of results.entries()) {
        if (sentIds.has(index + 1)) assert.deepEqual(result, updated(index + 1))
        else assert.ok(result.kind === 'refused' && result.detail.code === 'marketo-too-large')
      }
      const alone = all.filter((text) => Buffer.byteLength(JSON.stringify({ text, id: 10 })) > 340)
      if (alone.length === 0) assert.equal(sent.length, all.length)
    }),
    { numRuns: 60, endOnFailure: true },
  )
})

const skipped = (code: unknown, message = '') => ({ status: 'skipped', reasons: [{ code, message }] })
const reasons: [string, unknown, string, string?, string?][] = [
  ['1004', skipped('1004', 'Lead not found'), 'missing'],
  ['1013', skipped(1013, 'Object not found'), 'missing'],
  ['1003', skipped('1003', 'Invalid data'), 'refused', 'marketo-value-invalid'],
  [
    '1006 and a field',
    skipped('1006', "Field 'shoeSize' not found"),
    'refused',
    'marketo-field-unknown',
    'shoeSize',
  ],
  ['1007', skipped('1007', 'Multiple lead match lookup criteria'), 'refused', 'marketo-person-ambiguous'],
  ['a code nobody knows', skipped('4242'), 'refused', 'marketo-record-refused'],
  ['no reason', { status: 'skipped' }, 'refused', 'marketo-record-refused'],
  ['an unreadable reason', { status: 'skipped', reasons: 'no' }, 'refused', 'marketo-record-refused'],
  ['713', skipped('713', 'Transient error'), 'unsent'],
  ['1019', skipped('1019', 'Import in progress'), 'unsent'],
]

for (const [what, item, kind, code, field] of reasons) {
  test(`a record skipped with ${what} is ${kind}, and its neighbours are written`, async () => {
    await using room = await openRoom(
      found([{ id: 1, status: 'updated' }, item, { id: 3, status: 'updated' }]),
    )
    const [first, second, third] = await room.syncLeads.update(updates(1, 2, 3), call)
    assert.deepEqual([first, third], [updated(1), updated(3)])
    assert.equal(second?.kind, kind)
    if (second?.kind !== 'refused') return
    const { detail } = second
    assert.deepEqual([detail.code, detail.field, detail.vendorRequestId], [code, field, '6227#17d4f044661'])
  })
}

const oddItems: [string, unknown][] = [
  ['no object', 7],
  ['nothing', null],
  ['without a status', { id: 2 }],
  ['of a status that nobody knows', { id: 2, status: 'queued' }],
]

for (const [what, item] of oddItems) {
  test(`a result that is ${what} leaves that record unknown, and says that Marketo has answered`, async () => {
    await using room = await openRoom(found([{ id: 1, status: 'updated' }, item]))
    const [first, second] = await room.syncLeads.update(updates(1, 2), call)
    assert.deepEqual([first, answered(second)], [updated(1), odd])
  })
}

test('an updated record without an id is the one at its position; a created one is unknown', async () => {
  await using room = await openRoom(found([{ status: 'updated' }]))
  assert.deepEqual(await room.syncLeads.update(updates(1), call), [updated(1)])
  const [made] = await room.syncLeads.upsert(people(1), 'key', call)
  assert.deepEqual(answered(made), odd)
})

const known = (...ids: number[]) => ids.map((id) => ({ id, status: 'updated' }))
const lists: [string, unknown[], readonly (number | undefined)[]][] = [
  ['fewer results', known(1, 3), [1, undefined, 3]],
  ['more results', known(1, 2, 9, 3), [1, 2, 3]],
  ['results in another order', known(3, 1, 2), [1, 2, 3]],
  ['a result of somebody else', known(1, 9, 3), [1, undefined, 3]],
  [
    'a skipped record of another id',
    [...known(1), { ...skipped('1007'), id: 1 }, ...known(3)],
    [1, undefined, 3],
  ],
]

for (const [what, result, ids] of lists) {
  test(`${what}: each result is taken for the record whose id it has, and for no other`, async () => {
    await using room = await openRoom(found(result))
    const results = await room.syncLeads.update(updates(1, 2, 3), call)
    for (const [at, id] of ids.entries()) {
      if (id === undefined) assert.deepEqual(answered(results[at]), odd)
      else assert.deepEqual(results[at], updated(id))
    }
  })
}

test('fewer results than people who were to be made say nothing about any of them', async () => {
  await using room = await openRoom(found([{ id: 1, status: 'created' }]))
  const results = await room.syncLeads.upsert(people(1, 2), 'key', call)
  assert.deepEqual(results.map(answered), [odd, odd])
})

const cutOnItsWay: Answer = (response) => {
  response.writeHead(200, { 'content-length': '99' }).write('{', () => response.destroy())
}
const oddAnswers: [string, Answer][] = [
  ['no result at all', found(undefined)],
  ['a result that is no list', found({ id: 1 })],
  ['HTML', (response) => response.writeHead(502).end('<html>')],
  ['a cut body', (response) => response.end('{"success":true,"result":[{"id":1,"status":"upd')],
  ['a body that is cut on its way', cutOnItsWay],
  ['a connection that is cut', (response) => response.destroy()],
  ['nothing in time', () => {}],
  ['a body longer than is read', found('x'.repeat(200_000))],
  ['604', failure('604', 'Timeout')],
  ['611', failure('611', 'System error')],
  ['a code nobody knows', failure('4242')],
  ['702, which says nothing about a write', failure('702', 'No data found')],
]

for (const [what, answer] of oddAnswers) {
  test(`${what} leaves every record of the call unknown, and the next call is not made`, async () => {
    const settings = { batchSizeMax: 2, writeTimeoutMs: 200, replyBytesMax: 100_000, unsentRetryMs: 7_000 }
    await using room = await openRoom(inTurn(answer, obedient), { settings })
    const results = await room.syncLeads.update(updates(1, 2, 3), call)
    assert.deepEqual(kinds(results), ['unknown', 'unknown', 'unsent'])
    assert.deepEqual(results[2], { kind: 'unsent', retryAfterMs: 7_000 })
    assert.equal(room.calls().length, 1)
    assert.deepEqual(await room.syncLeads.update(updates(3), call), [updated(3)])
  })
}

test('a caller who gives up while a call is under way leaves its records unknown', async () => {
  const caller = new AbortController()
  await using room = await openRoom(() => caller.abort(new Error('deadline')), {
    settings: { batchSizeMax: 1 },
  })
  const results = await room.syncLeads.update(updates(1, 2), { signal: caller.signal })
  assert.deepEqual(kinds(results), ['unknown', 'unsent'])
})

const busy: [string, Answer, least: number][] = [
  ['606', failure('606', 'Rate'), 19_000],
  ['615', failure('615', 'Concurrent'), 1_000],
  ['607', failure('607', 'Quota'), 60_000],
]

for (const [what, answer, least] of busy) {
  test(`${what} leaves this call and those after it unsent, for as long as Marketo asks`, async () => {
    await using room = await openRoom(inTurn(obedient, answer), { settings: { batchSizeMax: 1 } })
    const [first, second, third] = await room.syncLeads.update(updates(1, 2, 3), call)
    assert.deepEqual([first, third], [updated(1), second])
    assert.ok(second?.kind === 'unsent' && second.retryAfterMs >= least, JSON.stringify(second))
    assert.equal(room.calls().length, 2)
  })
}

/** Refuses every call that holds one of these people. */
const refusing =
  (answer: Answer, ...ids: number[]): Answer =>
  (response, seen) => {
    const isIn = bodyOf(seen).input.some(({ id, key }) => ids.includes(Number(id ?? key)))
    ;(isIn ? answer : obedient)(response, seen)
  }
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
/** Who was not written, with code and vendor's code. */
const left = (results: readonly WriteResult[]) =>
  results.flatMap((result, index) =>
    result.kind === 'refused'
      ? [[index + 1, result.detail.code, result.detail.vendorCode]]
      : result.kind === 'updated' || result.kind === 'created'
        ? []
        : [[index + 1, result.kind]],
  )

const ofOne: [string, Answer, string, string][] = [
  ['609', failure('609', 'Invalid JSON'), 'marketo-record-refused', '609'],
  ['610', failure('610', 'Resource not found'), 'marketo-record-refused', '610'],
  ['701', failure('701', 'Must not be blank'), 'marketo-record-refused', '701'],
  ['1001', failure('1001', "Invalid value 'x'"), 'marketo-value-invalid', '1001'],
  ['1003', failure('1003', 'Invalid data'), 'marketo-value-invalid', '1003'],
  ['1004', failure('1004', 'Lead not found'), 'marketo-record-refused', '1004'],
  ['1007', failure('1007', 'Multiple lead match'), 'marketo-person-ambiguous', '1007'],
  ['1008', failure('1008', 'Access denied'), 'marketo-partition-refused', '1008'],
  ['a code of a record that Adobe does not list', failure('1099'), 'marketo-record-refused', '1099'],
  ['413', json(413, {}), 'marketo-too-large', 'HTTP 413'],
]

for (const [what, answer, code, vendorCode] of ofOne) {
  test(`a call that is refused with ${what} is divided until who is to blame is alone`, async () => {
    await using room = await openRoom(refusing(answer, 117))
    const results = await room.syncLeads.update(updates(...numbers(300)), call)
    assert.deepEqual(left(results), [[117, code, vendorCode]])
    assert.ok(room.calls().length <= 2 * 9 + 1, `${room.calls().length} calls`)
  })
}

test('of people who are to be made, and of activities, the one to blame is found as well', async () => {
  const refused: Answer = (response, seen) => {
    const { input } = JSON.parse(seen.body) as { input: { key?: string; leadId?: number }[] }
    if (input.some(({ key, leadId }) => key === '5' || leadId === 5)) failure('1003')(response, seen)
    else if (input[0]?.key !== undefined) obedient(response, seen)
    else found(input.map((_, id) => ({ id, status: 'added' })))(response, seen)
  }
  await using room = await openRoom(refused)
  const refusal = [[5, 'marketo-value-invalid', '1003']]
  assert.deepEqual(left(await room.syncLeads.upsert(people(...numbers(9)), 'key', call)), refusal)
  const activities = numbers(9).map((marketoId) => {
    return { marketoId, at: 0, typeId: 1, primaryAttributeValue: 'x', attributes: {} }
  })
  assert.deepEqual(left(await room.activityLog.add(activities, call)), refusal)
})

test('several to blame are found; when the divisions are used up the rest is unsent, and the next try goes on', async () => {
  const bad = [3, 80, 150, 151, 299]
  await using room = await openRoom(refusing(failure('1003'), ...bad), { settings: { callDivisionsMax: 20 } })
  const results = await room.syncLeads.update(updates(...numbers(300)), call)
  const found = left(results).flatMap(([id, code]) => (code === 'marketo-value-invalid' ? [Number(id)] : []))
  assert.ok(found.length > 0 && found.every((id) => bad.includes(id)), String(found))
  const unsent = left(results).flatMap(([id, kind]) => (kind === 'unsent' ? [Number(id)] : []))
  assert.ok(unsent.length > 0 && room.calls().length <= 41)
  const again = await room.syncLeads.update(updates(...unsent), call)
  assert.ok(left(again).length < unsent.length)
})

test('a call that is refused whoever is in it is refused for all, and is not divided again until one is accepted', async () => {
  const isOut = { now: true }
  await using room = await openRoom((response, seen) => {
    ;(isOut.now ? failure('1003', 'No') : refusing(failure('1003', 'No'), 2))(response, seen)
  })
  const all = updates(...numbers(300))
  const first = await room.syncLeads.update(all, call)
  assert.ok(first.every(({ kind }) => kind === 'refused'))
  const calls = room.calls().length
  assert.ok(calls <= 2 * 18 + 2, `${calls} calls`)
  await room.syncLeads.update(all, call)
  assert.equal(room.calls().length, calls + 1)
  isOut.now = false
  assert.deepEqual(kinds(await room.syncLeads.update(updates(7), call)), ['updated'])
  assert.deepEqual(left(await room.syncLeads.update(updates(...numbers(8)), call)), [
    [2, 'marketo-value-invalid', '1003'],
  ])
})

const ofAll: [string, Answer, string][] = [
  ['1018', failure('1018', 'CRM sync'), 'marketo-native-sync-on'],
  ['605', failure('605', 'Method'), 'marketo-refused'],
  ['703', failure('703', 'Feature'), 'marketo-refused'],
]

for (const [what, answer, code] of ofAll) {
  test(`a call that is refused with ${what} is about nobody in it: it is not divided, and the next goes out`, async () => {
    await using room = await openRoom(inTurn(answer, obedient), { settings: { batchSizeMax: 2 } })
    const results = await room.syncLeads.update(updates(1, 2, 3), call)
    assert.deepEqual(kinds(results), ['refused', 'refused', 'updated'])
    assert.ok(results[1]?.kind === 'refused' && results[1].detail.code === code)
    assert.equal(room.calls().length, 2)
  })
}

const wordings: [string, string, readonly string[]][] = [
  ['1006', "Field 'shoeSize' not found", ['shoeSize']],
  ['1003', 'Invalid fields [shoeSize, hat]', ['shoeSize', 'hat']],
  ['1003', "Invalid fields ['shoeSize','hat']", ['shoeSize', 'hat']],
  ['1003', "Invalid field 'shoeSize'", ['shoeSize']],
]

for (const [code, message, fields] of wordings) {
  test(`"${message}" is about these fields: who has one hears which, the others are written with one more call`, async () => {
    await using room = await openRoom((response, seen) => {
      const isIn = bodyOf(seen).input.some((one) => fields.some((field) => field in one))
      ;(isIn ? failure(code, message) : obedient)(response, seen)
    })
    const [plain, shod, hatted] = [{ lastName: 'Ek' }, { lastName: 'Bo', shoeSize: 42 }, { hat: 'x' }]
    const asked = [plain, shod, hatted, plain].map((one, index) => ({ marketoId: index + 1, fields: one }))
    const results = await room.syncLeads.update(asked, call)
    const isNamed = [false, true, fields.includes('hat'), false]
    assert.deepEqual(
      results.map((result) => result.kind === 'refused' && [result.detail.code, result.fields]),
      isNamed.map((is) => is && ['marketo-field-unknown', fields]),
    )
    assert.equal(room.calls().length, 2)
  })
}

for (const code of ['601', '602']) {
  test(`${code} is answered with one fresh token and the same body once more`, async () => {
    await using room = await openRoom(inTurn(failure(code), obedient))
    assert.deepEqual(await room.syncLeads.update(updates(1), call), [updated(1)])
    const [first, second] = room.calls()
    assert.equal(first?.body, second?.body)
    assert.deepEqual(
      room.calls().map(({ headers }) => headers.authorization),
      ['Bearer token-1', 'Bearer token-2'],
    )
  })
}

test('a token that ends twice on its way has had no effect: unsent', async () => {
  await using room = await openRoom(failure('602'))
  assert.deepEqual(kinds(await room.syncLeads.update(updates(1), call)), ['unsent'])
})

test('without a token nothing is sent, and that is known', async () => {
  await using room = await openRoom(obedient, { identity: json(503, {}) })
  assert.deepEqual(kinds(await room.syncLeads.update(updates(1), call)), ['unsent'])
  assert.equal(room.calls().length, 0)
})

test('a Marketo that cannot be reached any more has seen nothing of a write', async () => {
  const server = await scriptedServer((response, seen) => {
    if (seen.path.startsWith('/rest/')) obedient(response, seen)
    else json(200, { access_token: 'token-1', expires_in: 3_599 })(response, seen)
  })
  const { log } = listeningLog()
  const credentials = { clientId: 'client-1', clientSecret: 'secret' }
  await using room = createMarketo({ url: server.origin, ...credentials, clock: systemClock, log })
  assert.deepEqual(await room.syncLeads.update(updates(1), call), [updated(1)])
  await server[Symbol.asyncDispose]()
  // The connection that was open may take a request before its end is noticed; the next cannot be made.
  await room.syncLeads.update(updates(1), call)
  assert.deepEqual(kinds(await room.syncLeads.update(updates(1), call)), ['unsent'])
})

test('a write that waits too long for a slot has not been sent', async () => {
  const arrived = Promise.withResolvers<void>()
  await using room = await openRoom(() => arrived.resolve(), {
    settings: { concurrencyMax: 1, slotWaitMaxMs: 50, writeTimeoutMs: 60_000 },
  })
  const slow = room.syncLeads.update(updates(1), call)
  await arrived.promise
  const activity = { marketoId: 1, at: 0, typeId: 1, primaryAttributeValue: 'x', attributes: {} }
  assert.deepEqual(kinds(await room.activityLog.add([activity], call)), ['unsent'])
  await room.close()
  assert.deepEqual(kinds(await slow), ['unknown'])
})

test('after closing nothing is sent, and that is known', async () => {
  await using room = await openRoom(obedient)
  await room.syncLeads.update(updates(1), call)
  await room.close()
  assert.deepEqual(kinds(await room.syncLeads.update(updates(1), call)), ['unsent'])
})

test('no access is Unauthorized with the permission that is missing; once something is written, the rest is unsent', async () => {
  const denied = failure('603', 'Access denied')
  await using room = await openRoom(inTurn(denied, obedient, denied), { settings: { batchSizeMax: 1 } })
  await assert.rejects(room.syncLeads.update(updates(1), call), (error) => {
    assert.ok(error instanceof Unauthorized)
    assert.match(error.detail.advice, /Read-Write Person/)
    return true
  })
  assert.deepEqual(kinds(await room.syncLeads.update(updates(1, 2, 3), call)), [
    'updated',
    'unsent',
    'unsent',
  ])
})

test('what Marketo quotes of a person is in its own words alone, and never in the log', async () => {
  const quoting = { status: 'skipped', reasons: [{ code: '1001', message: "Invalid value 'secret-name'" }] }
  await using room = await openRoom(inTurn(found([quoting]), failure('1001', "Invalid 'secret-name'")))
  const update = [{ marketoId: 1, fields: { lastName: 'secret-name' } }]
  const results = [await room.syncLeads.update(update, call), await room.syncLeads.update(update, call)]
  assert.deepEqual(kinds(results.flat()), ['refused', 'refused'])
  const ours = JSON.stringify(results, (name, value) => (name === 'vendorMessage' ? undefined : value))
  assert.ok(!`${room.lines}${ours}`.includes('secret-name'))
  const [first] = results.flat()
  assert.equal(first?.kind === 'refused' && first.detail.vendorMessage, "Invalid value 'secret-name'")
})
