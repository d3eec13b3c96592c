import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Refusal } from '../problem.ts'

/** Of these a request may have one: which of two counts would be a proxy's guess, and then ours. */
const SINGLE: ReadonlySet<string> = new Set([
  ...['host', 'content-length', 'content-type', 'transfer-encoding', 'expect'],
  ...['authorization', 'x-api-key', 'idempotency-key'],
])
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Refuses what a proxy in front could understand in another way, and what a page of another site lets a browser send. */
export function refuseAmbiguousRequests(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    const flaw = flawOf(request)
    if (flaw !== undefined) {
      // What follows on the connection may be a part of this request.
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
    if (SINGLE.has(name) && seen.has(name)) return `The header ${name} is there twice.`
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
 * `Expect: 100-continue` is answered once the key has been checked: nobody else needs to send a body. Node closes the
 * connection of those who are refused before.
 */
export function continueExpected(app: FastifyInstance): void {
  app.addHook('preParsing', async ({ headers }, reply, payload) => {
    if (headers.expect !== undefined) reply.raw.writeContinue()
    return payload
  })
}
