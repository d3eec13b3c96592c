import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { Update, UpdateResult } from '../../src/dataverse/rows.ts'
import { Unauthorized, Unavailable } from '../../src/errors.ts'
import { eachPart, guid, multipart, type PartAnswer, refused, rowOf, rowsAgainst } from './batch-rig.ts'
import { type Answer, call, inTurn, refusal } from './rig.ts'

const selects = { lead: ['lastname', '_ownerid_value'], contact: ['lastname'] }

function updatesOf(count: number): Update[] {
  return Array.from({ length: count }, (_, index) => ({
    ref: { table: index % 2 === 0 ? 'lead' : 'contact', id: guid(index) },
    etag: `W/"${index}"`,
    columns: { lastname: `Ng ${index}` },
  }))
}

const kinds = (results: readonly UpdateResult[]) => results.map(({ kind }) => kind)
const served = eachPart((part) => rowOf(part))

test('updates are one batch of conditional PATCHes that ask for the row back', async () => {
  await using rig = await rowsAgainst(served)
  const results = await rig.rows.update(updatesOf(2), selects, call)
  assert.deepEqual(results, [
    {
      kind: 'updated',
      row: { id: guid(0), etag: 'W/"2"', columns: { leadid: guid(0), lastname: 'Ng 0' } },
      vendorRequestId: 'part-request',
    },
    {
      kind: 'updated',
      row: { id: guid(1), etag: 'W/"2"', columns: { contactid: guid(1), lastname: 'Ng 1' } },
      vendorRequestId: 'part-request',
    },
  ])
  assert.equal(rig.server.seen[0]?.headers.prefer, 'odata.continue-on-error')
  const [[lead, contact] = []] = rig.batches()
  assert.deepEqual(lead, {
    method: 'PATCH',
    path: `/api/data/v9.2/leads(${guid(0)})?$select=leadid,lastname,_ownerid_value`,
    headers: {
      accept: 'application/json',
      'odata-maxversion': '4.0',
      'odata-version': '4.0',
      'if-match': 'W/"0"',
      prefer: 'return=representation',
      'content-type': 'application/json',
    },
    body: '{"lastname":"Ng 0"}',
  })
  assert.equal(contact?.path, `/api/data/v9.2/contacts(${guid(1)})?$select=contactid,lastname`)
})

test('duplicate rules are not applied to updates', async () => {
  await using rig = await rowsAgainst(served)
  await rig.rows.update(updatesOf(2), selects, call)
  assert.doesNotMatch(JSON.stringify(rig.server.seen), /suppressduplicatedetection/i)
})

test('a thousand updates are one request, and each gets the result of its own part', async () => {
  const answers = [
    (part: Parameters<typeof rowOf>[0]) => rowOf(part),
    () => refused(412, '0x80060882'),
    () => refused(400, '0x80044331'),
    () => refused(500, '0x80044151'),
  ]
  const answer = eachPart((part, index) => answers[index % 4]?.(part) ?? assert.fail())
  await using rig = await rowsAgainst(answer)
  const results = await rig.rows.update(updatesOf(1_000), selects, call)
  assert.deepEqual([rig.stats.calls, rig.stats.operations, results.length], [1, 1_000, 1_000])
  assert.ok(
    results.every(({ kind }, index) => kind === ['updated', 'stale', 'refused', 'unknown'][index % 4]),
  )
  assert.ok(results.every((result, index) => result.kind !== 'updated' || result.row.id === guid(index)))
})

test('nothing to update is no request', async () => {
  await using rig = await rowsAgainst(served)
  assert.deepEqual(await rig.rows.update([], selects, call), [])
  assert.equal(rig.server.seen.length, 0)
})

