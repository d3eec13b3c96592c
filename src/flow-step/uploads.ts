import type { Clock } from '../clock.ts'
import { Refusal } from '../problem.ts'

export interface UploadsOptions {
  /** Chunks that are in memory at a time, from the first byte that is read until they are stored. */
  max: number
  /** Chunks that wait for room; not a byte of theirs is read. */
  waitingMax: number
  waitMs: number
  clock: Clock
}

/** For a sender who found no room. */
const RETRY_MS = 5_000

/**
 * Bounds the chunks that are in memory. Others wait for a moment, first come first served: Marketo promises to send
 * none again that was refused.
 */
export class Uploads {
  readonly #options: UploadsOptions
  #open = 0
  readonly #waiting = new Set<() => void>()

  constructor(options: UploadsOptions) {
    this.#options = options
  }

  /** Throws Refusal when there is no room in time. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.#enter()
    try {
      return await work()
    } finally {
      this.#leave()
    }
  }

  async #enter(): Promise<void> {
    const { max, waitingMax, waitMs, clock } = this.#options
    if (this.#open < max) {
      this.#open += 1
      return
    }
    if (this.#waiting.size >= waitingMax) throw this.#noRoom()
    const admitted = new AbortController()
    const admit = () => admitted.abort('there is room')
    this.#waiting.add(admit)
    await clock.sleep(waitMs, admitted.signal).catch(() => undefined)
    // Who is still among them was not admitted.
    if (this.#waiting.delete(admit)) throw this.#noRoom()
  }

  /** Leaves the room to the next one. */
  #leave(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#open -= 1
      return
    }
    this.#waiting.delete(next)
    next()
  }

  #noRoom(): Refusal {
    return new Refusal(503, 'too-many-uploads', `${this.#options.max} other chunks are being received.`, {
      advice: 'Nothing of this chunk was stored: send it again. If this persists, raise FLOW_STEP_UPLOADS.',
      retryAfterMs: RETRY_MS,
    })
  }
}
