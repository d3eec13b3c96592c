import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyPluginAsync } from 'fastify'
import { Type } from 'typebox'
import { Busy, Conflict, Rejected, Unauthorized, Unavailable } from '../../src/errors.ts'
import { problemResponse, Refusal } from '../../src/problem.ts'
import { createEdge, WITH_KEY } from './edge.ts'

const strictBody = Type.Object(
  {
    person: Type.Object({ email: Type.String({ maxLength: 20 }) }, { additionalProperties: false }),
    syncAs: Type.Optional(Type.Union([Type.Literal('lead'), Type.Literal('contact')])),
    campaign: Type.Optional(Type.Object({ id: Type.Integer() })),
  },
  { additionalProperties: false },
)
const strictEndpoint: FastifyPluginAsync = async (endpoint) => {
  const response = {
    200: Type.Object({}, { additionalProperties: true }),
    400: problemResponse('Bad input.'),
  }
  endpoint.post('/strict', { schema: { body: strictBody, response } }, async (request) => ({
    body: request.body,
  }))
  const querystring = Type.Object({ limit: Type.Integer({ maximum: 100 }) }, { additionalProperties: false })
  const params = Type.Object({ id: Type.Integer() })
  endpoint.get('/items/:id', { schema: { querystring, params } }, async ({ query, params }) => ({
    query,
    params,
  }))
  endpoint.put('/items/:id', async () => ({}))
  const union = Type.Object({ id: Type.Unsafe({ type: ['integer', 'string'], maxLength: 3 }) })
  endpoint.post('/by-hand', async (request) => ({
    literal: request.validateInput({ id: '7' }, Type.Object({ id: Type.Integer() })),
    union: request.validateInput(request.body, union),
  }))
}

const json = { ...WITH_KEY, 'content-type': 'application/json' }

const BAD_INPUT: readonly [string, string, { code: string; status?: number; field?: string }][] = [
  ['an unknown member', '{"person":{"email":"a"},"force":true}', { code: 'unknown-member', field: 'force' }],
  ['a nested one', '{"person":{"email":"a","x":1}}', { code: 'unknown-member', field: 'person.x' }],
  ['a missing member', '{}', { code: 'missing-member', field: 'person' }],
  ['a nested missing member', '{"person":{}}', { code: 'missing-member', field: 'person.email' }],
  ['a number for a string', '{"person":{"email":7}}', { code: 'invalid-value', field: 'person.email' }],
  [
    'a string for a number',
    '{"person":{"email":"a"},"campaign":{"id":"7"}}',
    { code: 'invalid-value', field: 'campaign.id' },
  ],
  [
    'too long a value',
    `{"person":{"email":"${'a'.repeat(21)}"}}`,
    { code: 'invalid-value', field: 'person.email' },
  ],
  ['no known choice', '{"person":{"email":"a"},"syncAs":"x"}', { code: 'invalid-value', field: 'syncAs' }],
  ['an array', '[]', { code: 'invalid-value' }],
  ['malformed JSON', '{"person":', { code: 'malformed-json' }],
  ['an empty body', '', { code: 'empty-body' }],
  ['a duplicate member', '{"person":{"email":"a","email":"b"}}', { code: 'duplicate-key' }],
  ['a number beyond 2^53', '{"campaign":{"id":9007199254740993}}', { code: 'number-out-of-range' }],
  ['__proto__', '{"person":{"__proto__":{"email":"a"}}}', { code: 'forbidden-key' }],
  ['constructor', '{"constructor":{"prototype":{"x":1}}}', { code: 'forbidden-key' }],
  ['too deep a body', '['.repeat(50), { code: 'too-deep' }],
  ['too large a body', `{"person":"${'x'.repeat(65_536)}"}`, { code: 'body-too-large', status: 413 }],
]
for (const [what, payload, { code, status = 400, field }] of BAD_INPUT) {
  test(`answers ${what} with ${status} ${code}`, async (t) => {
    const { app, log } = await createEdge(t, { endpoints: [strictEndpoint] })
    const answer = await app.inject({ method: 'POST', url: '/strict', headers: json, payload })
    assert.equal(answer.statusCode, status)
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
    const { detail, title, ...rest } = answer.json()
    assert.deepEqual(rest, {
      type: 'about:blank',
      status,
      code,
      requestId: answer.headers['x-request-id'],
      ...(field === undefined ? {} : { field }),
    })
    assert.match(detail, /\.$/)
    assert.equal(title, status === 413 ? 'Payload Too Large' : 'Bad Request')
    assert.doesNotMatch(log(), /"level":"error"/)
  })
}

