import { type Static, type TObject, type TSchema, Type } from 'typebox'
import type { FieldSelection } from '../person/selection.ts'

/** What the endpoints take; answer-schemas.ts has what they give. Names of a person's fields come from the field selection. */

const TEXT_LENGTH_MAX = 32_000
const NAME_LENGTH_MAX = 255

/** One of a few words. A bare enum reads better in the API description than a union of constants. */
export function oneOf<const T extends string>(words: readonly T[], options: object = {}) {
  return Type.Unsafe<T>({ type: 'string', enum: words, ...options })
}

const MarketoId = Type.Unsafe<number | string>({
  type: ['integer', 'string'],
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  pattern: '^[0-9]{1,16}$',
  description: "The person's id in Marketo ({{lead.Id}}).",
  examples: [4711],
})

/** The fields of the selection by their Marketo REST names; nothing else is known. */
function personSchema(selection: FieldSelection): TObject {
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
    members[marketo] ??= Type.Optional(
      Type.Unsafe<string | number | boolean | null>({
        type: ['string', 'number', 'boolean', 'null'],
        maxLength: TEXT_LENGTH_MAX,
        description: destinationOf(marketo, selection),
      }),
    )
  }
  return Type.Object(members, {
    additionalProperties: false,
    minProperties: 1,
    description: 'Marketo REST names. At least one of marketoId and email must be given.',
  })
}

function destinationOf(marketo: string, { fields }: FieldSelection): string {
  const columns = (['lead', 'contact'] as const).flatMap((table) =>
    fields[table]
      .filter((field) => field.marketo === marketo && field.direction !== 'to-marketo')
      .map(({ column }) => `${table}.${column}`),
  )
  return columns.length > 0 ? `Written to ${columns.join(', ')}.` : 'Read from Dynamics only; not written.'
}

const Campaign = Type.Object(
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
      oneOf(['trigger', 'batch'], {
        description:
          'batch: always answered with queued and processed after the requests of trigger campaigns.',
        examples: ['trigger'],
      }),
    ),
  },
  { additionalProperties: false, description: 'Shown in the activity log.' },
)

const SyncAs = oneOf(['lead', 'contact'], {
  description: 'What to create if no record exists, in upper or lower case. The default is lead.',
})

/** As the words of an enum are written. */
export function inLowerCase(value: unknown): unknown {
  return typeof value === 'string' ? value.trim().toLowerCase() : value
}

const AssignTo = Type.String({
  minLength: 1,
  maxLength: NAME_LENGTH_MAX,
  description: "Owner of a new record: a system user's id or e-mail, or a team's id.",
})

export function flowActionSchema(selection: FieldSelection) {
  return Type.Object(
    {
      person: personSchema(selection),
      syncAs: Type.Optional(SyncAs),
      assignTo: Type.Optional(AssignTo),
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

/** What a webhook template is made of, for the API description: the endpoint itself is more forgiving. */
export function webhookSchema(selection: FieldSelection) {
  return Type.Object(
    {
      ...personSchema(selection).properties,
      syncAs: Type.Optional(SyncAs),
      assignTo: Type.Optional(AssignTo),
      campaignId: Type.Optional(Campaign.properties.id),
      campaignName: Type.Optional(Campaign.properties.name),
      campaignType: Type.Optional(Campaign.properties.type),
    },
    {
      additionalProperties: false,
      description:
        'Marketo REST names. At least one of marketoId and email must be given; "" counts as absent.',
      examples: [
        {
          marketoId: 4711,
          email: 'ann@example.com',
          firstName: 'Ann',
          lastName: 'Ek',
          company: 'Ek AB',
          campaignId: 2044,
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