test('an update that could not be conditional, or names no row, is not sent, and the others are', async () => {
  await using rig = await rowsAgainst(served)
  const [first, second, third, fourth] = updatesOf(4)
  assert.ok(first && second && third && fourth)
  const given = [
    { ...first, etag: '*' },
    { ...second, etag: 'W/"1"\r\nContent-ID: 1' },
    { ...third, ref: { table: 'lead', id: "x') or ('" } } as const,
    fourth,
  ]
  const results = await rig.rows.update(given, selects, call)
  assert.deepEqual(kinds(results), ['stale', 'stale', 'refused', 'updated'])
  assert.equal(results[2]?.kind === 'refused' && results[2].detail.code, 'record-id-invalid')
  assert.equal(rig.batches()[0]?.length, 1)
})

test('batches are as large as the pace allows, one after the other', async () => {
  await using rig = await rowsAgainst(served, { batchSizeMax: 2 })
  const results = await rig.rows.update(updatesOf(5), selects, call)
  assert.deepEqual(
    rig.batches().map(({ length }) => length),
    [2, 2, 1],
  )
  assert.ok(results.every((result, index) => result.kind === 'updated' && result.row.id === guid(index)))
})

const holds: [string, Answer, string, Partial<{ callTimeoutMs: number; bulkTimeoutMs: number }>][] = [
  ['is throttled as a whole', refusal(429, '0x80072322', 'x', { 'retry-after': '30' }), 'unsent', {}],
  ['was lost by a gateway', (response) => response.writeHead(502).end('<html>'), 'unknown', {}],
  ['was cut off', multipart([{ status: 204 }, { status: 204 }], 90), 'unknown', {}],
  ['lacks a part', multipart([{ status: 204 }]), 'unknown', {}],
  ['ends in a reset', (response) => response.socket?.resetAndDestroy(), 'unknown', {}],
  ['is never answered', () => undefined, 'unknown', { bulkTimeoutMs: 100 }],
]

for (const [name, answer, expected, settings] of holds) {
  test(`when a batch ${name}, its updates are ${expected} and those behind it stay unsent`, async () => {
    await using rig = await rowsAgainst(inTurn(served, answer), { batchSizeMax: 2, ...settings })
    const results = await rig.rows.update(updatesOf(6), selects, call)
    assert.deepEqual(kinds(results), ['updated', 'updated', expected, expected, 'unsent', 'unsent'])
    assert.equal(rig.server.seen.length, 2)
  })
}

test('a throttled part holds back only what is behind its batch, for as long as it says', async () => {
  const answer = multipart([{ status: 204 }, refused(429, '0x80072321', 'x', { 'Retry-After': '40' })])
  await using rig = await rowsAgainst(answer, { batchSizeMax: 2 })
  const results = await rig.rows.update(updatesOf(4), selects, call)
  assert.deepEqual(kinds(results), ['unknown', 'unsent', 'unsent', 'unsent'])
  for (const result of results.slice(1)) {
    assert.ok(result.kind === 'unsent' && result.retryAfterMs > 39_000 && result.retryAfterMs <= 40_000)
  }
  assert.deepEqual([rig.limiter.pace.batchSize, rig.stats.throttled], [1, 1])
})

test('one bad row of a batch holds back nothing', async () => {
  const answer = eachPart((part, index) => (index === 0 ? refused(500, '0x80044151') : rowOf(part)))
  await using rig = await rowsAgainst(answer, { batchSizeMax: 2 })
  const results = await rig.rows.update(updatesOf(4), selects, call)
  assert.deepEqual(kinds(results), ['unknown', 'updated', 'unknown', 'updated'])
})

test('inside a Retry-After nothing is sent, and the updates say how long', async () => {
  await using rig = await rowsAgainst(served)
  rig.limiter.learn({ kind: 'pause', retryAfterMs: 60_000 })
  const results = await rig.rows.update(updatesOf(2), selects, call)
  assert.ok(results.every((one) => one.kind === 'unsent' && one.retryAfterMs > 59_000))
  assert.equal(rig.server.seen.length, 0)
})

test('a batch that waits for a slot until its time is over was not sent', async () => {
  await using rig = await rowsAgainst(() => undefined, { concurrencyStart: 1, bulkTimeoutMs: 60 })
  const caller = new AbortController()
  const hanging = assert.rejects(
    rig.client.send({ method: 'GET', path: 'x', name: 'x' }, { signal: caller.signal }),
  )
  assert.deepEqual(kinds(await rig.rows.update(updatesOf(2), selects, call)), ['unsent', 'unsent'])
  caller.abort()
  await hanging
})

