import assert from 'node:assert/strict'
import test from 'node:test'
import { gatherRecords } from '../../src/dataverse/gathered-records.ts'
import type { RecordRef, Records } from '../../src/dataverse/records.ts'
import type { DataverseSettings } from '../../src/dataverse/settings.ts'
import { Busy, Unavailable } from '../../src/errors.ts'
import { eachPart, guid, multipart, type Part, type PartAnswer, partsOf, refused } from './batch-rig.ts'
import { type Answer, bareClient, call, inTurn, refusal, scriptedServer } from './rig.ts'
import { openRoom } from './room.ts'

const leadOf = (count: number): RecordRef => ({ table: 'lead', id: guid(count) })
const columns = { lastname: 'Ng' }

/** What Dataverse answers to a look-up that finds nobody, to a create, and to a read. */
function served({ method, path }: Part): PartAnswer {
  if (method === 'POST') return { status: 204 }
  if (path.includes('$filter')) return { status: 200, body: { value: [] } }
  return { status: 200, body: { leadid: /\(([^)]+)\)/.exec(path)?.[1], statecode: 0 } }
}

/** Gathered records against a server that answers by script. Nobody waits in vain: a group departs when full. */
async function gatheredAgainst(answer: Answer, settings: Partial<DataverseSettings> = {}) {
  const stack = new AsyncDisposableStack()
  const server = stack.use(await scriptedServer(answer))
  const rig = stack.use(bareClient(server.origin, settings))
  const batches = () => server.seen.map(({ body }) => partsOf(body))
  const records = gatherRecords(rig)
  return { records, server, batches, ...rig, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const creates = (records: Records, count: number, context = call) =>
  Array.from({ length: count }, (_, index) => records.create(leadOf(index), columns, context))

/** Each promise's result kind or error name, in order. */
async function shown(promises: readonly Promise<{ kind: string } | readonly unknown[]>[]): Promise<string[]> {
  const settled = await Promise.allSettled(promises)
  return settled.map((one) => {
    if (one.status === 'rejected') return one.reason.name
    return 'kind' in one.value ? one.value.kind : `${one.value.length} found`
  })
}

test('calls that come together are one batch, each with the answer of its own parts', async () => {
  await using rig = await gatheredAgainst(eachPart(served), { gatherMax: 3, gatherMs: 60_000 })
  const results = await Promise.all([
    rig.records.find({ email: 'ng@example.invalid', refs: [leadOf(1)] }, call),
    rig.records.read(leadOf(2), call),
    rig.records.create(leadOf(3), columns, call),
  ])
  assert.deepEqual(results, [
    [],
    { table: 'lead', id: guid(2), stateCode: 0, merged: false },
    { kind: 'created', vendorRequestId: 'part-request' },
  ])
  assert.equal(rig.server.seen[0]?.headers.prefer, 'odata.continue-on-error')
  const [parts = [], ...others] = rig.batches()
  assert.deepEqual(
    [others, parts.map(({ method, path }) => `${method} ${path.replace(/\?.*/, '')}`)],
    [
      [],
      [
        'GET /api/data/v9.2/leads',
        'GET /api/data/v9.2/contacts',
        `GET /api/data/v9.2/leads(${guid(2)})`,
        'POST /api/data/v9.2/leads',
      ],
    ],
  )
})

test('a create in a batch carries its id and asks for the duplicate rules as the setting says', async () => {
  for (const duplicateDetection of [true, false]) {
    await using rig = await gatheredAgainst(eachPart(served), { duplicateDetection })
    await rig.records.create(leadOf(7), columns, call)
    const [[part = assert.fail()] = []] = rig.batches()
    assert.deepEqual(JSON.parse(part.body), { lastname: 'Ng', leadid: guid(7) })
    const asked = part.headers['mscrm.suppressduplicatedetection']
    assert.equal(asked, duplicateDetection ? 'false' : undefined)
  }
})

test('a read in a batch refuses an answer from a cache, as one by itself does', async () => {
  await using rig = await gatheredAgainst(eachPart(served))
  await rig.records.read(leadOf(1), call)
  assert.equal(rig.batches()[0]?.[0]?.headers['if-none-match'], 'null')
})

test('a call that nobody joins departs by itself, and what comes later is the next batch', async () => {
  await using rig = await gatheredAgainst(eachPart(served), { gatherMs: 1 })
  for (let count = 0; count < 3; count += 1) await rig.records.create(leadOf(count), columns, call)
  assert.deepEqual(
    rig.batches().map((parts) => parts.length),
    [1, 1, 1],
  )
})

test('a group that is full at the very moment its wait ends departs once', async () => {
  await using rig = await gatheredAgainst(eachPart(served))
  const waits: (() => void)[] = []
  const clock = { ...rig.clock, sleep: () => new Promise<void>((wake) => void waits.push(wake)) }
  const records = gatherRecords({ ...rig, clock, settings: { ...rig.settings, gatherMax: 2 } })
  const first = records.create(leadOf(1), columns, call)
  waits[0]?.()
  assert.deepEqual(await shown([first, records.create(leadOf(2), columns, call)]), ['created', 'created'])
  assert.deepEqual(await shown(creates(records, 2)), ['created', 'created'])
  assert.equal(rig.stats.calls, 2)
})

test('a batch holds no more calls than the setting and no more parts than the pace allow', async () => {
  const look = (records: Records, count: number) =>
    records.find({ email: `p${count}@example.invalid`, refs: [] }, call)
  const sizes = async (settings: Partial<DataverseSettings>) => {
    await using rig = await gatheredAgainst(eachPart(served), settings)
    await Promise.all(Array.from({ length: 10 }, (_, count) => look(rig.records, count)))
    return rig.batches().map((parts) => parts.length)
  }
  assert.deepEqual(await sizes({ gatherMax: 4 }), [8, 8, 4])
  assert.deepEqual(await sizes({ batchSizeMax: 7 }), [6, 6, 6, 2])
  // A look-up is not torn apart, however small the pace has become.
  assert.deepEqual((await sizes({ batchSizeMax: 1 })).length, 10)
})

test('batches that take long make the next ones smaller', async () => {
  await using rig = await gatheredAgainst(eachPart(served), { batchSlowMs: 0, gatherMax: 16 })
  await Promise.all(creates(rig.records, 16))
  assert.equal(rig.limiter.pace.batchSize, 8)
  await Promise.all(creates(rig.records, 8))
  assert.deepEqual(
    rig.batches().map((parts) => parts.length),
    [16, 8],
  )
})

test('a group that has become too large for the pace while it gathered is halved', async () => {
  await using rig = await gatheredAgainst(eachPart(served))
  const before = creates(rig.records, 3)
  rig.limiter.learn({ kind: 'slow', operations: 4 })
  assert.deepEqual(await shown([...before, ...creates(rig.records, 1)]), Array(4).fill('created'))
  assert.deepEqual(
    rig
      .batches()
      .map((parts) => parts.length)
      .sort(),
    [1, 1, 2],
  )
})

test('a throttled part is Busy for its caller alone, for as long as it says', async () => {
  const answer = eachPart((part, index) =>
    index === 1 ? refused(429, '0x80072321', 'x', { 'retry-after': '420' }) : served(part),
  )
  await using rig = await gatheredAgainst(answer)
  const all = creates(rig.records, 3)
  assert.deepEqual(await shown(all), ['created', 'Busy', 'created'])
  await assert.rejects(
    all[1] ?? assert.fail(),
    (error) => error instanceof Busy && error.retryAfterMs === 420_000,
  )
})

test('a look-up of which one part is throttled is Busy', async () => {
  const throttled = refused(429, '0x80072322', 'x', { 'retry-after': '420' })
  const answer = eachPart((part, index) => (index === 3 ? throttled : served(part)))
  await using rig = await gatheredAgainst(answer)
  const looks = [1, 2].map((count) =>
    rig.records.find({ email: `p${count}@example.invalid`, refs: [] }, call),
  )
  assert.deepEqual(await shown(looks), ['0 found', 'Busy'])
  const isTold = (error: unknown) => error instanceof Busy && error.retryAfterMs === 420_000
  await assert.rejects(looks[1] ?? assert.fail(), isTold)
})

test("one person who is refused is nobody else's fault", async () => {
  const answers = [
    served,
    () => refused(400, '0x80044331'),
    () => refused(403, '0x80040220'),
    () => refused(500, '0x80044151'),
  ]
  await using rig = await gatheredAgainst(
    eachPart((part, index) => answers[index % 4]?.(part) ?? assert.fail()),
  )
  assert.deepEqual(await shown(creates(rig.records, 5)), [
    'created',
    'Rejected',
    'Unauthorized',
    'Unavailable',
    'created',
  ])
  assert.equal(rig.stats.calls, 1)
})

const whole: [string, Answer, Partial<DataverseSettings>, string][] = [
  ['a 429', refusal(429, '0x80072326', 'x', { 'retry-after': '7' }), {}, 'Busy'],
  ['a 503', (response) => response.writeHead(503).end('<html>'), {}, 'Unavailable'],
  ['a cut connection', (response) => response.destroy(), {}, 'Unavailable'],
  ['half a body', multipart([{ status: 204 }, { status: 204 }, { status: 204 }], 200), {}, 'Unavailable'],
  ['a part too few', multipart([{ status: 204 }, { status: 204 }]), {}, 'Unavailable'],
  ['a part too many', multipart([204, 204, 204, 204].map((status) => ({ status }))), {}, 'Unavailable'],
  ['silence', () => undefined, { bulkTimeoutMs: 1_000 }, 'Unavailable'],
  ['a 403', refusal(403, '0x80072560', 'x'), {}, 'Unauthorized'],
]

for (const [name, answer, settings, expected] of whole) {
  test(`${name} instead of a batch's reply is ${expected} for all, and nothing is sent again`, async () => {
    await using rig = await gatheredAgainst(answer, settings)
    assert.deepEqual(await shown(creates(rig.records, 3)), [expected, expected, expected])
    assert.equal(rig.server.seen.length, 1)
  })
}

test('a batch that is too large is halved until the one to blame stands alone', async () => {
  const answer: Answer = (response, seen) =>
    (seen.body.includes('huge') ? refusal(413, '0x80060888', 'x') : eachPart(served))(response, seen)
  await using rig = await gatheredAgainst(answer, { gatherMax: 32, gatherMs: 60_000 })
  const results = Array.from({ length: 32 }, (_, count) =>
    rig.records.create(leadOf(count), { lastname: count === 21 ? 'huge' : 'Ng' }, call),
  )
  const expected = results.map((_, count) => (count === 21 ? 'Rejected' : 'created'))
  assert.deepEqual(await shown(results), expected)
  // The whole, and two halves for each time that 32 can be halved.
  assert.equal(rig.server.seen.length, 11)
})

test('each person of a halved batch gets the answer of their own part', async () => {
  const answer = inTurn(
    (response) =>
      response
        .writeHead(413, { 'content-type': 'application/json' })
        .end('{"error":{"code":"","message":""}}'),
    eachPart(served),
  )
  await using rig = await gatheredAgainst(answer, { gatherMax: 5 })
  const rows = await Promise.all([1, 2, 3, 4, 5].map((count) => rig.records.read(leadOf(count), call)))
  assert.deepEqual(
    rows.map((row) => row?.id),
    [1, 2, 3, 4, 5].map(guid),
  )
})

test('who leaves before the batch departs is not in it', async () => {
  await using rig = await gatheredAgainst(eachPart(served), { gatherMax: 2, gatherMs: 60_000 })
  const leaving = new AbortController()
  const left = rig.records.create(leadOf(1), columns, leaving)
  leaving.abort(new Error('gone'))
  await assert.rejects(left, Unavailable)
  assert.equal((await rig.records.create(leadOf(2), columns, call)).kind, 'created')
  assert.deepEqual(
    rig.batches().map((parts) => parts.map(({ body }) => JSON.parse(body).leadid)),
    [[guid(2)]],
  )
})

test('who leaves a batch under way leaves alone, at once', async () => {
  const leaving = new AbortController()
  const gone = Promise.withResolvers<void>()
  const answer: Answer = (response, seen) => {
    leaving.abort(new Error('gone'))
    gone.promise.then(() => eachPart(served)(response, seen))
  }
  await using rig = await gatheredAgainst(answer, { gatherMax: 2 })
  const left = rig.records.create(leadOf(1), columns, leaving)
  const stayed = rig.records.create(leadOf(2), columns, call)
  await assert.rejects(left, Unavailable)
  gone.resolve()
  assert.equal((await stayed).kind, 'created')
  assert.equal(rig.server.seen.length, 1)
})

test('a batch that everybody has left gives its slot back', async () => {
  const leaving = [new AbortController(), new AbortController()]
  const closed = Promise.withResolvers<void>()
  const answer: Answer = (response) => {
    response.on('close', () => closed.resolve())
    for (const one of leaving) one.abort(new Error('gone'))
  }
  await using rig = await gatheredAgainst(answer, { gatherMax: 3 })
  const [first = assert.fail(), second = assert.fail()] = leaving
  const contexts = [first, second, second]
  const results = contexts.map((one, count) => rig.records.create(leadOf(count), columns, one))
  assert.deepEqual(await shown(results), ['Unavailable', 'Unavailable', 'Unavailable'])
  await closed.promise
  assert.equal(rig.limiter.inFlight, 0)
})

test('nobody is asked for who has left before', async () => {
  await using rig = await gatheredAgainst(eachPart(served), { gatherMs: 1 })
  const aborted = { signal: AbortSignal.abort(new Error('gone')) }
  assert.deepEqual(await shown(creates(rig.records, 3, aborted)), [
    'Unavailable',
    'Unavailable',
    'Unavailable',
  ])
  await rig.records.create(leadOf(9), columns, call)
  assert.equal(rig.server.seen.length, 1)
})

test('the background has batches of its own, behind those of everybody else', async () => {
  const order: string[] = []
  const answer: Answer = (response, seen) => {
    order.push(JSON.parse(partsOf(seen.body)[0]?.body ?? '').lastname)
    eachPart(served)(response, seen)
  }
  await using rig = await gatheredAgainst(answer, { gatherMax: 1, concurrencyStart: 1, concurrencyMax: 1 })
  const background = { ...call, lane: 'background' } as const
  const create = (lastname: string, context = call) => rig.records.create(leadOf(1), { lastname }, context)
  await Promise.all([
    create('first'),
    create('batch', background),
    create('batch', background),
    create('second'),
  ])
  assert.deepEqual(order, ['first', 'second', 'batch', 'batch'])
})

test('two lanes do not share a batch', async () => {
  await using rig = await gatheredAgainst(eachPart(served))
  const background = { ...call, lane: 'background' } as const
  await Promise.all([...creates(rig.records, 2), ...creates(rig.records, 3, background)])
  assert.deepEqual(
    rig
      .batches()
      .map((parts) => parts.length)
      .sort(),
    [2, 3],
  )
})

test('10,000 people looked for and created are at most 400 requests, and 10,000 rows', async () => {
  await using room = await openRoom({ sandbox: { replyDelayMs: 50 } })
  const { dataverse } = room.sandbox
  const people = Array.from({ length: 10_000 }, (_, count) => count)
  const results = await Promise.all(
    people.map(async (count) => {
      const attempt = new AbortController()
      const email = `p${count}@example.invalid`
      const found = await room.gathered.find({ email, refs: [leadOf(count)] }, attempt)
      const { kind } = await room.gathered.create(
        leadOf(count),
        { ...columns, emailaddress1: email },
        attempt,
      )
      return `${found.length} ${kind}`
    }),
  )
  assert.deepEqual([...new Set(results)], ['0 created'])
  assert.equal(new Set(dataverse.commits.map(({ id }) => id)).size, 10_000)
  assert.deepEqual([dataverse.commits.length, dataverse.calls.length <= 400], [10_000, true])
})
