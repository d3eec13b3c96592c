import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import test from 'node:test'
import type { CallContext } from '../../src/abort.ts'
import { systemClock } from '../../src/clock.ts'
import { Busy, Unauthorized, Unavailable } from '../../src/errors.ts'
import { nextCentralMidnightMs } from '../../src/marketo/limiter.ts'
import { createMarketo } from '../../src/marketo/marketo.ts'
import { type Answer, call, inTurn, json, listeningLog } from '../dataverse/rig.ts'
import { failure, found, openRoom, SECRET, TOKEN_PATH } from './rig.ts'

const ann = found([{ id: 1, email: 'ann@example.org' }])
const readAnn = (room: Awaited<ReturnType<typeof openRoom>>, context: CallContext = call) =>
  room.people.read([1], ['email'], context)

test('credentials go to identity as Marketo wants them, and the token in the header and nowhere else', async () => {
  await using room = await openRoom(ann)
  await readAnn(room)
  await readAnn(room)
  assert.deepEqual(
    room.tokenCalls().map(({ path, headers }) => [path, headers.authorization]),
    [[TOKEN_PATH, undefined]],
  )
  assert.deepEqual(
    room.calls().map(({ path, headers }) => [headers.authorization, path.includes('token-1')]),
    [
      ['Bearer token-1', false],
      ['Bearer token-1', false],
    ],
  )
})

for (const code of ['600', '601', '602']) {
  test(`${code} is answered with one fresh token and one more call`, async () => {
    await using room = await openRoom(inTurn(failure(code), ann))
    assert.equal((await readAnn(room)).size, 1)
    const tokens = room.calls().map(({ headers }) => headers.authorization)
    assert.deepEqual(tokens, ['Bearer token-1', 'Bearer token-2'])
  })
}

test('a token that is refused twice is Unauthorized, with no third call', async () => {
  await using room = await openRoom(failure('601'))
  await assert.rejects(
    readAnn(room),
    (error) => error instanceof Unauthorized && error.detail.code === 'marketo-token-refused',
  )
  assert.equal(room.calls().length, 2)
})

test('a token that is given again with a second to live is waited out before the one more call', async () => {
  const lives = inTurn(
    json(200, { access_token: 'old', expires_in: 3_000 }),
    json(200, { access_token: 'old', expires_in: 0 }),
    json(200, { access_token: 'new', expires_in: 3_599 }),
  )
  await using room = await openRoom(inTurn(failure('602'), ann), {
    identity: lives,
    settings: { tokenEndSlackMs: 1 },
  })
  assert.equal((await readAnn(room)).size, 1)
  const tokens = room.calls().map(({ headers }) => headers.authorization)
  assert.deepEqual(tokens, ['Bearer old', 'Bearer new'])
})

test('a slow call does not keep a new token waiting', async () => {
  const held = Promise.withResolvers<() => void>()
  const slow: Answer = (response, seen) => held.resolve(() => ann(response, seen))
  let aheadMs = 0
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs }
  await using room = await openRoom(inTurn(slow, ann), { settings: { concurrencyMax: 1 }, clock })
  const reads = [readAnn(room)]
  const answer = await held.promise
  aheadMs = 3_600_000
  reads.push(readAnn(room))
  while (room.tokenCalls().length < 2) await new Promise((resolve) => setImmediate(resolve))
  answer()
  assert.deepEqual(
    (await Promise.all(reads)).map(({ size }) => size),
    [1, 1],
  )
})

const identities: [string, Answer, typeof Unauthorized | typeof Unavailable][] = [
  ['401 with an OAuth body', json(401, { error: 'unauthorized', error_description: 'Bad' }), Unauthorized],
  ['400 with an OAuth body', json(400, { error: 'invalid_client' }), Unauthorized],
  ['401 without a body', (response) => response.writeHead(401).end(), Unauthorized],
  ['an empty token', json(200, { access_token: '', expires_in: 3_599 }), Unavailable],
  ['a token without a life', json(200, { access_token: 'x' }), Unavailable],
  ['nothing in it', json(200, {}), Unavailable],
  ['HTML', (response) => response.writeHead(200).end('<html>'), Unavailable],
  ['503', json(503, { access_token: 'x', expires_in: 3_599 }), Unavailable],
]

