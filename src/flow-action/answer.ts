import type { Answer, Outcome, RecordType, Waiting } from '../store/port.ts'

/** The endpoints' words for an outcome. Pure: the same outcome of the same request gives the same bytes. */

const ADVICE_LENGTH_MAX = 400
/** Of a webhook's answer, which Marketo maps to fields; GET /v1/requests/{requestId} has what does not fit. */
const WEBHOOK_ANSWER_BYTES_MAX = 1_023
const WEBHOOK_MESSAGE_LENGTH_MAX = 200

/** Opens a record in a browser. `organisation` is the origin of the Dataverse organisation. */
export function recordUrl(organisation: string, recordType: RecordType, recordId: string): string {
  return `${organisation}/main.aspx?pagetype=entityrecord&etn=${recordType}&id=${recordId}`
}

/** The members of an outcome that a caller sees, without what is only for our own log. */
export function describe(organisation: string, outcome: Outcome) {
  const { recordType, recordId, code, field, advice, warnings, vendorMessage } = outcome
  return {
    outcome: outcome.outcome,
    ...(recordType &&
      recordId && { recordType, recordId, recordUrl: recordUrl(organisation, recordType, recordId) }),
    ...(code !== undefined && { code }),
    ...(field !== undefined && { field }),
    ...(advice !== undefined && { advice: shorten(advice) }),
    ...(warnings !== undefined && { warnings }),
    ...(vendorMessage !== undefined && { vendorMessage }),
  }
}

/** The same members of a request that has no outcome yet. */
export function describeWaiting({ code, field, advice, vendorMessage, attempts, nextAttemptAt }: Waiting) {
  return {
    outcome: 'queued' as const,
    code,
    ...(field !== undefined && { field }),
    advice: shorten(advice),
    ...(vendorMessage !== undefined && { vendorMessage }),
    attempts,
    nextAttemptAt: new Date(nextAttemptAt).toISOString(),
  }
}

/** 200 with the outcome, 202 when queued, 422 problem+json when the person was refused. */
export function restAnswer(organisation: string, requestId: string, state: Outcome | Waiting): Answer {
  if (!('outcome' in state)) return json(202, { ...describeWaiting(state), requestId })
  if (state.outcome !== 'failed') return json(200, { ...describe(organisation, state), requestId })
  return json(422, {
    type: 'about:blank',
    title: 'Unprocessable Content',
    status: 422,
    detail: 'Dynamics rejected this person.',
    ...describe(organisation, state),
    requestId,
  })
}

/** 200 whatever the outcome: Marketo maps the members of 2xx answers only. */
export function webhookAnswer(organisation: string, requestId: string, state: Outcome | Waiting): Answer {
  const described = 'outcome' in state ? describe(organisation, state) : describeWaiting(state)
  const { warnings = [], vendorMessage, ...rest } = { warnings: undefined, ...described, requestId }
  const bodies = [
    ...counting(warnings.length).map((count) => ({
      ...rest,
      ...(count > 0 && { warnings: warnings.slice(0, count) }),
      ...(vendorMessage !== undefined && {
        vendorMessage: vendorMessage.slice(0, WEBHOOK_MESSAGE_LENGTH_MAX),
      }),
    })),
    rest,
  ]
  const fitting = bodies.find((body) => Buffer.byteLength(JSON.stringify(body)) <= WEBHOOK_ANSWER_BYTES_MAX)
  return json(200, fitting ?? rest)
}

/** From `count` down to 0. */
function counting(count: number): number[] {
  return Array.from({ length: count + 1 }, (_, index) => count - index)
}

export function contentTypeOf(answer: Answer): string {
  return answer.status < 400 ? 'application/json; charset=utf-8' : 'application/problem+json; charset=utf-8'
}

function json(status: number, value: object): Answer {
  return { status, body: JSON.stringify(value) }
}

function shorten(advice: string): string {
  return advice.length <= ADVICE_LENGTH_MAX ? advice : `${advice.slice(0, ADVICE_LENGTH_MAX - 1)}…`
}
