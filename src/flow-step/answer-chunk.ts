import type { Logger } from 'pino'
import type { Clock, Random } from '../clock.ts'
import type { CallbackSender } from '../marketo/callback.ts'
import { type Backoff, waitMs } from '../retry.ts'
import type { CallbackResult, Chunk, ChunkStore } from '../store/chunk-port.ts'
import { CallbackBody } from './callback-body.ts'

export interface AnswerChunkOptions {
  chunks: ChunkStore
  sender: Pick<CallbackSender, 'send'>
  clock: Clock
  random: Random
  log: Logger
  /** Told of every chunk that ended. */
  ended: (result: 'done' | 'failed') => void
  limits: {
    backoff: Backoff
    /** From the first try until the callback is recorded as failed. */
    giveUpMs: number
    /** People who are read at a time. */
    pageMax: number
  }
}

/** The one callback of a chunk: its bytes are fixed before the first try, so that every try sends the same. */
export class AnswerChunk {
  readonly #options: AnswerChunkOptions

  constructor(options: AnswerChunkOptions) {
    this.#options = options
  }

  /** Fixes what the callback says, with `queued` for who is not final by now. */
  async fix({ chunkId, munchkinId, people }: Chunk): Promise<void> {
    const { chunks, clock, limits } = this.#options
    const body = new CallbackBody(munchkinId)
    for (let position = 0; position < people; position += limits.pageMax) {
      const page = await chunks.readPeople(chunkId, position, limits.pageMax)
      body.add(page)
      // Others get their turn between two pages.
      await clock.sleep(0)
    }
    await chunks.fixCallback(chunkId, body.parts, body.counts, clock.now())
  }

  /**
   * Sends the callback once and records how that ended; gives when to try again (epoch ms). A try whose answer
   * was lost may have been accepted: the next one sends the same token and bytes, and the other side, which
   * takes a token once, may refuse it for good. That is recorded as failed, not guessed to be a success.
   */
  async send(chunk: Chunk, halting: AbortSignal): Promise<number | undefined> {
    const { chunks, sender, clock, log, ended } = this.#options
    const { chunkId, attempts, people, counts, receivedAt } = chunk
    const { callbackUrl: url, callbackKey: key, token } = chunk
    const body = await chunks.readCallback(chunkId)
    // Another who took the chunk over has had Marketo's yes: nothing is left to send.
    if (body.length === 0) return undefined
    const result = this.#resultOf(chunk, await sender.send({ url, key, token, body }, halting))
    const now = clock.now()
    if (halting.aborted && result.kind === 'again') {
      await chunks.rescheduleChunk(chunkId, now)
      return now
    }
    await chunks.settleCallback(chunkId, result, now)
    switch (result.kind) {
      case 'done':
        ended('done')
        log.info({ event: 'chunk-answered', chunkId, people, counts, attempts, ms: now - receivedAt })
        return undefined
      case 'failed':
        ended('failed')
        log.error(
          { event: 'callback-failed', chunkId, reason: result.reason, attempts },
          'The callback of this chunk could not be delivered to Marketo; see GET /v1/flow-steps',
        )
        return undefined
      case 'again':
        return result.runAt
      default:
        return result satisfies never
    }
  }

  #resultOf(chunk: Chunk, sent: Awaited<ReturnType<CallbackSender['send']>>): CallbackResult {
    const { clock, random, limits } = this.#options
    if (sent.kind === 'accepted') return { kind: 'done' }
    const { kind, reason } = sent
    if (kind === 'final') return { kind: 'failed', reason }
    const runAt = clock.now() + waitMs(limits.backoff, chunk.attempts, random, sent.retryAfterMs)
    const giveUpAt = (chunk.answeringSince ?? chunk.receivedAt) + limits.giveUpMs
    return runAt > giveUpAt ? { kind: 'failed', reason } : { kind: 'again', reason, runAt }
  }
}
