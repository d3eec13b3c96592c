import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'

export interface HealthCheck {
  /** Such as `store`, `dataverse-token`, `metadata`, `draining`. */
  name: string
  ok: boolean
  /** One sentence for an operator, without secrets: this answer is public. */
  detail?: string
}

const Alive = Type.Object(
  { status: Type.Literal('alive') },
  { description: 'The process is running.', examples: [{ status: 'alive' }] },
)
const Readiness = Type.Object(
  {
    status: Type.Union([Type.Literal('ready'), Type.Literal('not-ready')]),
    checks: Type.Array(
      Type.Object({ name: Type.String(), ok: Type.Boolean(), detail: Type.Optional(Type.String()) }),
    ),
  },
  {
    description: '200 while every check passes, otherwise 503.',
    examples: [{ status: 'not-ready', checks: [{ name: 'accepting', ok: false }] }],
  },
)

/** Both need no key, since orchestrators have none. `health` reports `draining` as a check that is not ok. */
export function registerHealth(app: FastifyInstance, health: () => Promise<readonly HealthCheck[]>): void {
  app.get(
    '/livez',
    {
      schema: {
        summary: 'The process is running',
        tags: ['operations'],
        security: [],
        response: { 200: Alive },
      },
    },
    async () => ({ status: 'alive' }),
  )
  app.get(
    '/readyz',
    {
      schema: {
        summary: 'The service accepts requests',
        tags: ['operations'],
        security: [],
        response: { 200: Readiness, 503: Readiness },
      },
    },
    async (request, reply) => {
      const checks = await health().catch((error: unknown) => {
        request.log.error({ event: 'health-check-failed', err: error })
        return [{ name: 'health', ok: false }]
      })
      const ready = checks.every(({ ok }) => ok)
      return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not-ready', checks })
    },
  )
}
