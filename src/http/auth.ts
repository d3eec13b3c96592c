import { createHash, timingSafeEqual } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import { problemResponse } from '../problem.ts'
import { readAccessToken } from './access-token.ts'
import { PROBLEM_TYPE } from './problem.ts'

/** One caller's key. Several live at once, so that a key can be rotated without a gap. */
export interface ApiKey {
  name: string
  secret: string
}

/** The request decorator that holds the caller's key name: `request.getDecorator<string>(API_KEY_NAME)`. */
export const API_KEY_NAME = 'apiKeyName'

/** Always the same bytes, so that a prober learns nothing; the request id is in the header. */
const UNAUTHORIZED_BODY = JSON.stringify({
  type: 'about:blank',
  title: STATUS_CODES[401],
  status: 401,
  detail: 'Send a valid API key.',
  code: 'unauthorized',
  advice: 'Use the header x-api-key, Authorization: Bearer, or Basic with the key as password.',
})
const CHALLENGES = [
  'Bearer realm="sync-person-to-microsoft"',
  'Basic realm="sync-person-to-microsoft", charset="UTF-8"',
]

/** Guards every route of this scope, before a byte of the body is read. */
export function requireApiKey(scope: FastifyInstance, keys: readonly ApiKey[], clock: Clock): void {
  const identify = createIdentify(keys, clock)
  scope.decorateRequest(API_KEY_NAME, '')
  scope.addHook('onRequest', async (request, reply) => {
    const name = identify(request.headers)
    if (name === undefined) return refuse(request, reply)
    request.setDecorator(API_KEY_NAME, name)
  })
  scope.addHook('onRoute', (route) => {
    const own = declared(route.schema?.response)
    const isWrite = [route.method].flat().some((method) => method !== 'GET' && method !== 'HEAD')
    route.schema = {
      ...route.schema,
      response: { ...UNAVAILABLE, ...own, ...UNAUTHORIZED, ...(isWrite && CROSS_SITE) },
    }
  })
}

const UNAVAILABLE = {
  503: problemResponse(
    'The database of this service cannot be used at the moment; Retry-After says when to retry.',
  ),
}
const CROSS_SITE = { 403: problemResponse('A browser sent the request for a page of another site.') }
const UNAUTHORIZED = { 401: problemResponse('The API key is missing or invalid.') }

function declared(response: unknown): object {
  return typeof response === 'object' && response !== null ? response : {}
}

function refuse(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  request.log.info({ event: 'request-unauthorized', status: 401 })
  return reply.code(401).header('www-authenticate', CHALLENGES).type(PROBLEM_TYPE).send(UNAUTHORIZED_BODY)
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Gives the name of the key that a request carries, as a secret or as an access token. */
export function createIdentify(
  keys: readonly ApiKey[],
  clock: Clock,
): (headers: Headers) => string | undefined {
  const find = createFindKey(keys)
  return (headers) => {
    const secret = secretOf(headers)
    return find(secret)?.name ?? readAccessToken(secret, keys, clock.now())
  }
}

/** Gives the key with this secret. Compares with every key, so that the time taken does not depend on the match. */
export function createFindKey(keys: readonly ApiKey[]): (secret: string) => ApiKey | undefined {
  const hashed = keys.map(({ name, secret }) => ({ key: { name, secret }, hash: sha256(secret) }))
  return (secret) => {
    const presented = sha256(secret)
    let found: ApiKey | undefined
    for (const { key, hash } of hashed) {
      if (timingSafeEqual(hash, presented)) found = key
    }
    return found
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** The empty string when there is none: it is compared like any other secret and matches no key. */
function secretOf(headers: Headers): string {
  const apiKey = headers['x-api-key']
  if (typeof apiKey === 'string') return apiKey
  const [, scheme = '', credentials = ''] = /^(\S+) +(\S+) *$/.exec(String(headers.authorization ?? '')) ?? []
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return credentials
    case 'basic':
      return basicCredentials(headers.authorization)?.password ?? ''
    default:
      return ''
  }
}

/** RFC 7617. undefined = the header is another scheme, or not readable. */
export function basicCredentials(
  authorization: string | string[] | undefined,
): { user: string; password: string } | undefined {
  const [, credentials = ''] = /^basic +(\S+) *$/i.exec(String(authorization ?? '')) ?? []
  const [, user, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(credentials, 'base64').toString('utf8')) ?? []
  return user === undefined || password === undefined ? undefined : { user, password }
}
