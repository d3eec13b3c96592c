import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ACCESS_TOKEN_LIFE_SECONDS, issueAccessToken, readAccessToken } from '../../src/http/access-token.ts'
import { API_KEY_NAME } from '../../src/http/auth.ts'
import { tokenEndpoint } from '../../src/http/token-endpoint.ts'
import { createEdge, KEY, OTHER_KEY } from './edge.ts'

const KEYS = [
  { name: 'marketo', secret: KEY },
  { name: 'other', secret: OTHER_KEY },
]
const START = Date.UTC(2026, 0, 1)

function edgeAt(t: TestContext) {
  const clock = { at: START, now: () => clock.at, wall: () => clock.at, sleep: async () => {} }
  return createEdge(t, {
    clock,
    openEndpoints: [tokenEndpoint({ path: '/token', keys: KEYS, clock })],
    endpoints: [
      async (endpoint) => {
        endpoint.get('/whoami', async (request) => ({ key: request.getDecorator<string>(API_KEY_NAME) }))
      },
    ],
  }).then(({ app, log }) => ({ app, log, clock }))
}

function form(members: Record<string, string>, authorization?: string) {
  return {
    method: 'POST' as const,
    url: '/token',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(authorization !== undefined && { authorization }),
    },
    payload: new URLSearchParams(members).toString(),
  }
}

const GRANT = { grant_type: 'client_credentials' }
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

const GIVEN: readonly [string, ReturnType<typeof form>][] = [
  ['in the form', form({ ...GRANT, client_id: 'marketo', client_secret: KEY })],
  ['as Basic', form(GRANT, basic(`marketo:${KEY}`))],
  ['as Basic, form-encoded', form(GRANT, basic(`%6darketo:${KEY}`))],
]
for (const [how, request] of GIVEN) {
  test(`a client that shows its key ${how} gets a bearer that opens endpoints for an hour`, async (t) => {
    const { app, log, clock } = await edgeAt(t)
    const answer = await app.inject(request)
    assert.equal(answer.statusCode, 200)
    assert.equal(answer.headers['cache-control'], 'no-store')
    const { access_token: token, ...rest } = answer.json()
    assert.deepEqual(rest, { token_type: 'Bearer', expires_in: 3_600 })
    const headers = { authorization: `Bearer ${token}` }
    clock.at = START + ACCESS_TOKEN_LIFE_SECONDS * 1_000 - 1
    assert.deepEqual((await app.inject({ url: '/whoami', headers })).json(), { key: 'marketo' })
    clock.at += 1
    assert.equal((await app.inject({ url: '/whoami', headers })).statusCode, 401)
    assert(!log().includes(token) && !log().includes(KEY))
  })
}

const REFUSED: readonly [string, ReturnType<typeof form>, number, string][] = [
  ['no grant', form({ client_id: 'marketo', client_secret: KEY }), 400, 'invalid_request'],
  ['another grant', form({ grant_type: 'password' }), 400, 'unsupported_grant_type'],
  ['a wrong secret', form({ ...GRANT, client_id: 'marketo', client_secret: 'x' }), 401, 'invalid_client'],
  ["another key's name", form({ ...GRANT, client_id: 'other', client_secret: KEY }), 401, 'invalid_client'],
  ['no name', form({ ...GRANT, client_secret: KEY }), 401, 'invalid_client'],
  ['nobody', form(GRANT), 401, 'invalid_client'],
  [
    'a wrong Basic beside a right form',
    form({ ...GRANT, client_id: 'marketo', client_secret: KEY }, basic('marketo:x')),
    401,
    'invalid_client',
  ],
]
for (const [what, request, status, error] of REFUSED) {
  test(`the token endpoint answers ${what} with ${error}`, async (t) => {
    const { app } = await edgeAt(t)
    const answer = await app.inject(request)
    assert.deepEqual([answer.statusCode, answer.json()], [status, { error }])
  })
}

test('a token that was changed anywhere, or whose key is gone, stands for nobody', () => {
  const token = issueAccessToken({ name: 'marketo', secret: KEY }, START)
  assert.equal(readAccessToken(token, KEYS, START), 'marketo')
  assert.equal(readAccessToken(token, [{ name: 'marketo', secret: OTHER_KEY }], START), undefined)
  assert.equal(readAccessToken(token, [{ name: 'renamed', secret: KEY }], START), undefined)
  const [name = '', expires = '', signature = ''] = token.split('.')
  const later = String(Number(expires) + 1)
  const other = Buffer.from('other').toString('base64url')
  const zeros = 'A'.repeat(43)
  for (const forged of [
    `${other}.${expires}.${signature}`,
    `${name}.${later}.${signature}`,
    `${name}.${expires}.${zeros}`,
    `${name}.${expires}.`,
    `${name}.${expires}`,
    '',
  ]) {
    assert.equal(readAccessToken(forged, KEYS, START), undefined, forged)
  }
})

test('a token that would live for longer than any is one of a clock that was set back since', () => {
  const [key] = KEYS
  assert.ok(key)
  const token = issueAccessToken(key, START)
  assert.equal(readAccessToken(token, KEYS, START - 5_000), 'marketo')
  assert.equal(readAccessToken(token, KEYS, START - 3_600_000), undefined)
})
