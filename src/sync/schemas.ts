import { Type } from 'typebox'

/** What the endpoints of the background sync take, and how they show failures and conflicts. */

const PAGE_MAX = 300
const PREVIEW_ITEMS_MAX = 300

export function oneOf<const T extends string>(words: readonly T[], options: object = {}) {
  return Type.Unsafe<T>({ type: 'string', enum: words, ...options })
}

export const Instant = Type.String({ format: 'date-time' })
export const RecordType = oneOf(['lead', 'contact'])
export const RecordId = Type.String({ format: 'uuid' })
export const Side = oneOf(['marketo', 'dynamics'])

const limit = Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_MAX, default: 50 }))
const cursor = Type.Optional(
  Type.String({ pattern: '^[0-9]{1,15}$', description: 'nextCursor of the previous page.' }),
)
const NOTHING_ELSE = { additionalProperties: false }

export const FailuresQuery = Type.Object(
  {
    code: Type.Optional(
      Type.String({ pattern: '^[a-z0-9-]{1,64}$', description: 'Only failures with this code.' }),
    ),
    limit,
    cursor,
  },
  NOTHING_ELSE,
)
export const ConflictsQuery = Type.Object(
  {
    values: Type.Optional(
      oneOf(['masked', 'shown'], {
        default: 'masked',
        description:
          'masked: kind and length of each value. shown: the values themselves; the log records the caller.',
      }),
    ),
    limit,
    cursor,
  },
  NOTHING_ELSE,
)
export const PreviewQuery = Type.Object(
  { limit: Type.Optional(Type.Integer({ minimum: 0, maximum: PREVIEW_ITEMS_MAX, default: 20 })) },
  NOTHING_ELSE,
)
export const FailureId = Type.Object({
  failureId: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, examples: [7] }),
})
export const NoQuery = Type.Object({}, NOTHING_ELSE)
/** A body is not needed; one that asks for something is refused instead of ignored. */
export const NoBody = Type.Unsafe<null>({
  type: ['object', 'null'],
  properties: {},
  additionalProperties: false,
  description: 'None, or an empty object.',
  examples: [{}],
})

const Code = Type.String({ description: 'Stable machine code, see docs/codes.md.' })
const IDS = {
  recordType: Type.Optional(RecordType),
  recordId: Type.Optional(RecordId),
  recordUrl: Type.Optional(Type.String({ description: 'Opens the record in Dynamics.' })),
  marketoId: Type.Optional(Type.Integer()),
}
const EXAMPLE_IDS = {
  recordType: 'lead',
  recordId: '6f1c0d5e-0c1f-5c43-9d0a-3b8c5f1b2a10',
  recordUrl:
    'https://contoso.crm4.dynamics.com/main.aspx?pagetype=entityrecord&etn=lead&id=6f1c0d5e-0c1f-5c43-9d0a-3b8c5f1b2a10',
  marketoId: 4711,
}
const NextCursor = Type.Optional(Type.String({ description: 'Pass it as cursor to get the next page.' }))

const FAILURE_EXAMPLE = {
  failureId: 7,
  code: 'field-too-long',
  side: 'dynamics',
  field: 'jobtitle',
  advice: 'Shorten it in Marketo, or enlarge the column.',
  ...EXAMPLE_IDS,
  firstSeenAt: '2026-03-02T08:15:30.000Z',
  lastSeenAt: '2026-03-02T09:20:00.000Z',
  attempts: 3,
  nextAttemptAt: '2026-03-02T10:24:00.000Z',
}
export const SyncFailure = Type.Object(
  {
    failureId: Type.Integer(),
    code: Code,
    side: oneOf(['marketo', 'dynamics'], {
      description: 'The side that refuses the change, or would refuse it.',
    }),
    field: Type.Optional(Type.String({ description: 'REST name or column at fault.' })),
    advice: Type.String({ description: 'What to do next.' }),
    ...IDS,
    other: Type.Optional(
      Type.Object(IDS, { description: 'The second person or record of person-shared and record-shared.' }),
    ),
    firstSeenAt: Instant,
    lastSeenAt: Instant,
    attempts: Type.Integer(),
    nextAttemptAt: Type.Optional(
      Type.String({ format: 'date-time', description: 'Absent: when something changes.' }),
    ),
    vendorCode: Type.Optional(Type.String({ description: 'Error code of that side.' })),
    vendorMessage: Type.Optional(
      Type.String({ maxLength: 500, description: 'Error message of that side, as plain text.' }),
    ),
    vendorRequestId: Type.Optional(Type.String({ description: 'Request id of that side, for its support.' })),
  },
  {
    $id: 'SyncFailure',
    description: 'About a person, or about the set-up if it has no ids.',
    examples: [FAILURE_EXAMPLE],
  },
)
export const SyncFailures = Type.Object(
  {
    counts: Type.Array(Type.Object({ code: Code, count: Type.Integer() }), {
      description: 'All open failures by code, on all pages.',
    }),
    failures: Type.Array(Type.Ref('SyncFailure'), { description: 'By code, then the oldest first.' }),
    nextCursor: NextCursor,
  },
  {
    $id: 'SyncFailures',
    examples: [{ counts: [{ code: 'field-too-long', count: 1 }], failures: [FAILURE_EXAMPLE] }],
  },
)

const ValueView = Type.Object({
  kind: oneOf(['empty', 'text', 'number', 'boolean']),
  length: Type.Optional(Type.Integer({ description: 'Length of a text, in characters.' })),
  value: Type.Optional(
    Type.Unsafe<string | number | boolean | null>({
      type: ['string', 'number', 'boolean', 'null'],
      description: 'Only with values=shown.',
    }),
  ),
})
const CONFLICT_EXAMPLE = {
  conflictId: 12,
  at: '2026-03-02T08:15:30.000Z',
  field: 'title',
  winner: 'marketo',
  marketo: { kind: 'text', length: 14 },
  dynamics: { kind: 'text', length: 3 },
  ...EXAMPLE_IDS,
}
export const SyncConflict = Type.Object(
  {
    conflictId: Type.Integer(),
    at: Instant,
    field: Type.String({ description: "The field's REST name in Marketo." }),
    winner: Side,
    marketo: ValueView,
    dynamics: ValueView,
    ...IDS,
  },
  { $id: 'SyncConflict', examples: [CONFLICT_EXAMPLE] },
)
export const SyncConflicts = Type.Object(
  {
    conflicts: Type.Array(Type.Ref('SyncConflict'), { description: 'Newest first.' }),
    nextCursor: NextCursor,
  },
  { $id: 'SyncConflicts', examples: [{ conflicts: [CONFLICT_EXAMPLE], nextCursor: '12' }] },
)

export const SyncPaused = Type.Object(
  { paused: Type.Boolean() },
  { $id: 'SyncPaused', examples: [{ paused: true }] },
)
export const SyncRetry = Type.Object(
  { failureId: Type.Integer(), advice: Type.String() },
  {
    $id: 'SyncRetry',
    examples: [
      { failureId: 7, advice: 'The record is due; GET /v1/sync/failures shows whether it succeeded.' },
    ],
  },
)
