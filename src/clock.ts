import { randomUUID } from 'node:crypto'

/** Time and chance as arguments, so that the whole service runs under a simulator with a seed. */

export interface Clock {
  /**
   * Milliseconds since the Unix epoch: what the machine's clock said when the process started, carried forward by the
   * monotonic clock. It never jumps, so what is counted with it stays right when the machine's clock is set.
   */
  now(): number
  /** What the machine's clock says, in the same unit. It jumps when it is set: only for what others have dated. */
  wall(): number
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when aborted before. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** A random UUID, for request ids. */
  uuid(): string
}

/** `monotonic`: milliseconds since any moment, never fewer than before. */
export function createClock(wall = () => Date.now(), monotonic = () => performance.now()): Clock {
  const startedAt = wall() - monotonic()
  return { now: () => Math.floor(startedAt + monotonic()), wall, sleep }
}

export const systemClock = createClock()

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

export const systemRandom: Random = {
  next: () => Math.random(),
  uuid: () => randomUUID(),
}

/** What was dated by another start or replica comes from a clock that may be a little ahead of ours. */
export const CLOCK_TOLERANCE_MS = 5_000

/** Whether something that has happened has the time of a clock that was wrong. Both are epoch ms. */
export function isDatedAhead(atMs: number, nowMs: number): boolean {
  return atMs > nowMs + CLOCK_TOLERANCE_MS
}
