import type { FastifyPluginAsync } from 'fastify'
import { Type } from 'typebox'
import { problemResponse } from '../problem.ts'
import { restAnswer } from './answer.ts'
import { type EndpointOptions, perform } from './endpoint.ts'
import { type FlowActionBody, flowActionSchema, inLowerCase } from './schemas.ts'

/** The endpoint for any campaign engine. */
export function restEndpoint(options: EndpointOptions): FastifyPluginAsync {
  const protocol = {
    source: 'rest' as const,
    render: restAnswer.bind(undefined, options.organisation),
  }
  const schema = {
    summary: 'Ensure that the person exists in Dynamics',
    description:
      'Creates the lead (or contact) if it does not exist. An existing record is never changed. Requests of batch campaigns are always answered with 202 and processed after those of trigger campaigns.',
    operationId: 'syncPersonToMicrosoft',
    tags: ['flow action'],
    headers: Type.Object({
      'idempotency-key': Type.Optional(
        Type.String({
          description:
            'Makes a call repeatable: the same key with the same body returns the stored answer, byte for byte.',
        }),
      ),
    }),
    body: flowActionSchema(options.selection),
    response: {
      200: { description: 'The record was created, or already existed.', $ref: 'FlowActionAnswer#' },
      202: {
        description: 'The request is stored and will be completed. Location is the address of its outcome.',
        $ref: 'QueuedAnswer#',
        headers: { location: { type: 'string' } },
      },
      400: problemResponse('The body is malformed, has an unknown member, or does not identify a person.'),
      413: problemResponse('The body is larger than REST_BODY_BYTES.'),
      415: problemResponse('The body is not application/json.'),
      422: problemResponse(
        'Dynamics rejected the person, or the Idempotency-Key was already used with another body.',
      ),
      500: problemResponse('An internal error of the service.'),
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
