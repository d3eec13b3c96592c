import fc from 'fast-check'
import { Pool } from 'undici'

/** Requests made from the API's own descriptions, half of them hostile. */

type Json = Record<string, unknown>

interface Schema {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  examples?: unknown[]
  pattern?: string
  minimum?: number
  maximum?: number
  properties?: Record<string, Schema>
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
}

interface Operation {
  method: string
  path: string
  parameters: { in: string; name: string; schema: Schema }[]
  body: Schema | undefined
}

export interface FuzzOptions {
  /** Where the service listens. */
  url: string
  key: string
  /** OpenAPI documents, each with the path below which it is served. */
  documents: readonly { document: object; below: string }[]
  requests: number
  /** The same seed sends the same requests. */
  seed: number
}

export interface Fuzzed {
  sent: number
  /** How many answers had each status. */
  statuses: Record<string, number>
  /** Answers that must not be, with the requests that had them. */
  faults: string[]
}

interface Shot {
  method: string
  path: string
  headers: Record<string, string>
  body: string | null
}

const PER_BATCH = 500
const CONNECTIONS = 64
const FAULTS_MAX = 20
const DEPTH_MAX = 6
const ANSWER_MS = 30_000

/** A stack, a file of ours, a database's own words. */
const LEAK = /\n\s+at |node_modules|\.ts:\d|SQLITE_|SqliteError|syntax error at or near|violates /

export async function fuzz({ url, key, documents, requests, seed }: FuzzOptions): Promise<Fuzzed> {
  const shots = shotOf(
    documents.flatMap(({ document, below }) => operationsOf(document, below)),
    key,
  )
  const pool = new Pool(url, { connections: CONNECTIONS, headersTimeout: ANSWER_MS, bodyTimeout: ANSWER_MS })
  const fuzzed: Fuzzed = { sent: 0, statuses: {}, faults: [] }
  for (let batch = 0; fuzzed.sent < requests && fuzzed.faults.length < FAULTS_MAX; batch += 1) {
    const sample = fc.sample(shots, { seed: seed + batch, numRuns: PER_BATCH })
    await Promise.all(sample.map((shot) => send(pool, shot, fuzzed)))
  }
  await pool.close()
  return fuzzed
}

async function send(pool: Pool, shot: Shot, fuzzed: Fuzzed): Promise<void> {
  const { status, text } = await pool.request({ ...shot, method: shot.method as 'GET' }).then(
    async ({ statusCode, body }) => ({ status: statusCode, text: await body.text() }),
    (error: unknown) => ({ status: 0, text: String(error) }),
  )
  fuzzed.sent += 1
  fuzzed.statuses[status] = (fuzzed.statuses[status] ?? 0) + 1
  const isFault = status === 0 || (status >= 500 && status !== 503) || (status >= 400 && LEAK.test(text))
  if (isFault)
    fuzzed.faults.push(`${status} ${text.slice(0, 500)} to ${JSON.stringify(shot).slice(0, 2_000)}`)
}

function operationsOf(document: object, below: string): Operation[] {
  const { paths, components } = document as { paths: Record<string, Record<string, Json>>; components?: Json }
  const resolved = (schema: Schema): Schema =>
    schema.$ref === undefined ? schema : (at({ components }, schema.$ref) as Schema)
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Operation => {
      const { parameters = [], requestBody } = operation as {
        parameters?: Operation['parameters']
        requestBody?: { content: Record<string, { schema: Schema }> }
      }
      const schema = Object.values(requestBody?.content ?? {})[0]?.schema
      const body = schema && expanded(schema, resolved, 0)
      return { method: method.toUpperCase(), path: `${below}${path}`, parameters, body }
    }),
  )
}

function at(document: unknown, pointer: string): unknown {
  return pointer
    .slice(2)
    .split('/')
    .reduce<unknown>((value, name) => Object(value)[name.replaceAll('~1', '/')], document)
}