test('a refusal names the member and the choices, and repeats no value', async (t) => {
  const { app } = await createEdge(t, { endpoints: [strictEndpoint] })
  const ask = async (payload: string) =>
    (await app.inject({ method: 'POST', url: '/strict', headers: json, payload })).json().detail
  assert.equal(
    await ask('{"person":{"email":"a"},"force":"SECRET"}'),
    'The body has an unknown member "force".',
  )
  assert.doesNotMatch(await ask('{"person":{"email":"SECRET SECRET SECRET SECRET"}}'), /SECRET/)
})

test('bodies are taken literally; queries and paths are turned into numbers', async (t) => {
  const { app } = await createEdge(t, { endpoints: [strictEndpoint] })
  const answer = await app.inject({ url: '/items/7?limit=20', headers: WITH_KEY })
  assert.deepEqual(answer.json(), { query: { limit: 20 }, params: { id: 7 } })
  const refused = await app.inject({ url: '/items/7?limit=20&offset=1', headers: WITH_KEY })
  assert.deepEqual([refused.statusCode, refused.json().field], [400, 'offset'])
  const wrong = await app.inject({ url: '/items/seven?limit=20', headers: WITH_KEY })
  assert.deepEqual([wrong.statusCode, wrong.json().field], [400, 'id'])
})

for (const contentType of [
  'text/plain',
  'application/xml',
  'application/x-www-form-urlencoded',
  'nonsense',
]) {
  test(`answers a body of type ${contentType} with 415`, async (t) => {
    const { app } = await createEdge(t, { endpoints: [strictEndpoint] })
    const headers = { ...WITH_KEY, 'content-type': contentType }
    const answer = await app.inject({ method: 'POST', url: '/strict', headers, payload: '{}' })
    assert.deepEqual([answer.statusCode, answer.json().code], [415, 'unsupported-media-type'])
  })
}

test('answers a body without a type with 415, and no body at all with 400', async (t) => {
  const { app } = await createEdge(t, { endpoints: [strictEndpoint] })
  const untyped = await app.inject({
    method: 'POST',
    url: '/strict',
    headers: WITH_KEY,
    payload: Buffer.from('{}'),
  })
  assert.equal(untyped.statusCode, 415)
  const bare = await app.inject({ method: 'POST', url: '/strict', headers: WITH_KEY })
  assert.deepEqual([bare.statusCode, bare.json().code], [400, 'empty-body'])
})

test('answers unknown paths with 404, and known paths with a wrong method with 405 and Allow', async (t) => {
  const { app } = await createEdge(t, { endpoints: [strictEndpoint] })
  const ask = async (method: 'GET' | 'DELETE' | 'POST' | 'OPTIONS' | 'PATCH', url: string) => {
    const answer = await app.inject({ method, url })
    return [answer.statusCode, answer.json().code, answer.headers.allow]
  }
  assert.deepEqual(await ask('GET', '/nowhere'), [404, 'not-found', undefined])
  assert.deepEqual(await ask('POST', '/strict/deeper'), [404, 'not-found', undefined])
  assert.deepEqual(await ask('POST', '/items/'), [404, 'not-found', undefined])
  assert.deepEqual(await ask('GET', '/strict?x=1'), [405, 'method-not-allowed', 'POST'])
  assert.deepEqual(await ask('OPTIONS', '/strict'), [405, 'method-not-allowed', 'POST'])
  assert.deepEqual(await ask('DELETE', '/items/7'), [405, 'method-not-allowed', 'GET, HEAD, PUT'])
  assert.deepEqual(await ask('PATCH', '/livez'), [405, 'method-not-allowed', 'GET, HEAD'])
})