for (const [what, identity, kind] of identities) {
  test(`an identity that answers ${what} is ${kind.name}, and no call is made`, async () => {
    await using room = await openRoom(ann, { identity })
    await assert.rejects(readAnn(room), (error) => {
      assert.ok(error instanceof kind)
      if (error instanceof Unauthorized) assert.equal(error.detail.code, 'marketo-credentials-wrong')
      return true
    })
    assert.equal(room.calls().length, 0)
  })
}

test('an identity that hangs is Unavailable after its own time', async () => {
  await using room = await openRoom(ann, { identity: () => {}, settings: { tokenTimeoutMs: 50 } })
  await assert.rejects(readAnn(room), Unavailable)
})

test('606 is Busy for the 20 s window, and no call starts until it is over', async () => {
  await using room = await openRoom(failure('606', "Max rate limit '100' exceeded with in '20' secs"))
  for (let count = 0; count < 2; count += 1) {
    await assert.rejects(
      readAnn(room),
      (error) => error instanceof Busy && error.retryAfterMs > 19_000 && error.retryAfterMs <= 20_000,
    )
  }
  assert.equal(room.calls().length, 1)
  const { calls, throttled, pausedForMs } = room.stats()
  assert.deepEqual([calls, throttled, pausedForMs > 19_000], [1, 1, true])
})

test('607 is Busy until the quota of the next day, and no call starts until then', async () => {
  await using room = await openRoom(failure('607'))
  const untilMs = nextCentralMidnightMs(Date.now() - 60_000) + 60_000
  for (let count = 0; count < 2; count += 1) {
    await assert.rejects(readAnn(room), (error) => {
      assert.ok(error instanceof Busy)
      assert.ok(Math.abs(Date.now() + error.retryAfterMs - untilMs) < 1_000)
      return true
    })
  }
  assert.equal(room.calls().length, 1)
})

test('615 is Busy for a moment, and fewer calls go at a time', async () => {
  await using room = await openRoom(inTurn(failure('615'), ann))
  await assert.rejects(readAnn(room), (error) => error instanceof Busy && error.retryAfterMs === 1_000)
  assert.equal(room.stats().concurrency, 2)
  assert.equal((await readAnn(room)).size, 1)
})

test('a quota of the day that is not about calls is Busy until the next day, and calls go on', async () => {
  await using room = await openRoom(inTurn(failure('1029', 'Export daily quota exceeded'), ann))
  await assert.rejects(readAnn(room), (error) => error instanceof Busy && error.retryAfterMs > 0)
  assert.equal((await readAnn(room)).size, 1)
})

test("this service's share of a day is kept: nothing goes out beyond it", async () => {
  await using room = await openRoom(ann, { settings: { dailyCallsMax: 2 } })
  await readAnn(room)
  await readAnn(room)
  await assert.rejects(readAnn(room), Busy)
  assert.deepEqual([room.calls().length, room.stats().callsToday], [2, 2])
})

test('however many ask at once, 5 calls are in flight', async () => {
  const held: (() => void)[] = []
  const api: Answer = (response, seen) => void held.push(() => ann(response, seen))
  await using room = await openRoom(api)
  const all = Array.from({ length: 12 }, () => readAnn(room))
  const most: number[] = []
  for (let answered = 0; answered < 12; ) {
    await new Promise((resolve) => setImmediate(resolve))
    if (held.length < Math.min(5, 12 - answered)) continue
    most.push(held.length)
    answered += 1
    held.shift()?.()
  }
  await Promise.all(all)
  assert.equal(Math.max(...most), 5)
  assert.equal(room.calls().length, 12)
})

const troubles: [string, Answer][] = [
  ['HTML with 502', (response) => response.writeHead(502).end('<html>Bad Gateway</html>')],
  ['a cut body', (response) => response.writeHead(200).end('{"success":true,"result":[{"id":1')],
  ['a connection that is cut', (response) => response.destroy()],
  ['a body longer than is read', found([{ id: 1, email: 'x'.repeat(200_000) }])],
]

