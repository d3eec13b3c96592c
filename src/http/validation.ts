import { Ajv, type AnySchema, type ValidateFunction } from 'ajv'
import type { FastifySchemaValidationError } from 'fastify'
import { Refusal } from '../problem.ts'

const FORMATS = {
  uuid: /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i,
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i,
}

const COERCED_PARTS: ReadonlySet<string> = new Set(['querystring', 'params', 'headers'])

interface SchemaOfPart {
  schema: AnySchema
  httpPart?: string
}

/**
 * Bodies are taken literally: nothing is coerced and nothing is dropped in silence. Queries, paths and
 * headers are text on the wire, so `limit=20` has to become a number.
 */
export function buildValidator(sharedSchemas: Readonly<Record<string, unknown>>) {
  const literal = createAjv(false, sharedSchemas)
  const coercing = createAjv(true, sharedSchemas)
  return (part: AnySchema) => {
    if (!isSchemaOfPart(part)) throw new TypeError('A schema to compile comes with the part it is for')
    const ajv = COERCED_PARTS.has(part.httpPart ?? '') ? coercing : literal
    return builtAtFirstUse(() => ajv.compile(part.schema))
  }
}

/** Builds a validator at its first request, so that the service starts sooner. Fastify reads `errors` off the function. */
function builtAtFirstUse(build: () => ValidateFunction): ValidateFunction {
  let built: ValidateFunction | undefined
  const validate = ((value: unknown) => {
    built ??= build()
    const isValid = built(value)
    validate.errors = built.errors ?? null
    return isValid
  }) as ValidateFunction
  return validate
}

/** Fastify passes the part beside the schema; its declared type knows only the schema. */
function isSchemaOfPart(part: AnySchema | SchemaOfPart): part is SchemaOfPart {
  return typeof part === 'object' && 'schema' in part
}

function createAjv(coerceTypes: boolean, sharedSchemas: Readonly<Record<string, unknown>>): Ajv {
  const ajv = new Ajv({
    coerceTypes,
    // Text such as 1e999 becomes Infinity, to which bounds apply only so. A JSON body holds no such number.
    strictNumbers: !coerceTypes,
    removeAdditional: false,
    useDefaults: true,
    allErrors: false,
    addUsedSchema: false,
    // They are our own, and test/openapi.test.ts checks them: building Ajv's checker takes a tenth of a start.
    meta: false,
    validateSchema: false,
    allowUnionTypes: true,
    formats: FORMATS,
  })
  for (const schema of Object.values(sharedSchemas)) {
    if (typeof schema === 'object' && schema !== null) ajv.addSchema(schema)
  }
  return ajv
}

const PARTS: Readonly<Record<string, string>> = {
  body: 'body',
  querystring: 'query',
  params: 'path',
  headers: 'headers',
}

/** Names the member at fault and never repeats its value. */
export function refusalOf(errors: readonly FastifySchemaValidationError[], context = 'body'): Refusal {
  const part = PARTS[context] ?? context
  const error = errors[0]
  const path = (error?.instancePath ?? '').slice(1).replaceAll('/', '.').replaceAll('~1', '/')
  const unknown = named(error?.params.additionalProperty) ?? named(error?.params.unevaluatedProperty)
  if (unknown !== undefined) {
    const field = join(path, unknown)
    return new Refusal(400, 'unknown-member', `The ${part} has an unknown member "${field}".`, {
      field,
    })
  }
  const missing = named(error?.params.missingProperty)
  if (missing !== undefined) {
    const field = join(path, missing)
    return new Refusal(400, 'missing-member', `The ${part} lacks the member "${field}".`, { field })
  }
  const rule = `${error?.message ?? 'is not valid'}${choices(error?.params.allowedValues)}`
  if (path === '') return new Refusal(400, 'invalid-value', `The ${part} ${rule}.`)
  return new Refusal(400, 'invalid-value', `The member "${path}" of the ${part} ${rule}.`, { field: path })
}

function named(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function join(path: string, member: string): string {
  return path === '' ? member : `${path}.${member}`
}

function choices(allowed: unknown): string {
  return Array.isArray(allowed) ? `: ${allowed.join(', ')}` : ''
}
