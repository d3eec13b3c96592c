import { Type } from 'typebox'
import { oneOf } from './schemas.ts'

/** What the endpoints give. */

const RecordType = oneOf(['lead', 'contact'])
const Outcome = oneOf(['created', 'exists', 'queued', 'failed'])

const recordMembers = {
  recordType: Type.Optional(RecordType),
  recordId: Type.Optional(Type.String({ format: 'uuid' })),
  recordUrl: Type.Optional(Type.String({ description: 'Opens the record in Dynamics.' })),
}
const reasonMembers = {
  code: Type.Optional(Type.String({ description: 'Stable machine code, see docs/codes.md.' })),
  field: Type.Optional(Type.String({ description: 'The column or member at fault.' })),
  advice: Type.Optional(Type.String({ description: 'What to do next.' })),
}
const queuedMembers = {
  attempts: Type.Optional(
    Type.Integer({ minimum: 0, description: 'With queued: attempts that ended without a result.' }),
  ),
  nextAttemptAt: Type.Optional(
    Type.String({
      format: 'date-time',
      description:
        'With queued: when the next attempt starts. A time in the past means that an attempt is running or about to start.',
    }),
  ),
}
const vendorMessage = Type.Optional(
  Type.String({ maxLength: 500, description: 'The error message of Dynamics or Marketo, as plain text.' }),
)
const warnings = Type.Optional(
  Type.Array(
    Type.Object({
      field: Type.String({ description: 'The column in Dynamics.' }),
      code: Type.String({ description: 'Stable machine code, see docs/codes.md.' }),
      advice: Type.String({ description: 'What to do next.' }),
    }),
    { description: 'Fields that were not written as sent. Absent if all fields were.' },
  ),
)

const EXAMPLE = {
  requestId: '2f4a9a0e-8a6f-4a55-9b7c-6a1c7b0f3e21',
  at: '2026-03-02T08:15:30.120Z',
  record: {
    recordType: 'lead',
    recordId: '6f1c0d5e-0c1f-5c43-9d0a-3b8c5f1b2a10',
    recordUrl:
      'https://contoso.crm4.dynamics.com/main.aspx?pagetype=entityrecord&etn=lead&id=6f1c0d5e-0c1f-5c43-9d0a-3b8c5f1b2a10',
  },
}

const FlowActionAnswer = Type.Object(
  {
    outcome: oneOf(['created', 'exists']),
    ...recordMembers,
    code: reasonMembers.code,
    advice: reasonMembers.advice,
    warnings,
    requestId: Type.String(),
  },
  {
    $id: 'FlowActionAnswer',
    examples: [{ outcome: 'created', ...EXAMPLE.record, requestId: EXAMPLE.requestId }],
  },
)

const QueuedAnswer = Type.Object(
  {
    outcome: oneOf(['queued']),
    code: Type.String({ description: 'The last obstacle, as a stable machine code, see docs/codes.md.' }),
    field: reasonMembers.field,
    advice: Type.String({ description: 'What to do next.' }),
    vendorMessage,
    attempts: Type.Integer({ minimum: 0, description: 'Attempts that ended without a result.' }),
    nextAttemptAt: Type.String({
      format: 'date-time',
      description:
        'When the next attempt starts. A time in the past means that an attempt is running or about to start.',
    }),
    requestId: Type.String({ description: 'GET /v1/requests/{requestId} returns the outcome.' }),
  },
  {
    $id: 'QueuedAnswer',
    description: 'The request is stored and will be completed, even after a crash.',
    examples: [
      {
        outcome: 'queued',
        code: 'vendor-busy',
        advice:
          'Nothing to do: Dynamics or Marketo asked the service to wait. The request is retried after that.',
        attempts: 1,
        nextAttemptAt: '2026-03-02T08:15:47.310Z',
        requestId: EXAMPLE.requestId,
      },
    ],
  },
)

const WebhookAnswer = Type.Object(
  {
    outcome: Outcome,
    ...recordMembers,
    ...reasonMembers,
    ...queuedMembers,
    warnings,
    vendorMessage,
    requestId: Type.String(),
  },
  {
    $id: 'WebhookAnswer',
    description:
      'Flat, less than 1 KB. Attributes that do not apply are omitted, so the mapped field keeps its old value.',
    examples: [{ outcome: 'exists', ...EXAMPLE.record, requestId: EXAMPLE.requestId }],
  },
)

const RequestAnswer = Type.Object(
  {
    requestId: Type.String(),
    acceptedAt: Type.String({ format: 'date-time' }),
    outcome: Outcome,
    ...recordMembers,
    ...reasonMembers,
    ...queuedMembers,
    warnings,
    vendorMessage,
  },
  {
    $id: 'RequestAnswer',
    examples: [
      { requestId: EXAMPLE.requestId, acceptedAt: EXAMPLE.at, outcome: 'created', ...EXAMPLE.record },
    ],
  },
)

