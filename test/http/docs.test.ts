import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyPluginAsync } from 'fastify'
import { Type } from 'typebox'
import { openApiDocument } from '../../src/http/docs.ts'
import { problemResponse } from '../../src/problem.ts'
import { createEdge } from './edge.ts'

const Thing = Type.Object(
  { id: Type.Integer() },
  { $id: 'Thing', description: 'A thing.', examples: [{ id: 7 }] },
)
const endpoint: FastifyPluginAsync = async (scope) => {
  const schema = {
    summary: 'Make a thing',
    tags: ['people'],
    body: Type.Object({ name: Type.String() }),
    response: { 200: { $ref: 'Thing#' }, 422: problemResponse('Refused.') },
  }
  scope.post('/v1/things/:id', { schema }, async () => ({ id: 7 }))
}

/** Every `$ref` in a document. */
function refsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) =>
    key === '$ref' && typeof member === 'string' ? [member] : refsOf(member),
  )
}

test('/openapi.json is public and an OpenAPI 3.1 document of every route', async (t) => {
  const { app } = await createEdge(t, {
    schemas: [Thing],
    endpoints: [endpoint],
    publicUrl: 'https://sync.example.com',
  })
  const answer = await app.inject({ url: '/openapi.json' })
  assert.equal(answer.statusCode, 200)
  assert.match(String(answer.headers['content-type']), /^application\/json/)
  const document = answer.json()
  assert.equal(document.openapi, '3.1.0')
  assert.deepEqual(document.servers, [{ url: 'https://sync.example.com' }])
  assert.deepEqual(Object.keys(document.paths).sort(), ['/livez', '/metrics', '/readyz', '/v1/things/{id}'])
  assert.deepEqual(Object.keys(document.components.securitySchemes), ['apiKey', 'bearer', 'basic'])
  assert.deepEqual(document.security, [{ apiKey: [] }, { bearer: [] }, { basic: [] }])
  assert.deepEqual(document.paths['/livez'].get.security, [])
})

test('the document points at named schemas, and every pointer has a target', async (t) => {
  const { app } = await createEdge(t, { schemas: [Thing], endpoints: [endpoint] })
  const document = JSON.parse(openApiDocument(app))
  assert.deepEqual(Object.keys(document.components.schemas).sort(), ['Problem', 'Thing'])
  const refs = new Set(refsOf(document))
  assert.deepEqual([...refs].sort(), ['#/components/schemas/Problem', '#/components/schemas/Thing'])
})

test('every operation has a summary, and every guarded one declares its 401 as a problem', async (t) => {
  const { app } = await createEdge(t, { schemas: [Thing], endpoints: [endpoint] })
  const { paths } = JSON.parse(openApiDocument(app))
  for (const [path, operations] of Object.entries<Record<string, Record<string, unknown>>>(paths)) {
    for (const { summary, security, responses } of Object.values(operations)) {
      assert.equal(typeof summary, 'string', path)
      assert(typeof responses === 'object' && responses !== null)
      assert.equal('401' in responses, security === undefined, path)
      assert.doesNotMatch(JSON.stringify(responses), /Default Response/, path)
    }
  }
  const { responses } = paths['/v1/things/{id}'].post
  assert.deepEqual(Object.keys(responses), ['200', '401', '403', '422', '503'])
  assert.deepEqual(responses['422'].content, {
    'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
  })
})

test('the document is the same bytes each time, and ends with a line break', async (t) => {
  const [one, two] = [
    await createEdge(t, { schemas: [Thing], endpoints: [endpoint] }),
    await createEdge(t, { schemas: [Thing], endpoints: [endpoint] }),
  ]
  assert.equal(openApiDocument(one.app), openApiDocument(two.app))
  assert.match(openApiDocument(one.app), /\}\n$/)
})

test('Swagger UI is public at /docs, and its page may load nothing from elsewhere', async (t) => {
  const { app } = await createEdge(t)
  const page = await app.inject({ url: '/docs' })
  assert.equal(page.statusCode, 200)
  assert.match(page.body, /swagger-ui/)
  assert.equal(
    page.headers['content-security-policy'],
    "default-src 'self'; base-uri 'self'; frame-ancestors 'self'; img-src 'self' data:; object-src 'none'; style-src 'self' 'unsafe-inline'",
  )
  assert.equal((await app.inject({ url: '/docs/static/swagger-ui-bundle.js' })).statusCode, 200)
})

test('what needs no key is made once, and is not there with DOCS=off', async (t) => {
  const paths = ['/openapi.json', '/docs', '/docs/', '/docs/json', '/docs/static/swagger-ui.css']
  const { app } = await createEdge(t)
  for (const path of paths) {
    const [one, two] = [await app.inject({ url: path }), await app.inject({ url: path })]
    assert.equal(one.statusCode, 200, path)
    assert(one.rawPayload.equals(two.rawPayload), path)
  }
  const { app: quiet } = await createEdge(t, { docs: false })
  for (const path of paths) assert.equal((await quiet.inject({ url: path })).statusCode, 404, path)
})
