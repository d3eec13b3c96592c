import type { IncomingMessage } from 'node:http'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { withDeadline } from '../abort.ts'
import type { Clock } from '../clock.ts'
import type { Users } from '../dataverse/users.ts'
import type { CallbackSender } from '../marketo/callback.ts'
import type { FieldSelection } from '../person/selection.ts'
import { Refusal } from '../problem.ts'
import { readTolerantly } from './list-reader.ts'
import { membersOf, textOf } from './members.ts'
import { choicesOf } from './picklist.ts'
import type { FlowStep } from './port.ts'
import { readSubmission } from './read-submission.ts'
import { type ChunkLimits, receiveChunk } from './receive-chunk.ts'
import { serviceDefinition, wireNames } from './service-definition.ts'
import { readStatus, type StatusCheck } from './status.ts'
import { Uploads } from './uploads.ts'

export interface FlowStepEndpointOptions {
  flowStep: FlowStep
  sender: Pick<CallbackSender, 'refuse'>
  /** Throws Refusal for a chunk of another subscription. */
  admit: (munchkinId: string) => Promise<void>
  users: Users
  selection: FieldSelection
  checks: readonly StatusCheck[]
  /** Name of the API key that a request came with. */
  callerOf: (request: FastifyRequest) => string
  limits: ChunkLimits & {
    /** Chunks that are received at a time. */
    uploadsMax: number
    /** Until a chunk that finds no room is refused. */
    uploadWaitMs: number
  }
  /** ISO 8601 date from which on Marketo shows the service as deprecated. */
  deprecatedOn?: string | undefined
  /** Until status and choices stop waiting for somebody else. */
  timeoutMs: number
  clock: Clock
  /** Aborts when the service stops. */
  stopping: AbortSignal
}

/** The document of these endpoints is their own, in the version that Marketo reads. */
const schema = { hide: true }

/** What Marketo calls with its key. Source: Adobe, "Self-Service Flow Steps" (service provider interface 1.0.0). */
export function flowStepEndpoint(options: FlowStepEndpointOptions): FastifyPluginAsync {
  const { selection, checks, clock, timeoutMs, stopping } = options
  const definition = Buffer.from(JSON.stringify(serviceDefinition(selection)))

  return async (scope) => {
    await scope.register(chunkEndpoint(options))
    await scope.register(picklistEndpoint(options))

    scope.get('/flow-step/getServiceDefinition', { schema }, async (_request, reply) =>
      reply.type('application/json; charset=utf-8').send(definition),
    )

    scope.get('/flow-step/status', { schema }, async () =>
      readStatus({ checks, deprecatedOn: options.deprecatedOn, timeoutMs, clock, stopping }),
    )
  }
}

/** Each costs a connection, and what the kernel keeps of its bytes. */
const WAITING_PER_UPLOAD = 16

function chunkEndpoint(options: FlowStepEndpointOptions): FastifyPluginAsync {
  const { flowStep, sender, admit, callerOf, limits, clock } = options
  const names = wireNames(options.selection)
  const { uploadsMax: max, uploadWaitMs: waitMs } = limits
  const uploads = new Uploads({ max, waitingMax: max * WAITING_PER_UPLOAD, waitMs, clock })

  const submit = async (message: IncomingMessage, caller: string) => {
    const submission = readSubmission(await receiveChunk(message, names, limits), caller)
    const refusal = sender.refuse(submission.callbackUrl)
    if (refusal !== undefined) {
      throw new Refusal(400, 'callback-refused', refusal, {
        field: 'callbackUrl',
        advice:
          'If Marketo uses another host for callbacks, the operator of this service adds it to CALLBACK_HOSTS.',
      })
    }
    await admit(submission.munchkinId)
    const status = await flowStep.submit(submission)
    const { people, unreadable } = submission.crowd
    return { status, people, unreadable }
  }

  return async (scope) => {
    // The call is JSON whatever it calls itself, and too large to be held as a whole.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, message, done) => done(null, message))

    scope.post<{ Body: IncomingMessage | undefined }>(
      '/flow-step/submitAsyncAction',
      { schema, config: { streamsBody: true } },
      async (request, reply) => {
        const { body } = request
        if (!body) throw new Refusal(400, 'empty-body', 'The body is empty.')
        return reply.code(201).send(await uploads.run(() => submit(body, callerOf(request))))
      },
    )
  }
}

function picklistEndpoint({
  users,
  limits,
  clock,
  timeoutMs,
  stopping,
}: FlowStepEndpointOptions): FastifyPluginAsync {
  return async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) =>
      readTolerantly(body, limits.json),
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
