import type { FastifyPluginAsync } from 'fastify'
import type { Clock } from '../clock.ts'
import { countWaiting } from '../errors.ts'
import { problemResponse, Refusal } from '../problem.ts'
import type { Chunk, ChunkState, ChunkStore } from '../store/chunk-port.ts'
import { ChunkId, ChunksQuery } from './chunk-schemas.ts'

export interface ChunksEndpointOptions {
  chunks: Pick<ChunkStore, 'listChunks' | 'countChunks' | 'readWaiting' | 'resendCallback'>
  /** There is a callback to send. */
  wake: () => void
  clock: Clock
}

interface Page {
  state?: ChunkState
  limit: number
  cursor?: string
}

const RESEND_ADVICE = 'The callback is due; GET /v1/flow-steps shows whether Marketo accepted it.'

/** For operators: what became of the chunks that Marketo handed over, and another try for a callback. */
export function chunksEndpoint({ chunks, wake, clock }: ChunksEndpointOptions): FastifyPluginAsync {
  return async (scope) => {
    scope.get<{ Querystring: Page }>(
      '/v1/flow-steps',
      { schema: chunksDocs },
      async ({ query: { state, limit, cursor } }) => {
        const found = await chunks.listChunks({
          limit,
          ...(state && { state }),
          ...(cursor !== undefined && { before: Number(cursor) }),
        })
        const last = found.at(-1)
        return {
          counts: await chunks.countChunks(),
          chunks: await Promise.all(found.map((chunk) => chunkBody(chunk, chunks))),
          ...(last && found.length === limit && { nextCursor: String(last.number) }),
        }
      },
    )

    scope.post<{ Params: { chunkId: string } }>(
      '/v1/flow-steps/:chunkId/resend',
      { schema: resendDocs },
      async ({ params: { chunkId } }, reply) => {
        if (!(await chunks.resendCallback(chunkId, clock.now()))) {
          throw new Refusal(404, 'unknown-chunk', 'There is no chunk with this id whose callback failed.', {
            advice: 'GET /v1/flow-steps?state=failed lists them.',
          })
        }
        wake()
        return reply.code(202).send({ chunkId, advice: RESEND_ADVICE })
      },
    )
  }
}

async function chunkBody(chunk: Chunk, chunks: ChunksEndpointOptions['chunks']) {
  const { chunkId, state, caller, munchkinId, people, counts, endedAt, lastReason } = chunk
  const waiting = state === 'stored' || state === 'working' ? await chunks.readWaiting(chunkId) : undefined
  const advice = adviceFor(chunk)
  return {
    chunkId,
    state,
    campaignType: chunk.batch ? 'batch' : 'trigger',
    caller,
    munchkinId,
    people,
    requested: chunk.expanded,
    ...(waiting && {
      open: countWaiting(waiting),
      waiting: waiting.map(({ code, requests }) => ({ code, people: requests })),
    }),
    ...(counts && { outcomes: counts }),
    receivedAt: toIso(chunk.receivedAt),
    deadlineAt: toIso(chunk.deadline),
    ...(endedAt !== undefined && { endedAt: toIso(endedAt) }),
    callbackHost: URL.parse(chunk.callbackUrl)?.host ?? '',
    callbacks: chunk.attempts,
    ...(lastReason !== undefined && { reason: lastReason }),
    ...(advice !== undefined && { advice }),
  }
}

function adviceFor({ state, attempts, lastReason }: Chunk): string | undefined {
  if (state === 'answering' && lastReason !== undefined) return 'The callback is retried automatically.'
  if (state !== 'failed') return undefined
  return attempts > 1
    ? 'Marketo may have accepted an earlier attempt whose response was lost: check the activity log of one of these people in Marketo. If it did not, fix the cause that the reason names and send the callback again.'
    : 'Marketo refused the callback. Fix the cause that the reason names, then send it again.'
}

function toIso(epochMs: number): string {
  return new Date(epochMs).toISOString()
}

const tags = ['flow step']

const chunksDocs = {
  summary: 'Chunks of people that Marketo sent, newest first',
  description:
    'A campaign waits at the flow step until the callback of its chunk arrives: an operator must act on a failed one. Chunks are kept for RETENTION_DAYS.',
  operationId: 'readFlowSteps',
  tags,
  querystring: ChunksQuery,
  response: {
    200: { description: 'One page.', $ref: 'FlowStepChunks#' },
    400: problemResponse('A parameter is invalid or unknown.'),
  },
}

const resendDocs = {
  summary: 'Send a failed callback again',
  description: 'Sends the same bytes as before; the people of the chunk are not processed again.',
  operationId: 'resendFlowStep',
  tags,
  params: ChunkId,
  response: {
    202: { description: 'The callback is due.', $ref: 'FlowStepResend#' },
    400: problemResponse('The id is invalid.'),
    404: problemResponse('There is no chunk with this id whose callback failed.'),
  },
}
