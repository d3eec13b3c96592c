import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { Busy, Conflict, Rejected, StoreUnavailable, Unauthorized, Unavailable } from '../errors.ts'
import { MalformedJson } from '../json.ts'
import { type Problem, Refusal } from '../problem.ts'
import { refusalOf } from './validation.ts'

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** What Fastify and Node say about a request, in our words. Anything else that is 4xx is `bad-request`. */
const FRAMEWORK_ERRORS: Readonly<Record<string, readonly [status: number, code: string, detail: string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'unsupported-media-type', 'Send the body as application/json.'],
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'body-too-large', 'The body is larger than this endpoint accepts.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'wrong-content-length', 'Content-Length and the body disagree.'],
  FST_ERR_BAD_URL: [
    400,
    'malformed-url',
    'The path holds a percent sign that does not start a UTF-8 escape.',
  ],
  FST_ERR_MAX_PARAM_LENGTH: [414, 'url-too-long', 'A part of the path is too long.'],
}

/** Retry-After of an outage that does not say how long it lasts. */
const OUTAGE_RETRY_MS = 5_000

interface Answer {
  status: number
  code: string
  detail: string
  field?: string | undefined
  advice?: string | undefined
  retryAfterMs?: number | undefined
}

/** The one place where an error becomes a status. Dynamics' opinion of this service never reaches the caller. */
function answerFor(error: unknown): Answer {
  if (error instanceof Refusal) {
    const { status, code, message, field, advice, retryAfterMs } = error
    return { status, code, detail: message, field, advice, retryAfterMs }
  }
  if (error instanceof MalformedJson) return { status: 400, code: error.code, detail: error.message }
  if (error instanceof Rejected) {
    const { code, field, advice } = error.detail
    return { status: 422, code, detail: error.message, field, advice }
  }
  if (error instanceof Busy) {
    const { retryAfterMs } = error
    return {
      status: 503,
      code: 'vendor-busy',
      detail: 'Dynamics or Marketo asked the service to wait.',
      retryAfterMs,
    }
  }
  if (error instanceof Unavailable) {
    const detail = 'Dynamics, Entra ID or Marketo did not give a usable answer.'
    return { status: 503, code: 'vendor-unavailable', detail, retryAfterMs: OUTAGE_RETRY_MS }
  }
  if (error instanceof StoreUnavailable) {
    const detail =
      'The database of this service cannot be used at the moment. Whether the request was stored is not known. Sending it again is safe: nothing is done twice.'
    return { status: 503, code: 'store-unavailable', detail, retryAfterMs: OUTAGE_RETRY_MS }
  }
  if (error instanceof Unauthorized) {
    const detail =
      'Dynamics or Marketo does not accept this service. The request is not at fault; the operator of the service must act.'
    return { status: 503, code: 'service-not-authorized', detail }
  }
  if (error instanceof Conflict) {
    return {
      status: 503,
      code: 'record-changing',
      detail: 'The record is being changed at the moment. Send the request again.',
    }
  }
  return frameworkAnswer(error)
}

function frameworkAnswer(error: unknown): Answer {
  if (isFastifyError(error)) {
    if (error.validation) return answerFor(refusalOf(error.validation, error.validationContext))
    const known = FRAMEWORK_ERRORS[error.code]
    if (known) return { status: known[0], code: known[1], detail: known[2] }
    const status = error.statusCode ?? 500
    if (status >= 400 && status < 500) {
      return { status, code: 'bad-request', detail: 'The request could not be read.' }
    }
  }
  const detail = 'An internal error of the service. The operator finds it in the log by the request id.'
  return { status: 500, code: 'internal-error', detail }
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && ('code' in error || 'validation' in error || 'statusCode' in error)
}

export function problemOf(answer: Answer, requestId: string): Problem {
  const { status, code, detail, field, advice } = answer
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    code,
    requestId,
    ...(field === undefined ? {} : { field }),
    ...(advice === undefined ? {} : { advice }),
  }
}

/** Sent as text: an error answer must not fail on the schema that a route declares for it. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, answer: Answer): FastifyReply {
  if (answer.retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(answer.retryAfterMs / 1000))
  return reply
    .code(answer.status)
    .header('x-request-id', request.id)
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(problemOf(answer, request.id)))
}

export function handleError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const answer = answerFor(lacksBody(error, request) ? NO_BODY : error)
  const { status, code } = answer
  if (error instanceof StoreUnavailable) {
    request.log.error({ event: 'request-failed', status, code, reason: error.message })
  } else if (status >= 500 && error instanceof Refusal) {
    request.log.warn({ event: 'request-refused', status, code }, error.message)
  } else if (status >= 500) request.log.error({ event: 'request-failed', status, code, err: error })
  else request.log.info({ event: 'request-refused', status, code })
  return sendProblem(request, reply, answer)
}

const NO_BODY = new Refusal(400, 'empty-body', 'The body is empty.')

/** The validator reports a missing body as one of the wrong type. */
function lacksBody(error: unknown, request: FastifyRequest): boolean {
  return isFastifyError(error) && error.validationContext === 'body' && request.body === undefined
}