test('answers a malformed path with 400 and too long a parameter with 414', async (t) => {
  const { app } = await createEdge(t, { endpoints: [strictEndpoint] })
  const malformed = await app.inject({ url: '/items/%zz', headers: WITH_KEY })
  assert.deepEqual([malformed.statusCode, malformed.json().code], [400, 'malformed-url'])
  assert.equal(malformed.headers['x-request-id'], malformed.json().requestId)
  const long = await app.inject({ url: `/items/${'7'.repeat(101)}?limit=1`, headers: WITH_KEY })
  assert.deepEqual([long.statusCode, long.json().code], [414, 'url-too-long'])
})

const detail = {
  code: 'owner-disabled',
  field: 'ownerid',
  advice: 'Enable the user.',
  vendorCode: '0x80040225',
}
const ERRORS: readonly [string, Error, number, Record<string, unknown>][] = [
  ['Rejected', new Rejected('The owner is disabled.', detail), 422, { ...detail, vendorCode: undefined }],
  ['Busy', new Busy('SECRET', 90_500), 503, { code: 'vendor-busy' }],
  ['Unavailable', new Unavailable('SECRET'), 503, { code: 'vendor-unavailable' }],
  ['Unauthorized', new Unauthorized('SECRET', detail), 503, { code: 'service-not-authorized' }],
  ['Conflict', new Conflict('SECRET'), 503, { code: 'record-changing' }],
  ['Refusal', new Refusal(409, 'key-in-use', 'Wait.', { advice: 'Wait.' }), 409, { code: 'key-in-use' }],
  ['a TypeError', new TypeError('SECRET'), 500, { code: 'internal-error' }],
  [
    'an error with a code',
    Object.assign(new Error('SECRET'), { code: 'EACCES' }),
    500,
    { code: 'internal-error' },
  ],
]
const RETRY_AFTER: Readonly<Record<string, string>> = { Busy: '91', Unavailable: '5' }
for (const [what, error, status, expected] of ERRORS) {
  test(`turns ${what} into ${status} and lets no message of a 5xx out`, async (t) => {
    const failing: FastifyPluginAsync = async (endpoint) => {
      const schema = { response: { [status]: problemResponse('Declared.') } }
      endpoint.get('/fail', { schema }, async () => {
        throw error
      })
    }
    const { app, log } = await createEdge(t, { endpoints: [failing] })
    const answer = await app.inject({ url: '/fail', headers: WITH_KEY })
    assert.equal(answer.statusCode, status)
    const { vendorCode: _, ...visible } = expected
    assert.partialDeepStrictEqual(answer.json(), { status, ...visible })
    assert.doesNotMatch(answer.body, /SECRET|vendorCode/)
    assert.equal(answer.headers['retry-after'], RETRY_AFTER[what])
    assert.equal(/"event":"request-failed"/.test(log()), status >= 500)
  })
}

test('a declared error schema that the problem does not meet still gives the problem', async (t) => {
  const failing: FastifyPluginAsync = async (endpoint) => {
    const schema = { response: { 422: Type.Object({ somethingElse: Type.String() }) } }
    endpoint.get('/fail', { schema }, async () => {
      throw new Rejected('no', detail)
    })
  }
  const { app } = await createEdge(t, { endpoints: [failing] })
  const answer = await app.inject({ url: '/fail', headers: WITH_KEY })
  assert.deepEqual([answer.statusCode, answer.json().code], [422, 'owner-disabled'])
})

test('a body that an endpoint validates by itself is taken as literally', async (t) => {
  const { app } = await createEdge(t, { endpoints: [strictEndpoint] })
  const answer = await app.inject({ method: 'POST', url: '/by-hand', headers: json, payload: '{"id":"7"}' })
  assert.deepEqual(answer.json(), { literal: false, union: true })
})
