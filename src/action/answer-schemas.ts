import { Type } from 'typebox'
import { oneOf } from './schemas.ts'

/** What the doors give. */

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
        'With queued: when the next attempt begins. In the past: an attempt is under way or about to begin.',
    }),
  ),
}
const vendorMessage = Type.Optional(
  Type.String({ maxLength: 500, description: 'What Dynamics or Marketo itself says, as plain text.' }),
)
const warnings = Type.Optional(
  Type.Array(
    Type.Object({
      field: Type.String({ description: 'The column in Dynamics.' }),
      code: Type.String({ description: 'Stable machine code, see docs/codes.md.' }),
      advice: Type.String({ description: 'What to do next.' }),
    }),
    { description: 'Fields that did not travel as they were sent. Absent: all of them did.' },
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

export const FlowActionAnswer = Type.Object(
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

export const QueuedAnswer = Type.Object(
  {
    outcome: oneOf(['queued']),
    code: Type.String({ description: 'The last thing that stood in the way, see docs/codes.md.' }),
    field: reasonMembers.field,
    advice: Type.String({ description: 'What to do next.' }),
    vendorMessage,
    attempts: Type.Integer({ minimum: 0, description: 'Attempts that ended without a result.' }),
    nextAttemptAt: Type.String({
      format: 'date-time',
      description: 'When the next attempt begins. In the past: one is under way or about to begin.',
    }),
    requestId: Type.String({ description: 'GET /v1/requests/{requestId} shows how it ends.' }),
  },
  {
    $id: 'QueuedAnswer',
    description: 'The person is stored and will be finished, whatever crashes.',
    examples: [
      {
        outcome: 'queued',
        code: 'vendor-busy',
        advice: 'Nothing to do: Dynamics or Marketo asks to wait, and the person is tried again after that.',
        attempts: 1,
        nextAttemptAt: '2026-03-02T08:15:47.310Z',
        requestId: EXAMPLE.requestId,
      },
    ],
  },
)

export const WebhookAnswer = Type.Object(
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
      'Flat, under 1 KB; what does not apply is absent, so that a response mapping leaves the field alone.',
    examples: [{ outcome: 'exists', ...EXAMPLE.record, requestId: EXAMPLE.requestId }],
  },
)

export const RequestAnswer = Type.Object(
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
      description: "Marketo's REST names of the fields that both sides agreed on; no values.",
    }),
    stopped: Type.Boolean({ description: "The record's own switch (new_synctomkto) says no." }),
    changedAt: Type.Optional(
      Type.String({ format: 'date-time', description: 'The oldest change that has not travelled.' }),
    ),
    dueAt: Type.Optional(
      Type.String({ format: 'date-time', description: 'When the background sync looks at the person next.' }),
    ),
    failedAttempts: Type.Integer({ description: 'Since the last success or change.' }),
  },
  { description: 'Absent until the background sync has seen the person.' },
)

export const PersonAnswer = Type.Object(
  {
    marketoId: Type.Integer(),
    state: oneOf(['claimed', 'linked', 'tombstoned', 'orphaned'], {
      description:
        'claimed: no record is proven yet · linked: the record exists · tombstoned: it was deleted in Dynamics · orphaned: the person was deleted in Marketo.',
    }),
    ...recordMembers,
    generation: Type.Integer({ description: 'How often the record was deleted and made anew.' }),
    provenAt: Type.Optional(
      Type.String({ format: 'date-time', description: 'When Dynamics last showed the record.' }),
    ),
    sharedWith: Type.Array(Type.Integer(), {
      description: 'Other Marketo people with the same e-mail, who have the same record.',
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

export const ActivityEntry = Type.Object(
  {
    activityId: Type.Integer(),
    at: Type.String({ format: 'date-time' }),
    activity: oneOf(['Sync Person to Microsoft', 'Background Sync'], {
      description: 'What a campaign asked for, or a failure of the background sync.',
    }),
    outcome: Outcome,
    ...recordMembers,
    ...reasonMembers,
    ...queuedMembers,
    warnings,
    vendorMessage,
    requestId: Type.Optional(Type.String({ description: 'Absent for the background sync.' })),
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
            { description: 'The program that the campaign belongs to. From the flow step only.' },
          ),
        ),
        trigger: Type.Optional(
          Type.String({
            description: 'What brought the person into the campaign. From the flow step only.',
          }),
        ),
      }),
    ),
    vendorCode: Type.Optional(Type.String({ description: "Dynamics' or Marketo's own error code." })),
    vendorRequestId: Type.Optional(
      Type.String({ description: "Dynamics' or Marketo's request id, for their support." }),
    ),
  },
  { $id: 'ActivityEntry', examples: [ENTRY_EXAMPLE] },
)

export const ActivitiesAnswer = Type.Object(
  {
    activities: Type.Array(Type.Ref('ActivityEntry')),
    nextCursor: Type.Optional(Type.String({ description: 'Give it as cursor for the next, older page.' })),
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
