import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyPluginAsync } from 'fastify'
import { systemClock } from '../../src/clock.ts'
import { API_KEY_NAME, createIdentify } from '../../src/http/auth.ts'
import { createEdge, KEY, OTHER_KEY } from './edge.ts'

const whoAmI: FastifyPluginAsync = async (endpoint) => {
  endpoint.get('/whoami', async (request) => ({ key: request.getDecorator<string>(API_KEY_NAME) }))
  endpoint.post('/echo', async (request) => request.body)
}

function basic(text: string): string {
  return `Basic ${Buffer.from(text).toString('base64')}`
}

const ACCEPTED: readonly [string, Record<string, string>, string][] = [
  ['x-api-key', { 'x-api-key': KEY }, 'marketo'],
  ['a second key', { 'x-api-key': OTHER_KEY }, 'other'],
  ['Bearer', { authorization: `Bearer ${KEY}` }, 'marketo'],
  ['bearer in lower case', { authorization: `bearer ${OTHER_KEY}` }, 'other'],
  ['Basic with the secret as password', { authorization: basic(`marketo:${KEY}`) }, 'marketo'],
  ['Basic with any user name', { authorization: basic(`whoever:${KEY}`) }, 'marketo'],
  ['Basic without a user name', { authorization: basic(`:${OTHER_KEY}`) }, 'other'],
]
for (const [what, headers, key] of ACCEPTED) {
  test(`lets a caller in by ${what} and tells the endpoint which key it was`, async (t) => {
    const { app } = await createEdge(t, { endpoints: [whoAmI] })
    const answer = await app.inject({ url: '/whoami', headers })
    assert.deepEqual([answer.statusCode, answer.json()], [200, { key }])
  })
}

const REFUSED: readonly [string, Record<string, string>][] = [
  ['nothing', {}],
  ['an empty key', { 'x-api-key': '' }],
  ['a wrong key', { 'x-api-key': 'x'.repeat(32) }],
  ['a prefix of a key', { 'x-api-key': KEY.slice(0, -1) }],
  ['a key with a tail', { 'x-api-key': `${KEY}k` }],
  ['the name of a key', { 'x-api-key': 'marketo' }],
  ['a wrong x-api-key beside a right bearer', { 'x-api-key': 'x', authorization: `Bearer ${KEY}` }],
  ['a key without a scheme', { authorization: KEY }],
  ['an unknown scheme', { authorization: `Digest ${KEY}` }],
  ['a wrong bearer', { authorization: 'Bearer x' }],
  ['the secret as Basic user name', { authorization: basic(`${KEY}:`) }],
  ['Basic without a colon', { authorization: basic(KEY) }],
  ['Basic that is not base64', { authorization: 'Basic ???' }],
]
test('every refusal is the same bytes and headers, whatever was wrong', async (t) => {
  const { app } = await createEdge(t, { endpoints: [whoAmI] })
  const bodies = new Set<string>()
  for (const [what, headers] of REFUSED) {
    for (const method of ['GET', 'POST'] as const) {
      const url = method === 'GET' ? '/whoami' : '/echo'
      const answer = await app.inject({ method, url, headers })
      assert.equal(answer.statusCode, 401, what)
      assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
      assert.match(String(answer.headers['www-authenticate']), /Bearer realm=.*Basic realm=/)
      bodies.add(answer.body)
    }
  }
  assert.equal(bodies.size, 1)
  assert.partialDeepStrictEqual(JSON.parse([...bodies].join()), { status: 401, code: 'unauthorized' })
})

test('a stranger learns nothing of how a body is read: the key comes first', async (t) => {
  const { app } = await createEdge(t, { endpoints: [whoAmI] })
  const headers = { 'content-type': 'text/xml' }
  const answer = await app.inject({ method: 'POST', url: '/echo', headers, payload: 'x'.repeat(100_000) })
  assert.equal(answer.statusCode, 401)
})

test('every key is compared, so that the time does not tell which one nearly matched', () => {
  const compared: string[] = []
  const spied = (name: string, secret: string) => ({
    get name() {
      compared.push(name)
      return name
    },
    secret,
  })
  const keys = [spied('first', KEY), spied('second', KEY), spied('third', OTHER_KEY)]
  const identify = createIdentify(keys, systemClock)
  assert.equal(identify({ 'x-api-key': KEY }), 'second')
  assert.deepEqual(compared, ['first', 'second', 'third'])
})
