import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describeApi } from '../openapi/document.ts'

type Json = Record<string, unknown>

const text = await describeApi()
const document: unknown = JSON.parse(text)

function object(value: unknown, where: string): Json {
  assert(typeof value === 'object' && value !== null && !Array.isArray(value), `${where} is not an object`)
  return value as Json
}

function member(value: unknown, ...path: string[]): unknown {
  return path.reduce((at: unknown, name) => object(at, path.join('/'))[name], value)
}

const operations = Object.entries(object(member(document, 'paths'), 'paths')).flatMap(([path, item]) =>
  Object.entries(object(item, path)).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    path,
    operation: object(operation, path),
  })),
)

/** Every `$ref` below a value, examples apart: there it would be data. */
function refsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, child]) => {
    if (key === 'example' || key === 'examples') return []
    return key === '$ref' && typeof child === 'string' ? [child] : refsOf(child)
  })
}

function resolve(schema: unknown): Json {
  const { $ref, ...rest } = object(schema, 'schema')
  if (typeof $ref !== 'string') return rest
  return object(member(document, ...$ref.replace(/^#\//, '').split('/')), $ref)
}

/** A named schema has its example inside, an inline one beside it. */
function contentsOf(holder: unknown): { type: string; schema: Json; example: unknown }[] {
  return Object.entries(object(member(holder, 'content'), 'content')).map(([type, media]) => {
    const schema = resolve(member(media, 'schema'))
    const [example] = [member(media, 'example'), schema.examples].flat().filter((one) => one !== undefined)
    return { type, schema, example }
  })
}

test('openapi/openapi.json is what the endpoints say; after a change of a schema: npm run openapi', async () => {
  const kept = await readFile(new URL('../openapi/openapi.json', import.meta.url), 'utf8')
  assert(kept === text, 'openapi/openapi.json is stale. Run: npm run openapi')
})

test('every schema that it names is valid JSON Schema, and can be built', () => {
  const ajv = new Ajv2020({ strictSchema: false, validateFormats: false })
  ajv.addSchema({ $id: 'document', components: member(document, 'components') })
  let built = 0
  const visit = (value: unknown, pointer: string): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, child] of Object.entries(value)) {
      const path = `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
      if (key !== 'schema') visit(child, path)
      else {
        const schema = JSON.parse(JSON.stringify(child).replaceAll('"#/components', '"document#/components'))
        assert.doesNotThrow(() => ajv.compile(schema), path)
        built += 1
      }
    }
  }
  visit(member(document, 'paths'), '/paths')
  for (const name of Object.keys(object(member(document, 'components', 'schemas'), 'schemas'))) {
    assert.doesNotThrow(() => ajv.compile({ $ref: `document#/components/schemas/${name}` }), name)
  }
  assert(built > 100, `${built}`)
})

test('the document is OpenAPI 3.1 with a title, a version, and pointers that lead somewhere', () => {
  assert.equal(member(document, 'openapi'), '3.1.0')
  for (const name of ['title', 'version', 'description']) {
    assert.equal(typeof member(document, 'info', name), 'string', name)
  }
  const refs = new Set(refsOf(document))
  assert(refs.size > 5)
  for (const ref of refs) assert(Object.keys(resolve({ $ref: ref })).length > 0, ref)
})

test('the document has these endpoints', () => {
  assert.deepEqual(operations.map(({ name }) => name).sort(), [
    'GET /livez',
    'GET /metrics',
    'GET /readyz',
    'GET /v1/doctor',
    'GET /v1/flow-steps',
    'GET /v1/people/{marketoId}',
    'GET /v1/people/{marketoId}/activities',
    'GET /v1/requests/{requestId}',
    'GET /v1/sync/conflicts',
    'GET /v1/sync/failures',
    'GET /v1/sync/fields',
    'GET /v1/sync/status',
    'POST /v1/backups',
    'POST /v1/flow-actions/sync-person-to-microsoft',
    'POST /v1/flow-steps/{chunkId}/resend',
    'POST /v1/sync/failures/{failureId}/retry',
    'POST /v1/sync/pause',
    'POST /v1/sync/preview',
    'POST /v1/sync/resume',
    'POST /webhooks/marketo/sync-person-to-microsoft',
  ])
})

test('every operation has a summary, a known tag and, where it is more than a probe, a name of its own', () => {
  const tags = (member(document, 'tags') as { name: string }[]).map(({ name }) => name)
  const names = new Set<unknown>()
  for (const { name, operation } of operations) {
    assert.equal(typeof operation.summary, 'string', name)
    const used = operation.tags as string[]
    assert(used.length === 1 && used.every((tag) => tags.includes(tag)), name)
    if (used.includes('operations')) continue
    assert.equal(typeof operation.description, 'string', name)
    assert.equal(typeof operation.operationId, 'string', name)
    assert(!names.has(operation.operationId), name)
    names.add(operation.operationId)
  }
})

test('every parameter of a path is declared and required', () => {
  for (const { name, path, operation } of operations) {
    const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter)
    const declared = ((operation.parameters ?? []) as Json[]).filter((one) => one.in === 'path')
    assert.deepEqual(
      declared.map((one) => one.name),
      wanted,
      name,
    )
    assert(
      declared.every((one) => one.required === true),
      name,
    )
  }
})

test('every body shows an example, and names nothing that its schema does not know', () => {
  const bodies = operations.flatMap(({ name, operation }) => {
    const responses = Object.entries(object(operation.responses, name))
    const answers = responses.flatMap(([status, response]) =>
      contentsOf(response).map((content) => ({ where: `${name} ${status}`, ...content })),
    )
    if (operation.requestBody === undefined) return answers
    return [...contentsOf(operation.requestBody).map((content) => ({ where: name, ...content })), ...answers]
  })
  for (const { where, type, schema, example } of bodies) {
    if (type === 'text/plain') continue
    assert(example !== undefined, `${where} has no example`)
    const known = Object.keys(object(schema.properties, where))
    const required = (schema.required ?? []) as string[]
    const shown = Object.keys(object(example, where))
    assert.deepEqual(
      shown.filter((one) => !known.includes(one)),
      [],
      where,
    )
    assert.deepEqual(
      required.filter((one) => !shown.includes(one)),
      [],
      where,
    )
  }
})

test('every guarded operation declares 401, what takes input declares 400, and errors are problems', () => {
  for (const { name, operation } of operations) {
    const responses = object(operation.responses, name)
    assert.equal('401' in responses, operation.security === undefined, name)
    const takesInput = operation.requestBody !== undefined || operation.parameters !== undefined
    assert.equal('400' in responses, takesInput, name)
    for (const [status, response] of Object.entries(responses)) {
      assert.notEqual(member(response, 'description'), 'Default Response', `${name} ${status}`)
      if (!status.startsWith('4') && status !== '500') continue

      assert.equal(contentsOf(response)[0]?.type, 'application/problem+json', `${name} ${status}`)
    }
  }
})
