import { Transform } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../problem.ts'
import type { Metrics } from './metrics.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads its body while it arrives, and bounds it itself. */
    streamsBody?: boolean
  }
}

/** What campaigns send is smaller, and never refused. How many of them there may be is bounded by the connections. */
const SMALL_BYTES = 16_384
/** For a caller whose body found no room. */
const RETRY_MS = 1_000

/**
 * Bounds what large bodies hold together, from their first byte until their answer has left: callers who send many of
 * them, or do not end them, are refused with 503.
 */
export function boundBodies(app: FastifyInstance, bytesMax: number, metrics: Metrics): void {
  let heldBytes = 0
  metrics.gauges({ http_bodies_bytes: 'Bytes of large request bodies held in memory.' }, async () => [
    { name: 'http_bodies_bytes', value: heldBytes },
  ])
  app.addHook('preParsing', async (request, reply, payload) => {
    const isSmall = Number(request.headers['content-length']) <= SMALL_BYTES
    if (isSmall || request.routeOptions.config.streamsBody) return payload
    let ownBytes = 0
    const counted = new Transform({
      transform(part: Buffer, _encoding, taken) {
        if (heldBytes + part.length > bytesMax) return taken(noRoom())
        ownBytes += part.length
        heldBytes += part.length
        taken(null, part)
      },
    })
    reply.raw.once('close', () => {
      heldBytes -= ownBytes
    })
    payload.once('error', (error) => counted.destroy(error))
    return payload.pipe(counted)
  })
}

function noRoom(): Refusal {
  return new Refusal(503, 'too-many-uploads', 'Large bodies of other requests take up the memory for them.', {
    advice: 'Nothing was stored: send it again after the time in Retry-After.',
    retryAfterMs: RETRY_MS,
  })
}
