import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import { problemResponse, Refusal } from '../problem.ts'
import type { RecordType } from '../store/port.ts'
import type { Conflict, Failure, Other, SyncStore } from '../store/sync-port.ts'
import { refuseBlocked, type SyncRun } from './control.ts'
import { releaseContested } from './release-contested.ts'
import { ConflictsQuery, FailureId, FailuresQuery, NoBody, NoQuery } from './schemas.ts'
import { toIso } from './status.ts'
import { viewOf } from './values.ts'

export interface FindingsEndpointOptions {
  run: SyncRun
  store: SyncStore
  recordUrl: (recordType: RecordType, recordId: string) => string
  /** Name of the API key that a request came with. */
  callerOf: (request: FastifyRequest) => string
  clock: Clock
}

interface Page {
  limit: number
  cursor?: string
}

/** What the background sync could not do, and what it had to decide against somebody. */
export function findingsEndpoint(options: FindingsEndpointOptions): FastifyPluginAsync {
  const { run, store, clock, callerOf } = options
  return async (scope) => {
    scope.get<{ Querystring: Page & { code?: string } }>(
      '/v1/sync/failures',
      { schema: failuresDocs },
      async ({ query: { limit, cursor, code } }) => {
        const failures = await store.readFailures({
          limit,
          ...(code !== undefined && { code }),
          ...(cursor !== undefined && { after: Number(cursor) }),
        })
        const last = failures.at(-1)
        return {
          counts: await store.countFailures(),
          failures: failures.map((failure) => failureBody(failure, options)),
          ...(last && failures.length === limit && { nextCursor: String(last.failureId) }),
        }
      },
    )

    scope.post<{ Params: { failureId: number } }>(
      '/v1/sync/failures/:failureId/retry',
      { schema: retryDocs },
      async ({ params: { failureId } }, reply) => {
        if (run.kind === 'off') throw refuseBlocked(run.blocked)
        await releaseContested(store, failureId, clock.now())
        if (await store.retryFailure(failureId, clock.now())) {
          return reply.code(202).send({ failureId, advice: RETRY_ADVICE })
        }
        throw new Refusal(404, 'unknown-failure', 'There is no open failure with this id.', {
          advice: 'It may have been fixed: GET /v1/sync/failures lists the open ones.',
        })
      },
    )

    scope.get<{ Querystring: Page & { values: 'masked' | 'shown' } }>(
      '/v1/sync/conflicts',
      { schema: conflictsDocs },
      async (request) => {
        const { limit, cursor, values } = request.query
        const shown = values === 'shown'
        if (shown) request.log.info({ event: 'conflict-values-shown', caller: callerOf(request) })
        const conflicts = await store.readConflicts(limit, cursor === undefined ? undefined : Number(cursor))
        const last = conflicts.at(-1)
        return {
          conflicts: conflicts.map((conflict) => conflictBody(conflict, shown, options)),
          ...(last && conflicts.length === limit && { nextCursor: String(last.conflictId) }),
        }
      },
    )
  }
}

const RETRY_ADVICE = 'The record is due; GET /v1/sync/failures shows whether it succeeded.'

function failureBody({ linkId, ...failure }: Failure, { recordUrl }: FindingsEndpointOptions) {
  const { firstSeenAt, lastSeenAt, nextAttemptAt, recordType, recordId, other, ...rest } = failure
  return {
    ...rest,
    ...(recordType && recordId && { recordType, recordId, recordUrl: recordUrl(recordType, recordId) }),
    ...(other && { other: otherBody(other, recordUrl) }),
    firstSeenAt: toIso(firstSeenAt),
    lastSeenAt: toIso(lastSeenAt),
    ...(nextAttemptAt !== undefined && { nextAttemptAt: toIso(nextAttemptAt) }),
  }
}

function otherBody({ kind, ...ids }: Other, recordUrl: FindingsEndpointOptions['recordUrl']) {
  return 'recordId' in ids ? { ...ids, recordUrl: recordUrl(ids.recordType, ids.recordId) } : ids
}

function conflictBody(conflict: Conflict, shown: boolean, { recordUrl }: FindingsEndpointOptions) {
  const { conflictId, at, field, winner, recordType, recordId, marketoId } = conflict
  const [marketo, dynamics] =
    winner === 'marketo' ? [conflict.won, conflict.lost] : [conflict.lost, conflict.won]
  return {
    conflictId,
    at: toIso(at),
    field,
    winner,
    marketo: viewOf(marketo, shown),
    dynamics: viewOf(dynamics, shown),
    recordType,
    recordId,
    recordUrl: recordUrl(recordType, recordId),
    ...(marketoId !== undefined && { marketoId }),
  }
}

const tags = ['sync']
const BAD_PARAMETER = { 400: problemResponse('A parameter is invalid or unknown.') }
const FAULT = { 500: problemResponse('An internal error of the service.') }

const failuresDocs = {
  summary: 'What cannot be synced, and why',
  description: 'Open failures by code. A failure closes automatically once its cause is fixed.',
  operationId: 'readSyncFailures',
  tags,
  querystring: FailuresQuery,
  response: { 200: { description: 'One page.', $ref: 'SyncFailures#' }, ...BAD_PARAMETER, ...FAULT },
}

const retryDocs = {
  summary: 'Retry one failure now',
  description:
    'Makes its record due for the next cycle, which decides again from the state of both sides at that time. A contested field is synced again until its writers have overwritten each other three more times. A retry cannot force a value, and only records that have failed can be retried.',
  operationId: 'retrySyncFailure',
  tags,
  params: FailureId,
  querystring: NoQuery,
  body: NoBody,
  response: {
    202: { description: 'The record is due.', $ref: 'SyncRetry#' },
    400: problemResponse('The id is invalid, or the request has a member such as force.'),
    404: problemResponse('There is no open failure with this id.'),
    409: problemResponse('The background sync is off.'),
    ...FAULT,
  },
}

const conflictsDocs = {
  summary: 'Fields that both sides changed, and who won',
  description: 'Marketo wins on leads, Dynamics on contacts. Kept for RETENTION_DAYS.',
  operationId: 'readSyncConflicts',
  tags,
  querystring: ConflictsQuery,
  response: { 200: { description: 'One page.', $ref: 'SyncConflicts#' }, ...BAD_PARAMETER, ...FAULT },
}
