import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Ajv, type AnySchema } from 'ajv'
import { parse } from 'yaml'

/**
 * Adobe's own files (github.com/adobe/Marketo-SSFS-Service-Provider-Interface), which are not kept here. Variables of
 * the environment say where they are.
 */
export const ADOBE = {
  /** schema.yaml: what an install document has to be. */
  metaSchema: fileOf('FLOW_STEP_META_SCHEMA'),
  /** CFA-Swagger.yaml: the interface. */
  interface: fileOf('FLOW_STEP_INTERFACE'),
} as const

/** For a test that needs a file: skipped where there is none. */
export function needs(...names: (keyof typeof ADOBE)[]): { skip: string | false } {
  const missing = names.filter((name) => ADOBE[name].path === undefined)
  return { skip: missing.map((name) => ADOBE[name].missing).join(' ') || false }
}

export type Tree = Record<string, unknown>

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function at(tree: unknown, ...path: string[]): Tree {
  const found = path.reduce((value, name) => (isTree(value) ? value[name] : undefined), tree)
  assert(isTree(found), path.join(' → '))
  return found
}

export function read(name: keyof typeof ADOBE): Tree {
  const { path = '' } = ADOBE[name]
  return at(parse(readFileSync(path, 'utf8')))
}

/** What is wrong with the value; '' when nothing is. Keywords of OpenAPI mean nothing, as to any JSON schema. */
export function faults(schema: AnySchema, value: unknown): string {
  const formats = {
    int32: true,
    int64: true,
    uri: true,
    binary: true,
    datetime: true,
    'date-time': true,
  } as const
  const ajv = new Ajv({ strict: false, formats, allErrors: true })
  return ajv.validate(schema, value) ? '' : ajv.errorsText()
}

/** The meta-schema as it is written, save that JSON schema wants names as texts where YAML has 201. */
export function literalReading(): Tree {
  return at(namesAsTexts(read('metaSchema')))
}

/**
 * As it must be meant: callbacks, answers, bodies, security and schemes are written where no JSON schema looks for
 * them; texts as parameters and a list of scopes contradict Adobe's own interface document, which is right.
 */
export function intendedReading(): Tree {
  const schema = literalReading()
  const submit = at(schema, 'components', 'schemas', 'submitAsyncAction', 'properties', 'post')
  const post = at(submit, 'properties')
  submit.required = ['requestBody', 'callbacks', 'responses']
  post.responses = submit.responses
  const callback = at(post, 'callbacks', ...CALLBACK, 'properties', 'post', 'properties')
  callback.parameters = { type: 'array', minItems: 2, items: OBJECT }
  at(callback, 'requestBody', 'properties', 'content', 'properties')[JSON_TYPE] = mediaOf('flowCallBack')
  post.callbacks = { ...OBJECT, required: ['selfServiceFlowComplete'], properties: post.callbacks }
  post.requestBody = {
    ...{ ...OBJECT, required: ['content'] },
    properties: {
      content: { ...OBJECT, required: [JSON_TYPE], properties: { [JSON_TYPE]: mediaOf('async') } },
    },
  }
  const schemes = at(schema, 'components', 'schemas')
  at(schemes, 'oauth2Scheme', 'properties').flows = refTo('oauthFlows')
  for (const flow of ['clientCredentials', 'authorizationCode']) {
    at(schemes, 'oauthFlows', 'properties')[flow] = refTo('oauthFlow')
  }
  at(schemes, 'oauthFlow', 'properties').scopes = { ...OBJECT, maxProperties: 0 }
  const oneOf = ['apiKeyScheme', 'httpScheme', 'oauth2Scheme'].map(refTo)
  const properties = at(schema, 'properties')
  properties.components = {
    ...{ ...OBJECT, required: ['schemas', 'securitySchemes'] },
    properties: { schemas: OBJECT, securitySchemes: { ...OBJECT, additionalProperties: { oneOf } } },
  }
  const anyOf = ['apiKey', 'oauth2', 'basic'].map((name) => ({ required: [name] }))
  properties.security = { type: 'array', minItems: 1, items: { ...OBJECT, anyOf } }
  return schema
}

const JSON_TYPE = 'application/json'
const OBJECT = { type: 'object' } as const
const CALLBACK = ['selfServiceFlowComplete', 'properties', '{$request.body#/flowComplete}'] as const

function refTo(name: string): Tree {
  return { $ref: `#/components/schemas/${name}` }
}

function mediaOf(name: string): Tree {
  return { ...OBJECT, required: ['schema'], properties: { schema: { const: refTo(name) } } }
}

function namesAsTexts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(namesAsTexts)
  if (!isTree(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === 'required' && Array.isArray(inner) ? inner.map(String) : namesAsTexts(inner),
    ]),
  )
}

function fileOf(variable: string): { path: string | undefined; missing: string } {
  const path = process.env[variable]
  return {
    path: path === '' ? undefined : path,
    missing: `${variable} does not say where Adobe's file is: this was not checked against it.`,
  }
}
