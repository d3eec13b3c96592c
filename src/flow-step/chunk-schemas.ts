import { Type } from 'typebox'
import { oneOf } from '../flow-action/schemas.ts'

/** What the operators' endpoints of the flow step take and give. */

const PAGE_MAX = 300
const CHUNK_STATES = ['stored', 'working', 'answering', 'done', 'failed'] as const

const State = oneOf(CHUNK_STATES, {
  description:
    'stored: requests are being created for its people · working: some people have no outcome yet · answering: the callback is being sent · done: Marketo accepted the callback · failed: Marketo did not accept the callback.',
})
const Instant = Type.String({ format: 'date-time' })
const Count = Type.Integer({ minimum: 0 })

export const ChunksQuery = Type.Object(
  {
    state: Type.Optional(oneOf(CHUNK_STATES, { description: 'Only chunks in this state.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_MAX, default: 50 })),
    cursor: Type.Optional(
      Type.String({ pattern: '^[0-9]{1,15}$', description: 'nextCursor of the previous page.' }),
    ),
  },
  { additionalProperties: false },
)
export const ChunkId = Type.Object({
  chunkId: Type.String({
    pattern: '^[0-9a-f]{32}$',
    description: 'A fingerprint of the token, from which the token cannot be derived.',
    examples: ['9f86d081884c7d659a2feaa0c55ad015'],
  }),
})

const EXAMPLE = {
  chunkId: '9f86d081884c7d659a2feaa0c55ad015',
  state: 'failed',
  campaignType: 'batch',
  caller: 'marketo',
  munchkinId: '123-ABC-456',
  people: 300,
  requested: 300,
  outcomes: { created: 280, exists: 17, queued: 0, failed: 3 },
  receivedAt: '2026-03-02T08:15:30.120Z',
  deadlineAt: '2026-03-02T08:25:30.120Z',
  endedAt: '2026-03-02T08:15:34.004Z',
  callbackHost: 'callback.adobe.io',
  callbacks: 1,
  reason: 'http-403',
  advice: 'Marketo refused the callback. Fix the cause that the reason names, then send it again.',
}

const FlowStepChunk = Type.Object(
  {
    ...ChunkId.properties,
    state: State,
    campaignType: oneOf(['trigger', 'batch']),
    caller: Type.String({ description: 'Name of the API key.' }),
    munchkinId: Type.String(),
    people: Count,
    requested: Type.Integer({
      minimum: 0,
      description: 'People for whom a request was created, or who were refused.',
    }),
    open: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Of these, people who have no outcome yet.' }),
    ),
    waiting: Type.Optional(
      Type.Array(Type.Object({ code: Type.String(), people: Count }), {
        description: 'People who have no outcome yet, by what they wait for: the codes of a queued request.',
      }),
    ),
    outcomes: Type.Optional(
      Type.Object(
        { created: Count, exists: Count, queued: Count, failed: Count },
        { description: 'People by outcome, as in the callback.' },
      ),
    ),
    receivedAt: Instant,
    deadlineAt: Type.String({
      format: 'date-time',
      description: 'When the callback is sent at the latest, with queued for people who have no outcome yet.',
    }),
    endedAt: Type.Optional(Instant),
    callbackHost: Type.String({ description: 'Host of the callback address.' }),
    callbacks: Type.Integer({ minimum: 0, description: 'How many times the callback was sent.' }),
    reason: Type.Optional(
      Type.String({ description: 'Why the last callback failed: http-<status>, or a code.' }),
    ),
    advice: Type.Optional(Type.String({ description: 'What to do next.' })),
  },
  { $id: 'FlowStepChunk', examples: [EXAMPLE] },
)

const FlowStepChunks = Type.Object(
  {
    counts: Type.Object({ stored: Count, working: Count, answering: Count, done: Count, failed: Count }),
    chunks: Type.Array(Type.Ref('FlowStepChunk')),
    nextCursor: Type.Optional(Type.String({ description: 'Pass it as cursor to get the next, older page.' })),
  },
  {
    $id: 'FlowStepChunks',
    examples: [{ counts: { stored: 0, working: 1, answering: 0, done: 41, failed: 1 }, chunks: [EXAMPLE] }],
  },
)

const FlowStepResend = Type.Object(
  { ...ChunkId.properties, advice: Type.String() },
  {
    $id: 'FlowStepResend',
    examples: [
      {
        chunkId: EXAMPLE.chunkId,
        advice: 'The callback is due; GET /v1/flow-steps shows whether Marketo accepted it.',
      },
    ],
  },
)

export const flowStepSchemas = [FlowStepChunk, FlowStepChunks, FlowStepResend]