for (const [what, answer] of troubles) {
  test(`${what} is Unavailable, and the next call goes out as if nothing was`, async () => {
    await using room = await openRoom(inTurn(answer, ann), { settings: { replyBytesMax: 100_000 } })
    await assert.rejects(readAnn(room), Unavailable)
    assert.equal((await readAnn(room)).size, 1)
    assert.equal(room.stats().inFlight, 0)
  })
}

test('a call that hangs, before or within its reply, is Unavailable after its time', async () => {
  const silent: Answer = () => {}
  const stuck: Answer = (response) => void response.writeHead(200).write('{"success":')
  await using room = await openRoom(inTurn(silent, stuck), { settings: { callTimeoutMs: 100 } })
  await assert.rejects(readAnn(room), Unavailable)
  await assert.rejects(readAnn(room), Unavailable)
  assert.equal(room.stats().inFlight, 0)
})

test('a caller who gives up is let go at once, and so is the call', async () => {
  const caller = new AbortController()
  await using room = await openRoom(() => caller.abort(new Error('deadline')))
  await assert.rejects(readAnn(room, { signal: caller.signal }), Unavailable)
  assert.equal(room.stats().inFlight, 0)
})

test('closing ends what is under way, twice is once, and nothing goes out afterwards', async () => {
  const arrived = Promise.withResolvers<void>()
  await using room = await openRoom(() => arrived.resolve())
  const waiting = assert.rejects(readAnn(room), Unavailable)
  await arrived.promise
  await Promise.all([room.close(), room.close()])
  await waiting
  await assert.rejects(readAnn(room), Unavailable)
  assert.equal(room.calls().length, 1)
})

test('a Marketo that is not there is Unavailable', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const { log } = listeningLog()
  const credentials = { clientId: 'client-1', clientSecret: SECRET }
  await using room = createMarketo({
    url: `http://127.0.0.1:${port}`,
    ...credentials,
    clock: systemClock,
    log,
  })
  await assert.rejects(room.people.read([1], ['email'], call), Unavailable)
})

test('a call of somebody who may not call any more does not leave, and gives its slot back', async () => {
  await using room = await openRoom(ann, { settings: { concurrencyMax: 1 } })
  const over = new AbortController()
  const beforeCall = () => over.abort(new Error('over'))
  await assert.rejects(readAnn(room, { signal: over.signal, beforeCall }), Unavailable)
  assert.deepEqual(room.calls(), [])
  assert.equal((await readAnn(room)).size, 1)
})

test('the log has request id, status, code and time, and neither secret, token, address nor person', async () => {
  const denied = failure('603', "Access denied to 'ann@example.org'")
  await using room = await openRoom(inTurn(ann, failure('601'), denied, (response) => response.destroy()))
  const errors: unknown[] = []
  await readAnn(room)
  for (let count = 0; count < 2; count += 1) await readAnn(room).catch((error) => errors.push(error))
  const events: Record<string, unknown>[] = room.lines
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event !== 'marketo-identity-call')
  const shown = events.map(({ event, request, status, code, vendorRequestId, ms }) => {
    assert.equal(typeof ms, 'number')
    return [event, request, status, code, vendorRequestId]
  })
  assert.deepEqual(shown, [
    ['marketo-call', 'read people', 200, undefined, '6227#17d4f044661'],
    ['marketo-call', 'read people', 200, '601', '6227#17d4f044661'],
    ['marketo-call', 'read people', 200, '603', '6227#17d4f044661'],
    ['marketo-no-answer', 'read people', undefined, undefined, undefined],
  ])
  const told =
    room.lines.join() + errors.map((error) => `${error} ${JSON.stringify(error, withoutWords)}`).join()
  for (const secret of [SECRET, 'a+secret', 'token-1', 'client-1', 'ann@', '127.0.0.1', 'leads.json']) {
    assert.ok(!told.includes(secret), secret)
  }
  assert.ok(errors[0] instanceof Unauthorized && errors[1] instanceof Unavailable)
})

/** What the vendor said has a member of its own, which is for people and never for the log. */
function withoutWords(name: string, value: unknown): unknown {
  return name === 'vendorMessage' ? undefined : value
}
