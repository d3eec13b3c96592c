import type { FastifyPluginAsync } from 'fastify'
import { Type } from 'typebox'
import { problemResponse, Refusal } from '../problem.ts'
import type { Activity, Store } from '../store/port.ts'
import type { Replica, SyncStore } from '../store/sync-port.ts'
import { describe, describeWaiting, recordUrl } from './answer.ts'

export interface PeopleOptions {
  store: Store
  replicas: Pick<SyncStore, 'findReplicas'>
  organisation: string
}

const ACTIVITIES_PER_PAGE_MAX = 300
const Id = Type.Object({
  marketoId: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, examples: [4711] }),
})
const Page = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: ACTIVITIES_PER_PAGE_MAX, default: 50 })),
    cursor: Type.Optional(
      Type.String({ pattern: '^[0-9]{1,15}$', description: 'nextCursor of the previous page.' }),
    ),
  },
  { additionalProperties: false },
)

/** What the service knows about a person, a person's log, and how a queued request ended. */
export function peopleEndpoint({ store, replicas, organisation }: PeopleOptions): FastifyPluginAsync {
  return async (scope) => {
    scope.get<{ Params: { marketoId: number } }>(
      '/v1/people/:marketoId',
      { schema: personDocs },
      async ({ params: { marketoId } }) => {
        const found = await store.readPerson(marketoId)
        if (!found) throw unknownPerson()
        const { state, recordType, recordId, generation, provenAt } = found.link
        const [replica] = await replicas.findReplicas({ marketoIds: [marketoId] })
        const others = found.identifiers.filter(
          ({ kind, value }) => kind === 'marketo' && value !== String(marketoId),
        )
        return {
          marketoId,
          state,
          ...(state === 'claimed'
            ? {}
            : { recordType, recordId, recordUrl: recordUrl(organisation, recordType, recordId) }),
          generation,
          ...(provenAt !== undefined && { provenAt: toIso(provenAt) }),
          sharedWith: others.map(({ value }) => Number(value)),
          ...(replica && replica.version > 0 && { sync: toSyncState(replica) }),
        }
      },
    )

    scope.get<{ Params: { marketoId: number }; Querystring: { limit: number; cursor?: string } }>(
      '/v1/people/:marketoId/activities',
      { schema: activitiesDocs },
      async ({ params: { marketoId }, query: { limit, cursor } }) => {
        const before = cursor === undefined ? undefined : Number(cursor)
        const found = await store.readActivities(marketoId, limit, before)
        if (found.length === 0 && !(await store.readPerson(marketoId))) throw unknownPerson()
        const last = found.at(-1)
        return {
          activities: found.map((activity) => toEntry(organisation, activity)),
          ...(last && found.length === limit && { nextCursor: String(last.activityId) }),
        }
      },
    )

    scope.get<{ Params: { requestId: string } }>(
      '/v1/requests/:requestId',
      { schema: requestDocs },
      async ({ params: { requestId } }) => {
        const state = await store.readRequest(requestId)
        if (!state) {
          throw new Refusal(
            404,
            'unknown-request',
            'There is no such request, or it is older than RETENTION_DAYS.',
          )
        }
        return {
          requestId,
          acceptedAt: toIso(state.acceptedAt),
          ...(state.outcome ? describe(organisation, state.outcome) : describeWaiting(state.waiting)),
        }
      },
    )
  }
}

const BAD_PARAMETER = { 400: problemResponse('A parameter is invalid.') }

const personDocs = {
  summary: 'The link of a person',
  description:
    'Which record the person has, according to the store of this service; Dynamics is not queried.',
  operationId: 'readPerson',
  tags: ['people'],
  params: Id,
  response: {
    200: { description: 'Which record the person has.', $ref: 'PersonAnswer#' },
    ...BAD_PARAMETER,
    404: problemResponse('Neither a campaign nor the background sync has processed this person.'),
  },
}

const activitiesDocs = {
  summary: "A person's activity log, newest first",
  description:
    'Requests of campaigns with their outcomes, and failures of the background sync. Kept for RETENTION_DAYS.',
  operationId: 'readActivities',
  tags: ['people'],
  params: Id,
  querystring: Page,
  response: {
    200: { description: 'One page.', $ref: 'ActivitiesAnswer#' },
    ...BAD_PARAMETER,
    404: problemResponse('Neither a campaign nor the background sync has processed this person.'),
  },
}

const requestDocs = {
  summary: 'The outcome of a request, or why it is still queued',
  description:
    'For requests that were answered with queued. requestId is in the answer and in its Location header.',
  operationId: 'readRequest',
  tags: ['flow action'],
  params: Type.Object({ requestId: Type.String({ format: 'uuid' }) }),
  response: {
    200: { description: 'Its outcome, or queued.', $ref: 'RequestAnswer#' },
    ...BAD_PARAMETER,
    404: problemResponse('There is no such request.'),
  },
}

function unknownPerson(): Refusal {
  return new Refusal(
    404,
    'unknown-person',
    'Neither a campaign nor the background sync has processed a person with this Marketo id.',
  )
}

/** Names of fields and times; values stay where they are. */
function toSyncState({ shadow = {}, stopped, dirtySince, dueAt, attempts }: Replica) {
  return {
    agreedFields: Object.keys(shadow).sort(),
    stopped,
    ...(dirtySince !== undefined && { changedAt: toIso(dirtySince) }),
    ...(dueAt !== undefined && { dueAt: toIso(dueAt) }),
    failedAttempts: attempts,
  }
}

function toEntry(organisation: string, { at, recordType, recordId, nextAttemptAt, ...entry }: Activity) {
  return {
    ...entry,
    ...(nextAttemptAt !== undefined && { nextAttemptAt: toIso(nextAttemptAt) }),
    at: toIso(at),
    activity: entry.source === 'sync' ? 'Background Sync' : 'Sync Person to Microsoft',
    ...(recordType &&
      recordId && { recordType, recordId, recordUrl: recordUrl(organisation, recordType, recordId) }),
  }
}

function toIso(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
