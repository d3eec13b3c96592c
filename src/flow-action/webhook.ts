import type { FastifyPluginAsync } from 'fastify'
import type { JsonLimits } from '../json.ts'
import { problemResponse, Refusal } from '../problem.ts'
import { webhookAnswer } from './answer.ts'
import { type EndpointOptions, perform } from './endpoint.ts'
import { type FlowActionBody, flowActionSchema, webhookSchema } from './schemas.ts'
import { readWebhookBody } from './webhook-body.ts'

/** The endpoint that a Marketo webhook calls. Its body is read by us: Marketo promises no content type. */
export function webhookEndpoint(
  options: EndpointOptions & { nullTextIsEmpty: boolean; json: JsonLimits },
): FastifyPluginAsync {
  const protocol = {
    source: 'webhook' as const,
    render: webhookAnswer.bind(undefined, options.organisation),
  }
  const bodySchema = flowActionSchema(options.selection)
  const schema = {
    summary: 'Sync Person to Microsoft, for a Marketo webhook',
    description:
      'Accepts what Marketo sends: JSON with or without a content type, or form-urlencoded; flat, or nested as at the REST endpoint. Empty tokens count as absent. The status is 200 for every outcome, because Marketo maps only 2xx responses.',
    operationId: 'syncPersonToMicrosoftByWebhook',
    tags: ['flow action'],
    documentedBody: webhookSchema(options.selection),
    response: {
      200: { description: 'The outcome, flat.', $ref: 'WebhookAnswer#' },
      400: problemResponse('The template is wrong; the answer explains where and how to fix it.'),
      413: problemResponse('The body is larger than WEBHOOK_BODY_BYTES.'),
      422: problemResponse('The Idempotency-Key was already used with another body.'),
      500: problemResponse('An internal error of the service.'),
    },
  }
  return async (scope) => {
    // Fastify refuses a content type that is malformed; the body of a webhook is read whatever it calls itself.
    scope.addHook('onRequest', async ({ headers }) => {
      if (!/^[\w.+-]+\/[\w.+-]+\s*(;|$)/.test(headers['content-type'] ?? '')) delete headers['content-type']
    })
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    scope.post(
      '/webhooks/marketo/sync-person-to-microsoft',
      { schema, bodyLimit: options.bodyLimitBytes },
      async (request, reply) => {
        const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
        const reading = readWebhookBody(raw, request.headers['content-type'], options)
        if (!reading.ok) {
          const { code, detail, advice } = reading.problem
          throw new Refusal(400, code, detail, { advice })
        }
        const validate = request.compileValidationSchema(bodySchema, 'body')
        if (!validate(reading.members)) throw badMembers(validate.errors ?? [])
        return perform(request, reply, reading.members as FlowActionBody, protocol, options)
      },
    )
  }
}

/** Fastify's own shape of a failed validation, so that one place words it. */
function badMembers(errors: readonly object[]): Error {
  return Object.assign(new Error('The webhook body is invalid'), {
    statusCode: 400,
    validation: errors,
    validationContext: 'body',
  })
}
