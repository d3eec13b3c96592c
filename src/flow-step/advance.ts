import type { Clock } from '../clock.ts'
import { countWaiting } from '../errors.ts'
import type { Chunk, ChunkStore } from '../store/chunk-port.ts'
import type { AnswerChunk } from './answer-chunk.ts'
import type { Expansion } from './expansion.ts'

export interface AdvanceOptions {
  chunks: ChunkStore
  expansion: Expansion
  answers: AnswerChunk
  clock: Clock
  /** How soon to look again whether all people are final, longer by a little for each who is not. */
  lookMs: { min: number; perOpenPerson: number; max: number }
}

/** One step of a chunk: people become requests, requests become final, the callback is sent. */
export class Advance {
  readonly #options: AdvanceOptions

  constructor(options: AdvanceOptions) {
    this.#options = options
  }

  /**
   * Gives when the chunk is due again (epoch ms); undefined when it ended. A chunk is given back between two pages
   * when `stopping` aborts, and in the middle of a callback when `halting` does.
   */
  async step(chunk: Chunk, stopping: AbortSignal, halting: AbortSignal): Promise<number | undefined> {
    const { expansion, answers, clock } = this.#options
    switch (chunk.state) {
      case 'stored':
        await expansion.expand(chunk, stopping)
        return this.#again(chunk, clock.now())
      case 'working':
        return this.#look(chunk)
      case 'answering':
        return answers.send(chunk, halting)
      case 'done':
      case 'failed':
        return undefined
      default:
        return chunk.state satisfies never
    }
  }

  async #look(chunk: Chunk): Promise<number> {
    const { chunks, answers, clock, lookMs } = this.#options
    const now = clock.now()
    const waiting = now < chunk.deadline ? await chunks.readWaiting(chunk.chunkId) : []
    const open = countWaiting(waiting)
    if (open === 0) {
      await answers.fix(chunk)
      return clock.now()
    }
    const waitMs = Math.ceil(Math.min(lookMs.min + open * lookMs.perOpenPerson, lookMs.max))
    return this.#again(chunk, Math.min(now + waitMs, chunk.deadline))
  }

  async #again({ chunkId }: Chunk, runAt: number): Promise<number> {
    await this.#options.chunks.rescheduleChunk(chunkId, runAt)
    return runAt
  }
}
