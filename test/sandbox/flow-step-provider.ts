import assert from 'node:assert/strict'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Heard {
  method: string
  path: string
  query: string
  headers: IncomingHttpHeaders
  body: string
}

export interface Reply {
  status?: number
  type?: string
  headers?: Record<string, string>
  body?: unknown
}

/** A reply, or whatever a hostile server does with the connection. */
export type Play = Reply | ((response: ServerResponse) => void)

const ref = (name: string) => ({ 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } })
const ok = (content: object) => ({ responses: { '200': { description: 'ok', content } } })
const header = (name: string) => ({ in: 'header', name, required: true, schema: { type: 'string' } })
const described = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [name, { description: name }]))

/** A provider's document that meets every demand. */
export function goodDocument() {
  const callback = {
    parameters: [header('x-api-key'), header('x-callback-token')],
    requestBody: { content: ref('flowCallBack') },
    responses: described('404', '405'),
  }
  const names = ['async', 'flowCallBack', 'serviceDefinition', 'serviceStatus', 'picklistObject']
  return {
    openapi: '3.0.1',
    info: {
      ...{ title: 'Look-up', version: '2.1.0', 'x-providerName': 'Tables Inc' },
      ...{ 'x-schemaVersion': '1.0.0', 'x-supportContact': 'help@example.com' },
    },
    security: [{ apiKey: [] }],
    paths: {
      '/submitAsyncAction': {
        post: {
          requestBody: { content: ref('async') },
          callbacks: { selfServiceFlowComplete: { '{$request.body#/flowComplete}': { post: callback } } },
          responses: described('201', '400', '401', '403', '429', '500'),
        },
      },
      '/getServiceDefinition': { get: ok(ref('serviceDefinition')) },
      '/status': { get: ok(ref('serviceStatus')) },
      '/getPicklist': { post: ok(ref('picklistObject')) },
      '/serviceIcon': { get: ok({ 'image/*': {} }) },
      '/providerInstructions': { get: ok({ 'text/html': {} }) },
    },
    components: {
      schemas: Object.fromEntries(names.map((name) => [name, {}])),
      securitySchemes: { apiKey: { type: 'apiKey', in: 'header', name: 'x-tables-key' } } as object,
    },
  }
}

const attribute = (apiName: string, dataType: string, more = {}) => ({
  ...{ apiName, dataType, i18n: { en_US: { name: `The ${apiName}` }, fr_FR: { name: apiName } } },
  ...more,
})
const field = (serviceAttribute: string, suggestedMarketoAttribute: string, dataType: string, more = {}) => ({
  ...{ serviceAttribute, suggestedMarketoAttribute, dataType },
  ...{ description: { en_US: serviceAttribute } },
  ...more,
})

/** A service's definition that meets every demand. */
export function goodDefinition() {
  return {
    apiName: 'lookUp',
    i18n: {
      en_US: { name: 'Look Up', filterName: 'Was Looked Up', triggerName: 'Is Looked Up', description: 'x' },
      de_DE: { name: 'Nachschlagen' },
    },
    primaryAttribute: 'table',
    invocationPayloadDef: {
      globalAttributes: [attribute('region', 'string')],
      flowAttributes: [
        attribute('table', 'string', { hasPicklist: true, enforcePicklistSelect: true }),
        attribute('key', 'string'),
      ],
      fields: [
        field('mail', 'email', 'email', { required: true }),
        field('firm', 'company', 'string'),
        field('shoeSize', 'shoeSize', 'integer'),
      ],
      headers: [{ name: 'x-verbose', description: { en_US: 'More' } }],
      ...{ campaignContext: true, programContext: true, triggerContext: true, subscriptionContext: true },
      ...{ programMemberContext: false, userDrivenMapping: false, myTokenContext: ['Event Date'] },
    },
    callbackPayloadDef: {
      attributes: [attribute('found', 'string'), attribute('rows', 'integer')],
      fields: [
        ...[field('dept', 'department', 'string'), field('points', 'leadScore', 'score')],
        ...[field('optedOut', 'unsubscribed', 'boolean'), field('secret', 'noSuchField', 'string')],
      ],
      userDrivenMapping: false,
    },
  }
}

const PNG = Buffer.from('89504e470d0a1a0a', 'hex')
const choice = (value: string) => ({ displayValue: { en_US: value }, submittedValue: value })

/** A small provider, good in every way until told otherwise. */
export class Provider {
  readonly heard: Heard[] = []
  /** By path; what is not here is 404. */
  readonly answers: Map<string, Play>
  url = ''

  constructor() {
    this.answers = new Map<string, Play>([
      ['/openapi.json', { body: goodDocument() }],
      ['/getServiceDefinition', { body: goodDefinition() }],
      ['/status', { body: { info: ['all is well'] } }],
      ['/getPicklist', { body: { choices: [choice('countries'), choice('cities')] } }],
      ['/serviceIcon', { type: 'image/png', body: PNG }],
      ['/providerInstructions', { type: 'text/html; charset=utf-8', body: Buffer.from('<h1>How</h1>') }],
      ['/submitAsyncAction', { status: 201, body: {} }],
    ])
  }

  /** Calls with chunks, as they came. */
  get chunks(): Record<string, unknown>[] {
    return this.heard
      .filter(({ path }) => path === '/submitAsyncAction')
      .map(({ body }): Record<string, unknown> => JSON.parse(body))
  }

  /** Answers a chunk at its address; what `changes` says is instead of what is right. */
  async call(
    chunk: Record<string, unknown>,
    body: unknown,
    changes: { headers?: Record<string, string>; method?: string } = {},
  ): Promise<number> {
    const { method = 'POST', headers = {} } = changes
    const told = {
      'content-type': 'application/json',
      'x-api-key': String(chunk.apiCallBackKey),
      'x-callback-token': String(chunk.token),
      ...headers,
    }
    const payload = method === 'POST' && { body: typeof body === 'string' ? body : JSON.stringify(body) }
    const response = await fetch(String(chunk.callbackUrl), { method, headers: told, ...payload })
    await response.text()
    return response.status
  }
}

export async function startProvider(): Promise<Provider & AsyncDisposable> {
  const provider = new Provider()
  const server = createServer(async (request, response) => {
    const { method = '', headers } = request
    const { pathname: path, search: query } = new URL(request.url ?? '/', 'http://provider')
    provider.heard.push({ method, path, query, headers, body: await text(request) })
    play(provider.answers.get(path) ?? { status: 404 }, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  provider.url = `http://127.0.0.1:${address.port}`
  return Object.assign(provider, {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

function play(answer: Play, response: ServerResponse): void {
  if (typeof answer === 'function') {
    answer(response)
    return
  }
  const { status = 200, type = 'application/json', headers = {}, body = '' } = answer
  response.writeHead(status, { 'content-type': type, ...headers })
  response.end(Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body))
}

/** A copy with another value at a path; undefined takes the member away. */
export function changed<T extends object>(value: T, path: readonly (string | number)[], to: unknown): T {
  const copy: T = structuredClone(value)
  let place: object = copy
  for (const step of path.slice(0, -1)) place = Object(Reflect.get(place, step))
  const last = path.at(-1) ?? ''
  if (to === undefined) Reflect.deleteProperty(place, last)
  else Reflect.set(place, last, to)
  return copy
}

export const KEY = { kind: 'apiKey', key: 'k1' } as const
