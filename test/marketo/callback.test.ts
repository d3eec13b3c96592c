import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'node:test'
import { systemClock } from '../../src/clock.ts'
import type { CallbackResult } from '../../src/marketo/callback.ts'
import { type Answer, scriptedServer } from '../dataverse/rig.ts'
import { callbackRig } from './callback-rig.ts'

const answered = (status: number, headers: Record<string, string> = {}): Answer => {
  return (response) => response.writeHead(status, headers).end('x')
}

/** What becomes of a callback to a server on this machine that answers like that. */
async function sendTo(answer: Answer, settings = {}, path = '/') {
  await using server = await scriptedServer(answer)
  const rig = callbackRig({ allowLoopback: true, settings })
  const result = await rig.send({ url: server.origin + path })
  return { result, seen: server.seen, ...rig }
}

test('a callback is one POST of the body with the key and the token of the call', async () => {
  const { result, seen } = await sendTo(answered(202), {}, '/cfa/submit?a=b%20c')
  assert.deepEqual(result, { kind: 'accepted', status: 202 })
  const [{ method, path, headers, body } = assert.fail(), ...others] = seen
  assert.deepEqual([method, path, body, others], ['POST', '/cfa/submit?a=b%20c', '{}', []])
  assert.deepEqual(
    [headers['x-api-key'], headers['x-callback-token'], headers['content-type']],
    ['key-1', 'token-1', 'application/json'],
  )
})

test('a body in parts is sent as one of their length', async () => {
  const parts = ['["', 'ä'.repeat(3_000_000), '"]']
  const bytes = Buffer.byteLength(parts.join(''))
  await using server = await scriptedServer(answered(202))
  const rig = callbackRig({ allowLoopback: true })
  assert.equal((await rig.send({ url: server.origin, body: parts })).kind, 'accepted')
  const [{ headers, body } = assert.fail()] = server.seen
  assert.deepEqual([headers['content-length'], headers['transfer-encoding']], [String(bytes), undefined])
  assert.equal(body, parts.join(''))
})

test('who answers before it has read the body is heard', async () => {
  const server = createServer((_request, response) => response.writeHead(503).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const body = Array.from({ length: 40 }, () => 'x'.repeat(250_000))
  const result = await callbackRig({ allowLoopback: true }).send({ url: `http://127.0.0.1:${port}/`, body })
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  assert.deepEqual(result, { kind: 'again', reason: 'http-503' })
})

const soon = () => new Date(systemClock.now() + 90_000).toUTCString()

const statuses: [number, Record<string, string>, CallbackResult['kind']][] = [
  [200, {}, 'accepted'],
  [201, {}, 'accepted'],
  [204, {}, 'accepted'],
  [299, {}, 'accepted'],
  [301, { location: 'https://adobe.io/' }, 'final'],
  [304, {}, 'final'],
  [400, {}, 'final'],
  [401, {}, 'final'],
  [404, {}, 'final'],
  [405, {}, 'final'],
  [408, {}, 'final'],
  [429, {}, 'again'],
  [500, {}, 'again'],
  [503, {}, 'again'],
  [599, {}, 'again'],
]

for (const [status, headers, kind] of statuses) {
  test(`an answer of ${status} is ${kind}`, async () => {
    const { result } = await sendTo(answered(status, headers))
    assert.deepEqual(result, kind === 'accepted' ? { kind, status } : { kind, reason: `http-${status}` })
  })
}

test('a Retry-After is told in both of its forms, and only where trying again may help', async () => {
  const table: [number, string, (retryAfterMs: number | undefined) => boolean][] = [
    [429, '420', (ms) => ms === 420_000],
    [503, '7', (ms) => ms === 7_000],
    [503, soon(), (ms = 0) => ms > 80_000 && ms <= 90_000],
    [429, 'soon', (ms) => ms === undefined],
    [404, '7', (ms) => ms === undefined],
  ]
  for (const [status, retryAfter, expected] of table) {
    const { result } = await sendTo(answered(status, { 'retry-after': retryAfter }))
    assert.ok(expected('retryAfterMs' in result ? result.retryAfterMs : undefined), `${status} ${retryAfter}`)
  }
})

test('a redirect is not followed, not even to the same host', async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    const { result, seen } = await sendTo((response) =>
      response.writeHead(status, { location: '/other' }).end(),
    )
    assert.deepEqual([result.kind, seen.length], ['final', 1])
  }
})

