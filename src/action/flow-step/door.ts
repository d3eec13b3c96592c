import type { IncomingMessage } from 'node:http'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { withDeadline } from '../../abort.ts'
import type { Clock } from '../../clock.ts'
import type { Users } from '../../dataverse/users.ts'
import type { CallbackSender } from '../../marketo/callback.ts'
import type { FieldSelection } from '../../person/selection.ts'
import { Refusal } from '../../problem.ts'
import { membersOf, parseLeniently, textOf } from './members.ts'
import { choicesOf } from './picklist.ts'
import type { FlowStep } from './port.ts'
import { type ReceivedChunk, readSubmission } from './read-submission.ts'
import { receiveChunk } from './receive-chunk.ts'
import { serviceDefinition, wireNames } from './service-definition.ts'
import { readStatus, type StatusCheck } from './status.ts'

export interface FlowStepDoorOptions {
  flowStep: FlowStep
  sender: Pick<CallbackSender, 'refuse'>
  /** Throws Refusal for a chunk of another subscription. */
  admit: (munchkinId: string) => Promise<void>
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

/** The document of these doors is their own, in the version that Marketo reads. */
const schema = { hide: true }

/** What Marketo calls with its key. Source: Adobe, "Self-Service Flow Steps" (service provider interface 1.0.0). */
export function flowStepDoor(options: FlowStepDoorOptions): FastifyPluginAsync {
  const { selection, checks, clock, timeoutMs, stopping } = options
  const definition = JSON.stringify(serviceDefinition(selection))

  return async (scope) => {
    await scope.register(chunkDoor(options))
    await scope.register(picklistDoor(options))

    scope.get('/flow-step/getServiceDefinition', { schema }, async (_request, reply) =>
      reply.type('application/json; charset=utf-8').send(definition),
    )

    scope.get('/flow-step/status', { schema }, async () =>
      readStatus({ checks, deprecatedOn: options.deprecatedOn, timeoutMs, clock, stopping }),
    )
  }
}

function chunkDoor(options: FlowStepDoorOptions): FastifyPluginAsync {
  const { flowStep, sender, admit, callerOf, bodyLimitBytes } = options
  const names = wireNames(options.selection)

  return async (scope) => {
    // The call is JSON whatever it calls itself, and too large to be held as a whole.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', async (_request: unknown, message: IncomingMessage) =>
      receiveChunk(message, names, bodyLimitBytes),
    )

    scope.post<{ Body: ReceivedChunk | undefined }>(
      '/flow-step/submitAsyncAction',
      { schema },
      async (request, reply) => {
        if (!request.body) throw new Refusal(400, 'empty-body', 'The body is empty.')
        const submission = readSubmission(request.body, callerOf(request), options)
        const refusal = sender.refuse(submission.callbackUrl)
        if (refusal !== undefined) {
          throw new Refusal(400, 'callback-refused', refusal, {
            field: 'callbackUrl',
            advice: 'If Marketo’s callbacks go to another host, its operator adds it to CALLBACK_HOSTS.',
          })
        }
        await admit(submission.munchkinId)
        const status = await flowStep.submit(submission)
        const { people, unreadable } = submission.crowd
        return reply.code(201).send({ status, people, unreadable })
      },
    )
  }
}

function picklistDoor({ users, clock, timeoutMs, stopping }: FlowStepDoorOptions): FastifyPluginAsync {
  return async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) =>
      parseLeniently(body),
    )

    scope.post('/flow-step/getPicklist', { schema }, async ({ body }) => {
      const name = textOf(membersOf(body)?.name) ?? ''
      const choices = await withDeadline(clock, timeoutMs, stopping, (signal) =>
        choicesOf(name, users, { signal }),
      )
      return { choices }
    })
  }
}
