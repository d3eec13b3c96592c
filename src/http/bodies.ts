import { Transform } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../problem.ts'
import type { Metrics } from './metrics.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads its body as a stream and bounds it itself. */
    streamsBody?: boolean
  }
}

/** Bodies up to this size, which includes all that campaigns send, are never refused; the limit on connections bounds them. */
const SMALL_BYTES = 16_384
/** Retry-After of a refused body. */
const RETRY_MS = 1_000

/**
 * Bounds the memory that all large bodies hold together, from the first byte until the answer was sent. A body beyond it
 * is refused with 503.
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
  return new Refusal(503, 'too-many-uploads', 'Other large requests are being received at the moment.', {
    advice: 'Nothing was stored: send it again after the time in Retry-After.',
    retryAfterMs: RETRY_MS,
  })
}
