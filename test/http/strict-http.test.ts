import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { once } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test as testAtAll } from 'node:test'
import type { FastifyPluginAsync } from 'fastify'
import { issueAccessToken, readAccessToken } from '../../src/http/access-token.ts'
import { createEdge, KEY, OTHER_KEY, WITH_KEY } from './edge.ts'

/** Without its bound a caller waits for ever. */
const test = (name: string, run: (t: TestContext) => Promise<void>) =>
  testAtAll(name, { timeout: 15_000 }, run)

async function listen(t: TestContext) {
  const bodies: unknown[] = []
  const endpoint: FastifyPluginAsync = async (scope) => {
    scope.post('/echo', async ({ body }) => {
      bodies.push(body)
      return {}
    })
  }
  const { app, log } = await createEdge(t, { endpoints: [endpoint] })
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const open = async () => {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => {})
    t.after(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  return { app, log, open, bodies }
}

const POST = `POST /echo HTTP/1.1\r\nx-api-key: ${KEY}\r\nContent-Type: application/json\r\n`
const CHUNKED = '2\r\n{}\r\n0\r\n\r\n'
const SMUGGLED = `${POST}Host: x\r\nContent-Length: 13\r\n\r\n{"evil":true}`

const TRICKS: readonly [what: string, request: string][] = [
  ['two hosts', `${POST}Host: x\r\nHost: y\r\nContent-Length: 2\r\n\r\n{}`],
  ['the same host twice', `${POST}Host: x\r\nhost: x\r\nContent-Length: 2\r\n\r\n{}`],
  ['no host', `${POST}Content-Length: 2\r\n\r\n{}`],
  ['two keys', `${POST}Host: x\r\nX-API-Key: ${OTHER_KEY}\r\nContent-Length: 2\r\n\r\n{}`],
  [
    'two authorizations',
    `${POST}Host: x\r\nAuthorization: a\r\nAuthorization: b\r\nContent-Length: 2\r\n\r\n{}`,
  ],
  ['two content types', `${POST}Host: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}`],
  ['two lengths', `${POST}Host: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}`],
  [
    'length and chunks',
    `${POST}Host: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED}`,
  ],
  ['chunks twice', `${POST}Host: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n${CHUNKED}`],
  [
    'two codings',
    `${POST}Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED}`,
  ],
  ['gzip and chunks', `${POST}Host: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n${CHUNKED}`],
  ['identity', `${POST}Host: x\r\nTransfer-Encoding: identity\r\n\r\n{}`],
  ['identity last', `${POST}Host: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n${CHUNKED}`],
  ['an unknown coding', `${POST}Host: x\r\nTransfer-Encoding: xchunked\r\n\r\n${CHUNKED}`],
  ['a blank before the colon', `${POST}Host: x\r\nTransfer-Encoding : chunked\r\n\r\n${CHUNKED}`],
  ['a folded header', `${POST}Host: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n${CHUNKED}`],
  [
    'chunks in HTTP/1.0',
    `${POST.replace('1.1', '1.0')}Host: x\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED}`,
  ],
  ['a chunk length with a sign', `${POST}Host: x\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n`],
  ['a bare line feed', `${POST}Host: x\nContent-Length: 2\r\n\r\n{}`],
]
for (const [what, request] of TRICKS) {
  test(`refuses ${what} with 400 and closes, and what follows is no request`, async (t) => {
    const { open, bodies } = await listen(t)
    const socket = await open()
    socket.write(request + SMUGGLED)
    const answer = await text(socket)
    assert.match(answer, /^HTTP\/1\.1 400 /)
    assert.equal(answer.match(/HTTP\/1\.1 \d{3}/g)?.length, 1)
    assert.deepEqual(bodies, [])
  })
}

test('a well-formed request with chunks is taken', async (t) => {
  const { open, bodies } = await listen(t)
  const socket = await open()
  socket.write(`${POST}Host: x\r\nConnection: close\r\nTransfer-Encoding: Chunked\r\n\r\n${CHUNKED}`)
  assert.match(await text(socket), /^HTTP\/1\.1 200 /)
  assert.deepEqual(bodies, [{}])
})

const EXPECTING = 'Host: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n'

test('a caller is told to continue once its key has been checked', async (t) => {
  const { open, bodies } = await listen(t)
  const socket = await open()
  socket.write(`${POST}Connection: close\r\n${EXPECTING}`)
  const [first] = await once(socket, 'data')
  assert.equal(String(first), 'HTTP/1.1 100 Continue\r\n\r\n')
  socket.write('{}')
  assert.match(await text(socket), /^HTTP\/1\.1 200 /)
  assert.deepEqual(bodies, [{}])
})

for (const [what, head, status] of [
  ['a wrong key', POST.replace(KEY, 'x'.repeat(32)), 401],
  ['no key', POST.replace(/x-api-key.*\r\n/, ''), 401],
  ['an unknown path', POST.replace('/echo', '/nowhere'), 404],
] as const) {
  test(`a caller with ${what} is not told to continue`, async (t) => {
    const { open, bodies } = await listen(t)
    const socket = await open()
    socket.write(head + EXPECTING)
    const [answer] = await once(socket, 'data')
    assert.match(String(answer), new RegExp(`^HTTP/1\\.1 ${status} `))
    socket.write(`{}${SMUGGLED}`)
    assert.equal(await text(socket), '', 'what follows is no request')
    assert.deepEqual(bodies, [])
  })
}

test('a page of another site may not change anything, and may be followed here by a link', async (t) => {
  const { app, bodies } = await listen(t)
  const ask = async (site: string, method: 'GET' | 'POST' = 'POST', url = '/echo') => {
    const headers = { ...WITH_KEY, 'sec-fetch-site': site }
    const { statusCode, body } = await app.inject({
      method,
      url,
      headers,
      ...(method === 'POST' && { payload: {} }),
    })
    return [statusCode, JSON.parse(body).code]
  }
  assert.deepEqual(await ask('cross-site'), [403, 'cross-site-request'])
  assert.deepEqual(bodies, [])
  for (const site of ['same-origin', 'same-site', 'none']) assert.deepEqual(await ask(site), [200, undefined])
  assert.deepEqual(await ask('cross-site', 'GET', '/livez'), [200, undefined])
})

test('no answer may be stored, and behind https browsers stay with https', async (t) => {
  const { app: open } = await createEdge(t)
  const { app: secure } = await createEdge(t, { publicUrl: 'https://sync.example.com' })
  for (const url of ['/livez', '/metrics', '/nowhere', '/%zz', '/openapi.json']) {
    const [plain, safe] = [await open.inject({ url }), await secure.inject({ url })]
    assert.equal(plain.headers['cache-control'], 'no-store', url)
    assert.equal(plain.headers['strict-transport-security'], undefined, url)
    assert.equal(safe.headers['strict-transport-security'], 'max-age=31536000', url)
  }
})

test('no answer repeats the host of the request', async (t) => {
  const { app } = await createEdge(t)
  const host = 'evil.example:81'
  for (const url of ['/livez', '/docs', '/docs/', '/openapi.json', '/nowhere', '/%zz', '/metrics']) {
    const { headers, body } = await app.inject({ url, headers: { host, 'x-forwarded-host': host } })
    assert.doesNotMatch(JSON.stringify(headers) + body, /evil/, url)
  }
})

test('a token of an unknown key name costs as much as a wrong signature, and both are no caller', async (t) => {
  const keys = [{ name: 'marketo', secret: KEY }]
  const token = issueAccessToken({ name: 'marketo', secret: OTHER_KEY }, 0)
  const unknown = issueAccessToken({ name: 'somebody', secret: OTHER_KEY }, 0)
  const signed = t.mock.method(crypto, 'createHmac')
  syncBuiltinESMExports()
  t.after(syncBuiltinESMExports)
  const costOf = (one: string) => {
    const before = signed.mock.callCount()
    assert.equal(readAccessToken(one, keys, 0), undefined)
    return signed.mock.callCount() - before
  }
  assert.deepEqual([costOf(token), costOf(unknown)], [1, 1])
})