/** Without references, and no deeper than makes sense. */
function expanded(schema: Schema, resolved: (schema: Schema) => Schema, depth: number): Schema {
  if (depth > DEPTH_MAX) return {}
  const { $ref: _, ...known } = resolved(schema)
  const inside = (one: Schema) => expanded(one, resolved, depth + 1)
  return {
    ...known,
    ...(known.properties && {
      properties: Object.fromEntries(
        Object.entries(known.properties).map(([name, one]) => [name, inside(one)]),
      ),
    }),
    ...(known.items && { items: inside(known.items) }),
    ...(known.anyOf && { anyOf: known.anyOf.map(inside) }),
    ...(known.oneOf && { oneOf: known.oneOf.map(inside) }),
    ...(known.allOf && { allOf: known.allOf.map(inside) }),
  }
}

const NASTY = [
  ...['', ' ', '\0', '\u202e', '\ud800', '😀'.repeat(50), 'a'.repeat(5_000), '\ufeff', '\u0085\u200b'],
  ...['null', 'undefined', 'NaN', '-1', '0', '1e999', '9'.repeat(40), '-0', '0x10', '1,5', 'Infinity'],
  ...["'", "' or 1=1 --", '$filter=1 eq 1', '%', '%00', '%zz', '../../etc/passwd', '{{lead.Id}}', '{{7*7}}'],
  ...['<script>', '__proto__', 'constructor', 'toString', 'a@b', 'ann@example.com', '2026-02-30', '\r\nX: y'],
]
const nastyText = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.string({ unit: 'binary', maxLength: 30 }),
)
const nastyValue = fc.oneof(
  nastyText,
  fc.double(),
  fc.maxSafeInteger(),
  fc.boolean(),
  fc.constant(null),
  fc.jsonValue({ maxDepth: 4 }),
  fc.array(nastyText, { maxLength: 5 }),
)

function valuesOf(schema: Schema): fc.Arbitrary<unknown> {
  const { type, examples = [], pattern } = schema
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  const choices = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])]
  if (choices.length > 0) return fc.oneof(...choices.map(valuesOf))
  const types = Array.isArray(type) ? type : type ? [type] : []
  const made = types.map((one): fc.Arbitrary<unknown> => {
    switch (one) {
      case 'object':
        return objectOf(schema)
      case 'array':
        return fc.array(valuesOf(schema.items ?? {}), { maxLength: 5 })
      case 'integer':
      case 'number':
        return fc.integer({
          min: Math.max(schema.minimum ?? -(2 ** 31), -(2 ** 31)),
          max: Math.min(schema.maximum ?? 2 ** 31 - 1, 2 ** 31 - 1),
        })
      case 'boolean':
        return fc.boolean()
      case 'null':
        return fc.constant(null)
      default:
        return pattern === undefined ? nastyText : fc.stringMatching(new RegExp(pattern))
    }
  })
  const shown = examples.length > 0 ? [fc.constantFrom(...examples)] : []
  return made.length + shown.length === 0 ? nastyValue : fc.oneof(...shown, ...made)
}

function objectOf({ properties = {} }: Schema): fc.Arbitrary<unknown> {
  const member = (schema: Schema) => mostly(valuesOf(schema), nastyValue)
  const known = Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, member(one)]))
  const strange = fc.dictionary(nastyText, nastyValue, { maxKeys: 2 })
  return mostly(
    fc.record(known, { requiredKeys: [] }),
    fc.tuple(fc.record(known, { requiredKeys: [] }), strange).map(([given, more]) => ({ ...given, ...more })),
  )
}

function mostly<T, U>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<U>): fc.Arbitrary<T | U> {
  return fc.oneof({ arbitrary: usual, weight: 7 }, { arbitrary: rare, weight: 1 })
}

