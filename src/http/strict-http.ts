import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Refusal } from '../problem.ts'

/** Headers that a request may carry only once: of two, a proxy and this service might each pick a different one. */
const SINGLE: ReadonlySet<string> = new Set([
  ...['host', 'content-length', 'content-type', 'transfer-encoding', 'expect'],
  ...['authorization', 'x-api-key', 'idempotency-key'],
])
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Refuses requests that a proxy could interpret differently, and writes that a browser sends for another site's page. */
export function refuseAmbiguousRequests(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    const flaw = flawOf(request)
    if (flaw !== undefined) {
      // The bytes that follow on the connection may belong to this request.
      reply.header('connection', 'close')
      throw new Refusal(400, 'malformed-request', flaw)
    }
    if (request.headers['sec-fetch-site'] === 'cross-site' && !SAFE_METHODS.has(request.method)) {
      throw new Refusal(403, 'cross-site-request', 'A page of another site may not change anything here.', {
        advice: 'Call the service from a server, or from its own page at /docs.',
      })
    }
  })
}

function flawOf({ raw, headers }: FastifyRequest): string | undefined {
  const seen = new Set<string>()
  for (let index = 0; index < raw.rawHeaders.length; index += 2) {
    const name = raw.rawHeaders[index]?.toLowerCase() ?? ''
    if (SINGLE.has(name) && seen.has(name)) return `The header ${name} appears twice.`
    seen.add(name)
  }
  if (headers.host === undefined && raw.httpVersion === '1.1') return 'The header host is missing.'
  const { 'transfer-encoding': coding } = headers
  if (coding === undefined) return undefined
  if (coding.toLowerCase() !== 'chunked') return 'Transfer-Encoding may be "chunked" and nothing else.'
  if (raw.httpVersion !== '1.1') return 'Transfer-Encoding needs HTTP/1.1.'
  return undefined
}

/**
 * `Expect: 100-continue` is answered after the key check, so that only callers with a valid key send a body. Node closes
 * the connection of a request that is refused earlier.
 */
export function continueExpected(app: FastifyInstance): void {
  app.addHook('preParsing', async ({ headers }, reply, payload) => {
    if (headers.expect !== undefined) reply.raw.writeContinue()
    return payload
  })
}
