import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeFlowStep } from '../../openapi/document.ts'
import { systemClock } from '../../src/clock.ts'
import { CallbackBody } from '../../src/flow-step/callback-body.ts'
import { readStatus } from '../../src/flow-step/status.ts'
import { at, faults, intendedReading, isTree, literalReading, needs, read, type Tree } from './adobe.ts'
import { chunkOf, openEndpoints } from './endpoints-rig.ts'

const installed = (): Tree => at(JSON.parse(describeFlowStep()))

const READINGS = [
  ['as it is written', literalReading],
  ['as it must be meant', intendedReading],
] as const
for (const [how, reading] of READINGS) {
  test(`the install document fits Adobe's meta-schema ${how}`, needs('metaSchema'), () => {
    assert.equal(faults(reading(), installed()), '')
  })

  test(`Adobe's own document fits their meta-schema ${how}`, needs('metaSchema', 'interface'), () => {
    assert.equal(faults(reading(), read('interface')), '')
  })
}

const SUBMIT = ['paths', '/submitAsyncAction', 'post'] as const
const CALLBACK = [...SUBMIT, 'callbacks', 'selfServiceFlowComplete'] as const
/** Who is taken out, and whether the meta-schema sees that as it is written. */
const BREAKS: readonly [path: readonly string[], literally: boolean][] = [
  [['info', 'x-supportContact'], true],
  [['paths', '/status'], true],
  [[...SUBMIT, 'callbacks'], true],
  [[...SUBMIT, 'responses', '429'], false],
  [['paths', '/status', 'get', 'responses', '200', 'content', 'application/json', 'schema', '$ref'], true],
  [['paths', '/serviceIcon', 'get', 'responses', '200', 'content', 'image/*'], true],
  [['components'], true],
  [[...SUBMIT, 'requestBody', 'content', 'application/json', 'schema', '$ref'], false],
  [[...CALLBACK, '{$request.body#/flowComplete}'], false],
  [[...CALLBACK, '{$request.body#/flowComplete}', 'post', 'responses', '404'], false],
  [['components', 'securitySchemes', 'basic', 'scheme'], false],
]
for (const [path, literally] of BREAKS) {
  test(`the meta-schema misses ${path.join(' → ')} where it is not`, needs('metaSchema'), () => {
    const document = installed()
    const name = path.at(-1) ?? ''
    assert(Reflect.deleteProperty(at(document, ...path.slice(0, -1)), name))
    assert.notEqual(faults(intendedReading(), document), '')
    assert.equal(faults(literalReading(), document) !== '', literally)
  })
}

/** What is wrong with a value of Adobe's interface. */
function unlike(name: string, value: unknown): string {
  const { components } = read('interface')
  return faults({ components, $ref: `#/components/schemas/${name}` }, value)
}

test("a call in the shape of Adobe's interface is taken", needs('interface'), async (t) => {
  const { post } = await openEndpoints(t)
  const chunk = chunkOf(2)
  assert.equal(unlike('async', chunk), '')
  assert.equal((await post('submitAsyncAction', chunk)).statusCode, 201)
})

test("the callback has the shape of Adobe's interface", needs('interface'), () => {
  const record = { recordType: 'lead', recordId: '6f1c0d5e-0c1f-5c43-9d0a-3b8c5f1b2a10' } as const
  const body = new CallbackBody('123-ABC-456')
  body.add([
    { position: 0, marketoId: 1, outcome: { outcome: 'created', ...record } },
    { position: 1, marketoId: 2, outcome: { outcome: 'failed', code: 'no-identity', advice: 'a' } },
    { position: 2, marketoId: 3 },
  ])
  const said = at(JSON.parse(body.parts.join('')))
  assert.equal(unlike('flowCallBack', said), '')
  assert.match(unlike('flowCallBack', { ...said, objectData: [{ leadData: { id: '1' } }] }), /integer/)
})

test("the definition has the shape of Adobe's interface", needs('interface'), async (t) => {
  const { get } = await openEndpoints(t)
  const definition = (await get('getServiceDefinition')).json()
  assert.equal(unlike('serviceDefinition', definition), '')
  const { primaryAttribute, ...rest } = definition
  assert.notEqual(unlike('serviceDefinition', rest), '')
  const used = JSON.stringify(definition).match(/"dataType":"\w+"/g) ?? []
  assert(used.length > 10)
  const misspelt = JSON.parse(
    JSON.stringify(definition).replace('"dataType":"string"', '"dataType":"text255"'),
  )
  assert.notEqual(unlike('serviceDefinition', misspelt), '')
})

test("choices are asked for and given in the shape of Adobe's interface", needs('interface'), async (t) => {
  const users = { list: async () => [{ id: 'id-1', name: 'Sam Sales', email: 'sam@contoso.example' }] }
  const { post } = await openEndpoints(t, users)
  for (const name of ['syncAs', 'assignTo']) {
    const question = {
      name,
      type: 'flow',
      fieldMappingContext: { invocation: [{ marketoAttribute: 'email' }] },
    }
    assert.equal(unlike('getPicklistRequest', question), '')
    const answer = (await post('getPicklist', question)).json()
    assert.equal(unlike('picklistObject', answer), '')
    assert(Array.isArray(answer.choices) && answer.choices.every(isTree) && answer.choices.length > 0)
  }
})

test("the status has the shape of Adobe's interface", needs('interface'), async () => {
  const checks = (['info', 'warning', 'error'] as const).map((level) => ({
    name: level,
    run: async () => ({ level, text: level }),
  }))
  const stopping = new AbortController().signal
  const options = { checks, timeoutMs: 1_000, clock: systemClock, stopping }
  const status = await readStatus({ ...options, deprecatedOn: '2027-01-31' })
  assert.equal(unlike('serviceStatus', status), '')
  assert.notEqual(unlike('serviceStatus', { ...status, info: 'info' }), '')
})
