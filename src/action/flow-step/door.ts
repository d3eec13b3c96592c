import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { withDeadline } from '../../abort.ts'
import type { Clock } from '../../clock.ts'
import type { Users } from '../../dataverse/users.ts'
import type { CallbackSender } from '../../marketo/callback.ts'
import type { FieldSelection } from '../../person/selection.ts'
import { Refusal } from '../../problem.ts'
import { membersOf, textOf } from './members.ts'
import { choicesOf } from './picklist.ts'
import type { FlowStep } from './port.ts'
import { parseChunk, readSubmission } from './read-submission.ts'
import { serviceDefinition, wireNames } from './service-definition.ts'
import { readStatus, type StatusCheck } from './status.ts'

export interface FlowStepDoorOptions {
  flowStep: FlowStep
  sender: Pick<CallbackSender, 'refuse'>
  users: Users
  selection: FieldSelection
  checks: readonly StatusCheck[]
  /** Name of the API key that a request came with. */
  callerOf: (request: FastifyRequest) => string
  bodyLimitBytes: number
  /** In one chunk. */
  peopleMax: number
  /** ISO 8601 date from which on Marketo shows the service as deprecated. */
  deprecatedOn?: string | undefined
  /** Until status and choices stop waiting for somebody else. */
  timeoutMs: number
  clock: Clock
  /** Aborts when the service stops. */
  stopping: AbortSignal
}

/** What Marketo calls with its key. Source: Adobe, "Self-Service Flow Steps" (service provider interface 1.0.0). */
export function flowStepDoor(options: FlowStepDoorOptions): FastifyPluginAsync {
  const { flowStep, sender, users, selection, checks, clock, timeoutMs, stopping } = options
  const definition = JSON.stringify(serviceDefinition(selection))
  const names = wireNames(selection)
  // The document of these doors is their own, in the version that Marketo reads.
  const schema = { hide: true }

  return async (scope) => {
    // The call is JSON whatever it calls itself, and too large for the strict reader.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

    scope.post(
      '/flow-step/submitAsyncAction',
      { schema, bodyLimit: options.bodyLimitBytes },
      async (request, reply) => {
        const submission = readSubmission(jsonOf(request), options.callerOf(request), names, options)
        const refusal = sender.refuse(submission.callbackUrl)
        if (refusal !== undefined) {
          throw new Refusal(400, 'callback-refused', refusal, {
            field: 'callbackUrl',
            advice: 'If Marketo’s callbacks go to another host, its operator adds it to CALLBACK_HOSTS.',
          })
        }
        const status = await flowStep.submit(submission)
        return reply.code(201).send({
          status,
          people: submission.people.length,
          unreadable: submission.unreadable.length,
        })
      },
    )

    scope.get('/flow-step/getServiceDefinition', { schema }, async (_request, reply) =>
      reply.type('application/json; charset=utf-8').send(definition),
    )

    scope.post('/flow-step/getPicklist', { schema }, async (request) => {
      const name = textOf(membersOf(jsonOf(request))?.name) ?? ''
      const choices = await withDeadline(clock, timeoutMs, stopping, (signal) =>
        choicesOf(name, users, { signal }),
      )
      return { choices }
    })

    scope.get('/flow-step/status', { schema }, async () =>
      readStatus({ checks, deprecatedOn: options.deprecatedOn, timeoutMs, clock, stopping }),
    )
  }
}

function jsonOf({ body }: FastifyRequest): unknown {
  return parseChunk(Buffer.isBuffer(body) ? body : Buffer.alloc(0))
}