const SyncState = Type.Object(
  {
    agreedFields: Type.Array(Type.String(), {
      description: 'Marketo REST names of the fields on whose values both sides agree. Values are not shown.',
    }),
    stopped: Type.Boolean({
      description: 'Whether the record is excluded from the sync by its column new_synctomkto.',
    }),
    changedAt: Type.Optional(
      Type.String({
        format: 'date-time',
        description: 'Time of the oldest change that has not been synced.',
      }),
    ),
    dueAt: Type.Optional(
      Type.String({
        format: 'date-time',
        description: 'When the background sync next processes the person.',
      }),
    ),
    failedAttempts: Type.Integer({ description: 'Failed attempts since the last success or change.' }),
  },
  {
    description:
      'State of the background sync for the person. Absent until the background sync has read the person.',
  },
)

const PersonAnswer = Type.Object(
  {
    marketoId: Type.Integer(),
    state: oneOf(['claimed', 'linked', 'tombstoned', 'orphaned'], {
      description:
        'claimed: the record is not confirmed yet · linked: the record exists · tombstoned: the record was deleted in Dynamics · orphaned: the person was deleted in Marketo.',
    }),
    ...recordMembers,
    generation: Type.Integer({ description: 'How many times the record was deleted and created again.' }),
    provenAt: Type.Optional(
      Type.String({
        format: 'date-time',
        description: 'When Dynamics last confirmed that the record exists.',
      }),
    ),
    sharedWith: Type.Array(Type.Integer(), {
      description:
        'Ids of the other people in Marketo that have the same e-mail address and share the record.',
    }),
    sync: Type.Optional(SyncState),
  },
  {
    $id: 'PersonAnswer',
    examples: [
      {
        marketoId: 4711,
        state: 'linked',
        ...EXAMPLE.record,
        generation: 0,
        provenAt: EXAMPLE.at,
        sharedWith: [],
        sync: { agreedFields: ['email', 'firstName', 'lastName'], stopped: false, failedAttempts: 0 },
      },
    ],
  },
)

const ENTRY_EXAMPLE = {
  activityId: 12,
  at: EXAMPLE.at,
  activity: 'Sync Person to Microsoft',
  outcome: 'created',
  ...EXAMPLE.record,
  requestId: EXAMPLE.requestId,
  source: 'webhook',
  campaign: { id: '2044', name: 'Spring Fair', type: 'trigger' },
}

const ActivityEntry = Type.Object(
  {
    activityId: Type.Integer(),
    at: Type.String({ format: 'date-time' }),
    activity: oneOf(['Sync Person to Microsoft', 'Background Sync'], {
      description: 'The request of a campaign, or a failure of the background sync.',
    }),
    outcome: Outcome,
    ...recordMembers,
    ...reasonMembers,
    ...queuedMembers,
    warnings,
    vendorMessage,
    requestId: Type.Optional(Type.String({ description: 'Absent for failures of the background sync.' })),
    source: oneOf(['rest', 'webhook', 'flow-step', 'sync'], {
      description: 'The endpoint that received the request; sync is the background sync.',
    }),
    campaign: Type.Optional(
      Type.Object({
        id: Type.Optional(Type.String()),
        name: Type.Optional(Type.String()),
        type: Type.Optional(Type.String()),
        program: Type.Optional(
          Type.Object(
            { id: Type.String(), name: Type.Optional(Type.String()) },
            { description: 'The program of the campaign. Only for requests of the flow step.' },
          ),
        ),
        trigger: Type.Optional(
          Type.String({
            description: 'What triggered the campaign for the person. Only for requests of the flow step.',
          }),
        ),
      }),
    ),
    vendorCode: Type.Optional(Type.String({ description: 'Error code of Dynamics or Marketo.' })),
    vendorRequestId: Type.Optional(
      Type.String({ description: 'Request id of Dynamics or Marketo, for their support.' }),
    ),
  },
  { $id: 'ActivityEntry', examples: [ENTRY_EXAMPLE] },
)

const ActivitiesAnswer = Type.Object(
  {
    activities: Type.Array(Type.Ref('ActivityEntry')),
    nextCursor: Type.Optional(Type.String({ description: 'Pass it as cursor to get the next, older page.' })),
  },
  { $id: 'ActivitiesAnswer', examples: [{ activities: [ENTRY_EXAMPLE], nextCursor: '12' }] },
)

export const answerSchemas = [
  FlowActionAnswer,
  QueuedAnswer,
  WebhookAnswer,
  RequestAnswer,
  PersonAnswer,
  ActivityEntry,
  ActivitiesAnswer,
]