const broken: [string, Answer, CallbackResult][] = [
  ['a connection cut', (response) => response.destroy(), { kind: 'again', reason: 'no-answer' }],
  ['silence', () => undefined, { kind: 'again', reason: 'no-answer' }],
  [
    'headers without end',
    (response) => response.writeHead(200, { x: 'x'.repeat(40_000) }).end(),
    { kind: 'again', reason: 'no-answer' },
  ],
  [
    'a body cut off',
    (response) => response.writeHead(200, { 'content-length': '100' }).write('x', () => response.destroy()),
    { kind: 'accepted', status: 200 },
  ],
  [
    'a body too long',
    (response) => response.writeHead(200).end('x'.repeat(10_000_000)),
    { kind: 'accepted', status: 200 },
  ],
  ['a body without end', (response) => response.writeHead(200).write('x'), { kind: 'accepted', status: 200 }],
  [
    'a refusal without end',
    (response) => response.writeHead(404).write('x'),
    { kind: 'final', reason: 'http-404' },
  ],
]

for (const [what, answer, expected] of broken) {
  test(`of ${what} the status counts if it came, and time and bytes are bounded`, async () => {
    const startedAtMs = systemClock.now()
    const { result } = await sendTo(answer, { callbackTimeoutMs: 300, replyBytesMax: 1_000 })
    assert.deepEqual(result, expected)
    assert.ok(systemClock.now() - startedAtMs < 2_000)
  })
}

test('no more of a reply than its bound is taken in', async () => {
  let taken = 0
  const endless: Answer = (response) => {
    const more = () => {
      taken += 10_000
      if (!response.destroyed) response.write('x'.repeat(10_000), () => setImmediate(more))
    }
    more()
  }
  const { result } = await sendTo(endless, { replyBytesMax: 20_000 })
  assert.equal(result.kind, 'accepted')
  assert.ok(taken < 20_000_000, `${taken} bytes`)
})

test('nobody who listens is no answer, and the next try may find somebody', async () => {
  const server = await scriptedServer(answered(200))
  await server[Symbol.asyncDispose]()
  const rig = callbackRig({ allowLoopback: true })
  assert.deepEqual(await rig.send({ url: server.origin }), { kind: 'again', reason: 'no-answer' })
})

const addresses: [string, string[]][] = [
  ['a private address', ['10.1.2.3']],
  ['this machine', ['127.0.0.1']],
  ['this machine in IPv6', ['::1']],
  ["a cloud's metadata", ['169.254.169.254']],
  ['a mapped address', ['::ffff:10.1.2.3']],
  ['a translated address', ['64:ff9b::a01:203']],
  ['no address at all', ['x.adobe.io']],
  ['a public and a private address', ['93.184.216.34', '10.1.2.3']],
]

for (const [what, resolved] of addresses) {
  test(`an allowed host that resolves to ${what} is final, with loopback allowed too`, async () => {
    for (const allowLoopback of [false, true]) {
      const rig = callbackRig({ addresses: resolved, allowLoopback })
      assert.deepEqual(await rig.send({}), { kind: 'final', reason: 'address-refused' })
      assert.deepEqual(rig.lookedUp, ['x.adobe.io'])
    }
  })
}

