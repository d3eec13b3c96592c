import type { FastifyPluginAsync } from 'fastify'
import { Type } from 'typebox'
import { problemResponse } from '../problem.ts'
import { restAnswer } from './answer.ts'
import { type DoorOptions, perform } from './door.ts'
import { type FlowActionBody, flowActionSchema, inLowerCase } from './schemas.ts'

/** The door for any campaign engine. */
export function restDoor(options: DoorOptions): FastifyPluginAsync {
  const protocol = {
    door: 'rest' as const,
    render: restAnswer.bind(undefined, options.organisation),
  }
  const schema = {
    summary: 'Make sure that the person exists in Dynamics',
    description:
      'Creates the lead (or contact) if it is missing and does nothing if it exists. Nothing here updates an existing record. With a batch campaign the answer is always 202: real time is for trigger campaigns.',
    operationId: 'syncPersonToMicrosoft',
    tags: ['flow action'],
    headers: Type.Object({
      'idempotency-key': Type.Optional(
        Type.String({
          description:
            'Makes a repeated call safe to answer from memory: the same key with the same body gives the same bytes.',
        }),
      ),
    }),
    body: flowActionSchema(options.selection),
    response: {
      200: { description: 'Created now, or existed before.', $ref: 'FlowActionAnswer#' },
      202: {
        description: 'Stored; the work goes on. Location tells where to look.',
        $ref: 'QueuedAnswer#',
        headers: { location: { type: 'string' } },
      },
      400: problemResponse('The body is malformed, names a member that is not known, or names nobody.'),
      413: problemResponse('The body is larger than REST_BODY_BYTES.'),
      415: problemResponse('The body is not application/json.'),
      422: problemResponse(
        'Dynamics’ rules refuse the person, or the Idempotency-Key was used with another body.',
      ),
      500: problemResponse('A fault of ours.'),
    },
  }
  return async (scope) => {
    const route = '/v1/flow-actions/sync-person-to-microsoft'
    scope.post<{ Body: FlowActionBody }>(
      route,
      { schema, bodyLimit: options.bodyLimitBytes, preValidation: readSyncAs },
      async (request, reply) => {
        return perform(request, reply, request.body, protocol, options)
      },
    )
  }
}

async function readSyncAs({ body }: { body: unknown }): Promise<void> {
  if (typeof body === 'object' && body !== null && 'syncAs' in body) body.syncAs = inLowerCase(body.syncAs)
}
