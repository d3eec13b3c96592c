import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import { canonicalKeyOf } from '../person/identity.ts'
import { toPerson } from '../person/read-person.ts'
import type { FieldSelection } from '../person/selection.ts'
import { Refusal } from '../problem.ts'
import type { Answer, Campaign, NewRequest } from '../store/port.ts'
import { contentTypeOf } from './answer.ts'
import type { FlowAction, FlowActionCall } from './flow-action.ts'
import type { FlowActionBody } from './schemas.ts'

/** What the endpoints of the flow action have in common once each has read its own protocol. */
export interface EndpointOptions {
  flowAction: FlowAction
  selection: FieldSelection
  clock: Clock
  /** Origin of the Dataverse organisation, for links to records. */
  organisation: string
  /** Name of the API key that a request came with. */
  callerOf: (request: FastifyRequest) => string
  deadlineMs: number
  bodyLimitBytes: number
}

export interface EndpointProtocol {
  source: NewRequest['source']
  render: FlowActionCall['render']
}

/** Performs a body that meets the schema and sends the answer. Throws Refusal for what is not a person. */
export async function perform(
  request: FastifyRequest,
  reply: FastifyReply,
  body: FlowActionBody,
  { source, render }: EndpointProtocol,
  options: EndpointOptions,
): Promise<FastifyReply> {
  const call: FlowActionCall = {
    requestId: request.id,
    source,
    caller: options.callerOf(request),
    person: readPerson(body, options.selection),
    recordType: body.syncAs ?? 'lead',
    deadline: options.clock.now() + options.deadlineMs,
    render,
    ...idempotencyOf(request, body),
    ...(body.assignTo !== undefined && { assignTo: body.assignTo }),
    ...(body.campaign && { campaign: toCampaign(body.campaign) }),
  }
  const answer = await options.flowAction.perform(call)
  if (!answer) {
    throw new Refusal(
      422,
      'idempotency-key-reused',
      'This Idempotency-Key was already used with another body.',
      {
        advice: 'Use a new key for a new request, and the same body with the same key.',
      },
    )
  }
  if (answer.status === 202) reply.header('location', `/v1/requests/${requestIdOf(answer)}`)
  return reply.code(answer.status).type(contentTypeOf(answer)).send(answer.body)
}

/** A replay speaks of the first request, so its id is the one in the body. */
function requestIdOf(answer: Answer): string {
  return (JSON.parse(answer.body) as { requestId: string }).requestId
}

function readPerson(body: FlowActionBody, selection: FieldSelection) {
  const { person, unknown, problems } = toPerson(body.person, selection)
  const [stranger] = unknown
  if (stranger !== undefined) {
    throw new Refusal(
      400,
      'unknown-member',
      `The person has a field "${stranger}" that is not in the field selection.`,
      {
        field: stranger,
        advice: 'Remove it, or add it to FIELDS_FILE.',
      },
    )
  }
  const [problem] = problems
  if (problem) {
    throw new Refusal(400, 'invalid-value', `The field "${problem.field}" has an invalid value.`, {
      field: problem.field,
      advice: problem.advice,
    })
  }
  if (canonicalKeyOf(person) === undefined) {
    throw new Refusal(400, 'no-identity', 'The person has neither a marketoId nor a usable email.', {
      field: 'marketoId',
      advice: 'Send marketoId ({{lead.Id}}), email ({{lead.Email Address}}) or both.',
    })
  }
  return person
}

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/

function idempotencyOf(request: FastifyRequest, body: FlowActionBody): Pick<FlowActionCall, 'idempotency'> {
  const key = request.headers['idempotency-key']
  if (key === undefined) return {}
  if (typeof key !== 'string' || !IDEMPOTENCY_KEY.test(key)) {
    throw new Refusal(
      400,
      'invalid-value',
      'The header Idempotency-Key is not 1 to 255 visible ASCII characters.',
      {
        field: 'Idempotency-Key',
      },
    )
  }
  const bodyHash = createHash('sha256')
    .update(JSON.stringify([request.routeOptions.url, body]))
    .digest('hex')
  return { idempotency: { key, bodyHash } }
}

function toCampaign({ id, name, type }: NonNullable<FlowActionBody['campaign']>): Campaign {
  return {
    ...(id !== undefined && { id: String(id) }),
    ...(name !== undefined && { name }),
    ...(type && { type }),
  }
}