/** What JSON.stringify would never write. */
const SPOILT: readonly ((text: string) => string)[] = [
  (text) => text.slice(0, -1),
  (text) => `${text}${text}`,
  (text) => text.replace(/}$/, ',}'),
  (text) => text.replace(/^\{/, '{"__proto__":{"a":1},'),
  (text) => text.replace(/^\{"([^"]+)":/, '{"$1":1,"$1":'),
  (text) => text.replace(/:(?:"[^"]*"|\d+)/, ':1e999'),
  (text) => text.replace(/:(?:"[^"]*"|\d+)/, `:0.1${'0'.repeat(60)}1`),
  (text) => text.replace(/:(?:"[^"]*"|\d+)/, ':"\\ud800"'),
  (text) => `\ufeff${text}`,
  (text) => `${'['.repeat(2_000)}${text}`,
  (text) => text.replaceAll('"', "'"),
  (text) => new URLSearchParams({ email: text.slice(0, 50), marketoId: '7' }).toString(),
]
const CONTENT_TYPES = [
  ...['application/json', 'application/json; charset=utf-8', 'application/json;charset=utf-16', 'text/plain'],
  ...['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/xml', 'nonsense'],
]

function shotOf(operations: readonly Operation[], key: string): fc.Arbitrary<Shot> {
  const keys = mostly(
    fc.constant({ 'x-api-key': key }),
    fc.constantFrom({}, { 'x-api-key': 'wrong' }, { authorization: 'Basic ::' }),
  )
  return fc.oneof(
    ...operations.map((operation) => {
      const { method } = operation
      const body =
        operation.body === undefined && method === 'GET' ? fc.constant(null) : bodyOf(operation.body ?? {})
      return fc
        .record({
          path: pathOf(operation),
          body,
          keys,
          headers: headersOf(operation),
          type: mostly(fc.constant(CONTENT_TYPES[0]), fc.constantFrom(...CONTENT_TYPES)),
        })
        .map(
          ({ path, body: text, keys: shown, headers, type }): Shot => ({
            method,
            path,
            headers: { ...shown, ...headers, ...(text !== null && { 'content-type': type ?? '' }) },
            body: text,
          }),
        )
    }),
  )
}

function bodyOf(schema: Schema): fc.Arbitrary<string> {
  const text = mostly(valuesOf(schema), nastyValue).map((value) => JSON.stringify(value) ?? '')
  return mostly(
    text,
    fc.tuple(text, fc.constantFrom(...SPOILT)).map(([given, spoil]) => spoil(given)),
  )
}

function pathOf({ path, parameters }: Operation): fc.Arbitrary<string> {
  const ofKind = (kind: string) =>
    parameters
      .filter((one) => one.in === kind)
      .map(({ name, schema }) => fc.tuple(fc.constant(name), written(schema)))
  const query = fc.tuple(...ofKind('query').map((one) => fc.option(one)))
  const strange = mostly(
    fc.constant([]),
    fc.array(fc.tuple(nastyText.map(encoded), nastyText.map(encoded)), { maxLength: 2 }),
  )
  return fc.tuple(fc.tuple(...ofKind('path')), query, strange).map(([inPath, given, more]) => {
    const target = inPath.reduce((text, [name, value]) => text.replace(`{${name}}`, value), path)
    const pairs = [...given.filter((one) => one !== null), ...more]
    return pairs.length === 0
      ? target
      : `${target}?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`
  })
}

function headersOf({ parameters }: Operation): fc.Arbitrary<Record<string, string>> {
  const latin = (text: string) => text.replaceAll(/[^\x20-\x7e\xa0-\xff]/g, '?').trim()
  const some = parameters
    .filter((one) => one.in === 'header')
    .map(({ name, schema }) =>
      fc.option(valuesOf(schema).map((value) => [name, latin(String(value))] as const)),
    )
  return fc.tuple(...some).map((given) => Object.fromEntries(given.filter((one) => one !== null)))
}

/** As it stands in a URL, now and then as nobody should write it. */
function written(schema: Schema): fc.Arbitrary<string> {
  return mostly(
    mostly(valuesOf(schema), nastyText).map((value) => encoded(String(value))),
    fc.constantFrom('%', '%zz', '%00', '%ff%fe', '..', '.', '%2e%2e%2f', '1e999', '-1', '%F0%9F'),
  )
}

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}