test('localhost is connected to only where all of its addresses are loopback', async () => {
  await using server = await scriptedServer(answered(200))
  const url = server.origin.replace('127.0.0.1', 'localhost')
  const results: [string[], string][] = [
    [['127.0.0.1'], 'accepted'],
    [['127.0.0.1', '10.0.0.1'], 'final'],
    [['93.184.216.34'], 'final'],
  ]
  for (const [resolved, expected] of results) {
    const rig = callbackRig({ addresses: resolved, allowLoopback: true })
    assert.equal((await rig.send({ url })).kind, expected)
  }
  assert.equal(server.seen.length, 1)
})

test('the address that was checked is the one connected to: there is no second look-up', async () => {
  await using server = await scriptedServer(answered(200))
  const turns = [['127.0.0.1'], ['10.0.0.1']]
  const rig = callbackRig({
    allowLoopback: true,
    lookup: async () => (turns.shift() ?? []).map((address) => ({ address, family: 4 })),
  })
  const url = server.origin.replace('127.0.0.1', 'localhost')
  assert.equal((await rig.send({ url })).kind, 'accepted')
  assert.equal(turns.length, 1)
  // Nor does a connection of before spare the next callback its look-up.
  assert.deepEqual(await rig.send({ url }), { kind: 'final', reason: 'address-refused' })
  assert.equal(server.seen.length, 1)
})

test('a name that cannot be resolved may be resolved later', async () => {
  const failing = (code: string) => async () => {
    throw Object.assign(new Error('getaddrinfo x.adobe.io'), { code })
  }
  for (const code of ['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL']) {
    const result = await callbackRig({ lookup: failing(code) }).send({})
    assert.deepEqual(result, { kind: 'again', reason: 'name-not-resolved' }, code)
  }
  assert.deepEqual(await callbackRig().send({}), { kind: 'again', reason: 'name-not-resolved' })
})

test('a look-up that never ends is ended by the deadline', async () => {
  const rig = callbackRig({ lookup: () => new Promise(() => {}), settings: { callbackTimeoutMs: 50 } })
  assert.deepEqual(await rig.send({}), { kind: 'again', reason: 'no-answer' })
})

test('a key or a token that would break out of its header is final, and nothing is sent', async () => {
  await using server = await scriptedServer(answered(200))
  const rig = callbackRig({ allowLoopback: true })
  for (const text of ['a\r\nx-evil: 1', 'a\nb', 'a\u0000b', 'ключ']) {
    for (const callback of [{ key: text }, { token: text }]) {
      const result = await rig.send({ url: server.origin, ...callback })
      assert.deepEqual(result, { kind: 'final', reason: 'not-sendable' })
    }
  }
  assert.equal(server.seen.length, 0)
})

test('who aborts is told again at once', async () => {
  const leaving = new AbortController()
  await using server = await scriptedServer(() => leaving.abort(new Error('shutting down')))
  const rig = callbackRig({ allowLoopback: true })
  assert.deepEqual(await rig.send({ url: server.origin }, leaving.signal), {
    kind: 'again',
    reason: 'no-answer',
  })
  assert.deepEqual(await rig.send({ url: server.origin }, leaving.signal), {
    kind: 'again',
    reason: 'no-answer',
  })
  assert.equal(server.seen.length, 1)
})

test('no event holds the address, the key, the token or the body', async () => {
  const secrets = { key: 'k-secret', token: 't-secret', body: ['{"b-secret":', '1}'] }
  await using server = await scriptedServer(
    (response, { path }) => void response.writeHead(path.includes('ok') ? 200 : 500).end(),
  )
  const rig = callbackRig({ allowLoopback: true, addresses: ['10.0.0.1'] })
  for (const url of [
    `${server.origin}/ok?q-secret`,
    `${server.origin}/no?q-secret`,
    'https://adobe.io/?q-secret',
  ]) {
    await rig.send({ url, ...secrets })
  }
  await rig.send({ url: 'https://evil.example/?q-secret', ...secrets })
  assert.equal(rig.lines.length, 4)
  assert.doesNotMatch(rig.lines.join('\n'), /secret|127\.0|adobe|evil/)
})
