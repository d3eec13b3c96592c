import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { describeFlowStep } from '../../openapi/document.ts'
import { installDocument } from '../../src/flow-step/install-document.ts'

/** What Adobe's meta-schema for service providers (version 1.0.0) demands of an install document, and what its texts add. */

const text = describeFlowStep()
const document: unknown = JSON.parse(text)

function at(...path: (string | number)[]): unknown {
  return path.reduce((value: unknown, name) => {
    assert(typeof value === 'object' && value !== null, path.join(' → '))
    return Reflect.get(value, name)
  }, document)
}

function keys(...path: (string | number)[]): string[] {
  const value = at(...path)
  assert(typeof value === 'object' && value !== null, path.join(' → '))
  return Object.keys(value)
}

test('openapi/flow-step.json is what the endpoint serves; after a change: npm run openapi', async () => {
  const kept = await readFile(new URL('../../openapi/flow-step.json', import.meta.url), 'utf8')
  assert(kept === text, 'openapi/flow-step.json is stale. Run: npm run openapi')
})

test('it is OpenAPI 3.0 and says who provides the service, for which interface, and where help is', () => {
  assert.match(String(at('openapi')), /^3\.0\.\d$/)
  assert.equal(at('info', 'x-schemaVersion'), '1.0.0')
  for (const name of ['title', 'version', 'x-providerName', 'x-supportContact']) {
    assert.equal(typeof at('info', name), 'string', name)
    assert.notEqual(at('info', name), '', name)
  }
})

test('the first server is absolute and is where the paths begin', () => {
  const { servers, components } = installDocument({ base: 'https://a.example/flow-step', version: '1' })
  assert.deepEqual(servers, [{ url: 'https://a.example/flow-step' }])
  const { tokenUrl } = components.securitySchemes.oauth2.flows.clientCredentials
  assert.equal(tokenUrl, 'https://a.example/flow-step/oauth/token')
})

test('the API key comes first, and every scheme is one that Marketo knows', () => {
  assert.deepEqual(at('security'), [{ apiKey: [] }, { basic: [] }, { oauth2: [] }])
  const scheme = (name: string) => at('components', 'securitySchemes', name)
  assert.deepEqual(scheme('apiKey'), { type: 'apiKey', in: 'header', name: 'x-api-key' })
  assert.deepEqual(scheme('basic'), { type: 'http', scheme: 'basic', 'x-realm-required': false })
  assert.equal(at('components', 'securitySchemes', 'oauth2', 'type'), 'oauth2')
  assert.deepEqual(keys('components', 'securitySchemes', 'oauth2', 'flows'), ['clientCredentials'])
  assert.deepEqual(at('components', 'securitySchemes', 'oauth2', 'flows', 'clientCredentials', 'scopes'), {})
})

test('it has the three paths that must be there and the four that may', () => {
  const methods = keys('paths').map((path) => `${keys('paths', path).join()} ${path}`)
  assert.deepEqual(methods.sort(), [
    'get /brandIcon',
    'get /getServiceDefinition',
    'get /providerInstructions',
    'get /serviceIcon',
    'get /status',
    'post /getPicklist',
    'post /submitAsyncAction',
  ])
})

const ANSWERS: readonly [string, string, string][] = [
  ['/getServiceDefinition', 'get', 'serviceDefinition'],
  ['/status', 'get', 'serviceStatus'],
  ['/getPicklist', 'post', 'picklistObject'],
]
for (const [path, method, schema] of ANSWERS) {
  test(`${path} answers with the schema ${schema}, by reference`, () => {
    const found = at('paths', path, method, 'responses', '200', 'content', 'application/json', 'schema')
    assert.deepEqual(found, { $ref: `#/components/schemas/${schema}` })
  })
}

test('icons are of any image type, and the instructions are a page', () => {
  for (const path of ['/brandIcon', '/serviceIcon']) {
    assert.deepEqual(keys('paths', path, 'get', 'responses', '200', 'content'), ['image/*'])
  }
  assert.deepEqual(keys('paths', '/providerInstructions', 'get', 'responses', '200', 'content'), [
    'text/html',
  ])
})

test('a chunk is taken as JSON, and every answer that Marketo counts is declared', () => {
  const submit = ['paths', '/submitAsyncAction', 'post'] as const
  assert.deepEqual(at(...submit, 'requestBody', 'content', 'application/json', 'schema'), {
    $ref: '#/components/schemas/async',
  })
  for (const status of ['201', '400', '401', '403', '429', '500']) {
    assert(keys(...submit, 'responses').includes(status), status)
  }
})

test('the callback has its literal key, both headers, a body and the answers that Adobe names', () => {
  const callbacks = ['paths', '/submitAsyncAction', 'post', 'callbacks', 'selfServiceFlowComplete'] as const
  assert.deepEqual(keys(...callbacks), ['{$request.body#/flowComplete}'])
  const post = [...callbacks, '{$request.body#/flowComplete}', 'post'] as const
  const headers = at(...post, 'parameters')
  assert(Array.isArray(headers))
  assert.deepEqual(
    headers.map(({ in: place, name, required }) => [place, name, required]),
    [
      ['header', 'x-api-key', true],
      ['header', 'x-callback-token', true],
    ],
  )
  assert.deepEqual(at(...post, 'requestBody', 'content', 'application/json', 'schema'), {
    $ref: '#/components/schemas/flowCallBack',
  })
  for (const status of ['404', '405']) assert(keys(...post, 'responses').includes(status), status)
})

test('the schemas demand what Adobe’s demand', () => {
  const demands = (name: string) => at('components', 'schemas', name, 'required')
  assert.deepEqual(demands('async'), ['campaignId', 'callbackUrl'])
  assert.deepEqual(demands('context'), ['subscription'])
  assert.deepEqual(demands('objectData'), ['objectType', 'objectContext'])
  assert.deepEqual(demands('leadData'), ['id'])
  assert.deepEqual(demands('flowCallBack'), ['munchkinId'])
  assert.deepEqual(demands('callbackData'), ['leadData'])
  assert.deepEqual(demands('picklistObject'), ['choices'])
  assert.deepEqual(demands('getPicklistRequest'), ['name', 'type'])
  assert.deepEqual(demands('serviceDefinition'), [
    'apiName',
    'i18n',
    'primaryAttribute',
    'invocationPayloadDef',
    'callbackPayloadDef',
  ])
})

test('every reference leads somewhere', () => {
  const refs = [...text.matchAll(/"\$ref": "#\/([^"]+)"/g)].map(([, path = '']) => path.split('/'))
  assert(refs.length > 10)
  for (const path of refs) assert.notEqual(at(...path), undefined, path.join('/'))
})
