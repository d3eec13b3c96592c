import type { FastifyPluginAsync } from 'fastify'
import { Type } from 'typebox'
import { askSeldom } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { problemResponse } from '../problem.ts'
import { type Finding, STATUSES } from './examination.ts'

export interface DoctorEndpointOptions {
  diagnose: (signal: AbortSignal) => Promise<Finding[]>
  /** How long an answer is repeated: no monitor can use up the vendors' quota. */
  keptMs: number
  clock: Clock
  stopping: AbortSignal
}

const Findings = Type.Object(
  {
    examinedAt: Type.String({ format: 'date-time' }),
    ok: Type.Boolean({ description: 'No check failed.' }),
    checks: Type.Array(
      Type.Object({
        id: Type.String({ description: 'Stable; docs/doctor.md explains each.' }),
        status: Type.Union(STATUSES.map((status) => Type.Literal(status))),
        seen: Type.String({ description: 'What was found, in one sentence.' }),
        advice: Type.Optional(Type.String({ description: 'What to do next.' })),
        code: Type.Optional(Type.String({ description: 'A code of docs/codes.md.' })),
      }),
    ),
  },
  {
    description: 'Every check with what it found. `skipped` checks do not apply, or need one that failed.',
    examples: [
      {
        examinedAt: '2026-11-30T10:00:00.000Z',
        ok: false,
        checks: [
          {
            id: 'dynamics-network',
            status: 'ok',
            seen: 'https://contoso.crm4.dynamics.com answers (status 200).',
          },
          {
            id: 'dynamics-sign-in',
            status: 'fail',
            seen: 'The call was refused with AADSTS7000222.',
            advice: 'Create a new client secret in the app registration and set ENTRA_CLIENT_SECRET.',
            code: 'entra-secret-expired',
          },
        ],
      },
    ],
  },
)

/** `GET /v1/doctor`: the same checks as `npm run doctor`, by the running service. */
export function doctorEndpoint({
  diagnose,
  keptMs,
  clock,
  stopping,
}: DoctorEndpointOptions): FastifyPluginAsync {
  const ask = askSeldom(
    async ({ signal }) => ({
      examinedAt: new Date(clock.wall()).toISOString(),
      checks: await diagnose(signal),
    }),
    { keptMs, clock, closing: stopping },
  )
  return async (scope) => {
    scope.get('/v1/doctor', { schema: docs }, async () => {
      const { examinedAt, checks } = await ask({ signal: stopping })
      return { examinedAt, ok: checks.every(({ status }) => status !== 'fail'), checks }
    })
  }
}

const docs = {
  summary: 'Check everything between Marketo and Dynamics',
  description:
    'Network, clock, sign-in, privileges, fields, the set-up of both sides, store and disk. Changes nothing. The answer is kept for STATUS_CACHE_SECONDS.',
  operationId: 'getDoctor',
  tags: ['operations'],
  response: { 200: Findings, 500: problemResponse('An internal error of the service.') },
}
