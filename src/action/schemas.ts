import { type Static, type TObject, type TSchema, Type } from 'typebox'
import type { FieldSelection } from '../person/selection.ts'

/** What the doors take and give. Names of a person's fields come from the field selection. */

const TEXT_LENGTH_MAX = 32_000
const NAME_LENGTH_MAX = 255

const MarketoValue = Type.Unsafe<string | number | boolean | null>({
  type: ['string', 'number', 'boolean', 'null'],
  maxLength: TEXT_LENGTH_MAX,
})

const MarketoId = Type.Unsafe<number | string>({
  type: ['integer', 'string'],
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  pattern: '^[0-9]{1,16}$',
  description: "The person's id in Marketo ({{lead.Id}}).",
  examples: [4711],
})

/** The fields of the selection by their Marketo REST names; nothing else is known. */
export function personSchema(selection: FieldSelection): TObject {
  const members: Record<string, TSchema> = {
    marketoId: Type.Optional(MarketoId),
    email: Type.Optional(
      Type.Unsafe<string | null>({
        type: ['string', 'null'],
        maxLength: TEXT_LENGTH_MAX,
        examples: ['ann@example.com'],
      }),
    ),
  }
  for (const { marketo } of [...selection.fields.lead, ...selection.fields.contact]) {
    members[marketo] ??= Type.Optional(MarketoValue)
  }
  return Type.Object(members, {
    additionalProperties: false,
    minProperties: 1,
    description: 'Marketo REST names. At least one of marketoId and email must be given.',
  })
}

export const Campaign = Type.Object(
  {
    id: Type.Optional(
      Type.Unsafe<string | number>({
        type: ['string', 'integer'],
        maxLength: NAME_LENGTH_MAX,
        examples: [2044],
      }),
    ),
    name: Type.Optional(Type.String({ maxLength: NAME_LENGTH_MAX, examples: ['Spring Fair'] })),
    type: Type.Optional(
      Type.Union([Type.Literal('trigger'), Type.Literal('batch')], { examples: ['trigger'] }),
    ),
  },
  { additionalProperties: false },
)

export function flowActionSchema(selection: FieldSelection) {
  return Type.Object(
    {
      person: personSchema(selection),
      syncAs: Type.Optional(
        Type.Union([Type.Literal('lead'), Type.Literal('contact')], {
          description: 'What to create when nothing exists; a lead unless said otherwise.',
        }),
      ),
      assignTo: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: NAME_LENGTH_MAX,
          description: "Owner of a new record: a system user's id or e-mail, or a team's id.",
        }),
      ),
      campaign: Type.Optional(Campaign),
    },
    {
      additionalProperties: false,
      examples: [
        {
          person: {
            marketoId: 4711,
            email: 'ann@example.com',
            firstName: 'Ann',
            lastName: 'Ek',
            company: 'Ek AB',
          },
          campaign: { id: 2044, name: 'Spring Fair', type: 'trigger' },
        },
      ],
    },
  )
}

export interface FlowActionBody {
  person: Record<string, unknown>
  syncAs?: 'lead' | 'contact'
  assignTo?: string
  campaign?: Static<typeof Campaign>
}

const recordMembers = {
  recordType: Type.Optional(Type.Union([Type.Literal('lead'), Type.Literal('contact')])),
  recordId: Type.Optional(Type.String({ format: 'uuid' })),
  recordUrl: Type.Optional(Type.String({ description: 'Opens the record in Dynamics.' })),
}
const reasonMembers = {
  code: Type.Optional(Type.String({ description: 'Stable machine code, see the README.' })),
  field: Type.Optional(Type.String({ description: 'The column or member at fault.' })),
  advice: Type.Optional(Type.String({ description: 'What to do next.' })),
}

const outcomes = {
  created: Type.Literal('created'),
  exists: Type.Literal('exists'),
  queued: Type.Literal('queued'),
  failed: Type.Literal('failed'),
}

export const FlowActionAnswer = Type.Object(
  {
    outcome: Type.Union([outcomes.created, outcomes.exists]),
    ...recordMembers,
    code: reasonMembers.code,
    advice: reasonMembers.advice,
    requestId: Type.String(),
  },
  {
    $id: 'FlowActionAnswer',
    examples: [
      {
        outcome: 'created',
        recordType: 'lead',
        recordId: '6f1c0d5e-0c1f-5c43-9d0a-3b8c5f1b2a10',
        recordUrl:
          'https://contoso.crm4.dynamics.com/main.aspx?pagetype=entityrecord&etn=lead&id=6f1c0d5e-0c1f-5c43-9d0a-3b8c5f1b2a10',
        requestId: '2f4a9a0e-8a6f-4a55-9b7c-6a1c7b0f3e21',
      },
    ],
  },
)

export const QueuedAnswer = Type.Object(
  { outcome: outcomes.queued, advice: Type.String(), requestId: Type.String() },
  {
    $id: 'QueuedAnswer',
    examples: [
      {
        outcome: 'queued',
        advice: 'The person is stored and will be finished. GET /v1/requests/{requestId} tells how it ended.',
        requestId: '2f4a9a0e-8a6f-4a55-9b7c-6a1c7b0f3e21',
      },
    ],
  },
)

export const WebhookAnswer = Type.Object(
  {
    outcome: Type.Union(Object.values(outcomes)),
    ...recordMembers,
    ...reasonMembers,
    requestId: Type.String(),
  },
  {
    $id: 'WebhookAnswer',
    description:
      'Flat, under 1 KB; what does not apply is absent, so that a response mapping leaves the field alone.',
  },
)

export const RequestAnswer = Type.Object(
  {
    requestId: Type.String(),
    acceptedAt: Type.String({ format: 'date-time' }),
    outcome: Type.Union(Object.values(outcomes)),
    ...recordMembers,
    ...reasonMembers,
  },
  { $id: 'RequestAnswer' },
)

export const PersonAnswer = Type.Object(
  {
    marketoId: Type.Integer(),
    state: Type.Union(
      ['claimed', 'linked', 'tombstoned', 'orphaned'].map((state) => Type.Literal(state)),
      { description: 'claimed: no record is proven yet · linked: the record exists.' },
    ),
    ...recordMembers,
    generation: Type.Integer({ description: 'How often the record was deleted and made anew.' }),
    provenAt: Type.Optional(Type.String({ format: 'date-time' })),
    sharedWith: Type.Array(Type.Integer(), {
      description: 'Other Marketo people with the same e-mail, who have the same record.',
    }),
  },
  { $id: 'PersonAnswer' },
)

export const ActivityEntry = Type.Object(
  {
    activityId: Type.Integer(),
    at: Type.String({ format: 'date-time' }),
    activity: Type.Literal('Sync Person to Microsoft'),
    outcome: Type.Union(Object.values(outcomes)),
    ...recordMembers,
    ...reasonMembers,
    requestId: Type.String(),
    door: Type.String(),
    campaign: Type.Optional(
      Type.Object({
        id: Type.Optional(Type.String()),
        name: Type.Optional(Type.String()),
        type: Type.Optional(Type.String()),
      }),
    ),
    vendorCode: Type.Optional(Type.String({ description: "Dynamics' own error code." })),
    vendorRequestId: Type.Optional(
      Type.String({ description: "Dynamics' request id, for Microsoft's support." }),
    ),
  },
  { $id: 'ActivityEntry' },
)

export const ActivitiesAnswer = Type.Object(
  {
    activities: Type.Array(Type.Ref('ActivityEntry')),
    nextCursor: Type.Optional(Type.String({ description: 'Give it as cursor for the next, older page.' })),
  },
  { $id: 'ActivitiesAnswer' },
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