test('what a token stopped and then waits for a slot until its time is over was not sent', async () => {
  const asked: string[] = []
  const answer: Answer = (response, { path }) => {
    asked.push(path)
    if (path.endsWith('$batch')) setImmediate(() => response.writeHead(401).end())
  }
  await using rig = await rowsAgainst(answer, { concurrencyStart: 1, concurrencyMax: 1, bulkTimeoutMs: 200 })
  const caller = new AbortController()
  const updating = rig.rows.update(updatesOf(2), selects, call)
  const hanging = assert.rejects(
    rig.client.send({ method: 'GET', path: 'x', name: 'x' }, { signal: caller.signal }),
  )
  assert.deepEqual(kinds(await updating), ['unsent', 'unsent'])
  assert.deepEqual(asked, ['/api/data/v9.2/$batch', '/api/data/v9.2/x'])
  caller.abort()
  await hanging
})

test('updates of the background leave a slot to everybody else', async () => {
  const asked: string[] = []
  await using rig = await rowsAgainst((_, { path }) => void asked.push(path), { concurrencyStart: 2 })
  const caller = new AbortController()
  const behind = { signal: caller.signal, lane: 'background' } as const
  const all = Promise.allSettled([
    rig.rows.update(updatesOf(1), selects, behind),
    rig.rows.readRows([{ table: 'lead', id: guid(1) }], selects, behind),
    rig.client.send({ method: 'GET', path: 'x', name: 'x' }, { signal: caller.signal }),
  ])
  while (asked.length < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([asked, rig.limiter.queued], [['/api/data/v9.2/$batch', '/api/data/v9.2/x'], 1])
  caller.abort()
  await all
})

test('a batch that is refused as a whole is halved until the row to blame stands alone', async () => {
  const answer: Answer = (response, seen) => {
    if (!seen.body.includes(guid(37))) return served(response, seen)
    return refusal(400, '0x80048d19', "property 'nope' is")(response, seen)
  }
  await using rig = await rowsAgainst(answer)
  const results = await rig.rows.update(updatesOf(100), selects, call)
  assert.deepEqual(
    results.flatMap(({ kind }, index) => (kind === 'updated' ? [] : [[index, kind]])),
    [[37, 'refused']],
  )
  assert.ok(rig.server.seen.length < 20)
})

test('when every batch is refused the halving ends', async () => {
  await using rig = await rowsAgainst(refusal(413, '', 'too large'), { batchSplitsMax: 5 })
  const results = await rig.rows.update(updatesOf(64), selects, call)
  assert.ok(results.every((one) => one.kind === 'refused' && one.detail.code === 'too-large'))
  assert.ok(rig.server.seen.length <= 11)
})

test('a token that ends amid a batch is renewed once, for the parts that it stopped', async () => {
  const stopped = eachPart((part, index) => (index === 1 ? refused(401, '0x80041d52') : rowOf(part)))
  await using rig = await rowsAgainst(inTurn(stopped, served))
  const results = await rig.rows.update(updatesOf(3), selects, call)
  assert.deepEqual(
    results.map((one) => one.kind === 'updated' && one.row.id),
    [guid(0), guid(1), guid(2)],
  )
  assert.deepEqual(
    rig.batches().map(({ length }) => length),
    [3, 1],
  )
  assert.equal(rig.server.seen[1]?.headers.authorization, 'Bearer token-2')
})

test('what a lost second try of a stopped part has done is unknown, and the first results stand', async () => {
  const stopped = eachPart((part, index) => (index === 1 ? refused(401, '0x80041d52') : rowOf(part)))
  const lost: Answer = (response) => response.socket?.resetAndDestroy()
  await using rig = await rowsAgainst(inTurn(stopped, lost), { batchSizeMax: 3 })
  const results = await rig.rows.update(updatesOf(4), selects, call)
  assert.deepEqual(kinds(results), ['updated', 'unknown', 'updated', 'unsent'])
})

test('a refusal of the second try of a stopped part sends nothing again that was done', async () => {
  const stopped = eachPart((part, index) => (index === 1 ? refused(401, '0x80041d52') : rowOf(part)))
  await using rig = await rowsAgainst(inTurn(stopped, refusal(413, '', 'x')))
  const results = await rig.rows.update(updatesOf(3), selects, call)
  assert.deepEqual(kinds(results), ['updated', 'refused', 'updated'])
  assert.equal(rig.server.seen.length, 2)
})

test('a refused token is thrown while there is no result, and holds back the rest afterwards', async () => {
  const denied = refusal(403, '0x80072560', 'x')
  await using early = await rowsAgainst(denied)
  await assert.rejects(early.rows.update(updatesOf(2), selects, call), Unauthorized)
  await using within = await rowsAgainst(eachPart(() => refused(401, '0x80041d52')))
  await assert.rejects(within.rows.update(updatesOf(2), selects, call), Unauthorized)
  assert.equal(within.server.seen.length, 2)
  await using late = await rowsAgainst(inTurn(served, denied), { batchSizeMax: 1 })
  assert.deepEqual(kinds(await late.rows.update(updatesOf(3), selects, call)), [
    'updated',
    'unsent',
    'unsent',
  ])
})

test('who leaves before anything was sent is thrown out, who leaves later gets what is known', async () => {
  await using rig = await rowsAgainst(served)
  await assert.rejects(rig.rows.update(updatesOf(2), selects, { signal: AbortSignal.abort() }), Unavailable)
  const leaving = new AbortController()
  await using later = await rowsAgainst(
    inTurn(served, () => leaving.abort()),
    { batchSizeMax: 1 },
  )
  const results = await later.rows.update(updatesOf(3), selects, { signal: leaving.signal })
  assert.deepEqual(kinds(results), ['updated', 'unknown', 'unsent'])
})

test('a slow batch makes the next one smaller', async () => {
  await using rig = await rowsAgainst(served, { batchSlowMs: 0, batchSizeMax: 8 })
  await rig.rows.update(updatesOf(14), selects, call)
  assert.deepEqual(
    rig.batches().map(({ length }) => length),
    [8, 4, 2],
  )
})

test('whatever the parts answer, each update has exactly one result and is sent at most once', async () => {
  const statuses = [200, 204, 304, 400, 401, 403, 404, 408, 412, 413, 429, 500, 502, 503]
  const codes = ['0x80040217', '0x80060882', '0x80040333', '0x80072322', '0x80044150', '0x1', '']
  const part = fc.record({ status: fc.constantFrom(...statuses), code: fc.constantFrom(...codes) })
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 4 }),
      async (given, size) => {
        const asked = new Map<string, number>()
        const answer = eachPart((one): PartAnswer => {
          const id = /\(([^)]+)\)/.exec(one.path)?.[1] ?? ''
          asked.set(id, (asked.get(id) ?? 0) + 1)
          const { status, code } = given[Number.parseInt(id.slice(-12), 16)] ?? assert.fail()
          return status === 200 ? rowOf(one) : refused(status, code)
        })
        const settings = { batchSizeMax: size, retryAfterDefaultMs: 1, retryAfterMinMs: 1 }
        await using rig = await rowsAgainst(answer, settings)
        const results = await rig.rows.update(updatesOf(given.length), selects, call).catch((error) => error)
        if (results instanceof Error) return assert.ok(results instanceof Unauthorized)
        assert.equal(results.length, given.length)
        for (const [index, { status }] of given.entries()) {
          const { kind } = results[index] ?? assert.fail()
          const times = asked.get(guid(index)) ?? 0
          // Only what a token stopped goes out once more.
          assert.ok(times <= (status === 401 ? 2 : 1))
          if (times === 0) assert.equal(kind, 'unsent')
          if (times > 0 && status === 200) assert.equal(kind, 'updated')
          if (kind === 'updated') assert.equal(status, 200)
        }
      },
    ),
    { numRuns: 60 },
  )
})
