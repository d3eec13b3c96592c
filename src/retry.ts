import type { Clock, Random } from './clock.ts'

/** How long to wait between tries: exponential, capped, with full jitter. */
export interface Backoff {
  baseMs: number
  maxMs: number
}

/**
 * Milliseconds to wait before try number `attempt` (1 = the first retry).
 * A server's hint outranks our opinion and is never shortened; jitter only ever adds to it.
 */
export function waitMs(backoff: Backoff, attempt: number, random: Random, hintMs = 0): number {
  const ceiling = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(attempt - 1, 30))
  return Math.round(Math.max(hintMs, 0) + ceiling * (0.5 + random.next() / 2))
}

/** The one loop that waits. Gives up (rethrows) when the next wait would pass `deadline` (epoch ms). */
export async function retry<T>(
  attempt: () => Promise<T>,
  decide: (error: unknown) => { retry: true; hintMs: number } | { retry: false },
  options: { backoff: Backoff; deadline: number; clock: Clock; random: Random; signal?: AbortSignal },
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt()
    } catch (error) {
      const decision = decide(error)
      if (!decision.retry) throw error
      const wait = waitMs(options.backoff, tries, options.random, decision.hintMs)
      if (options.clock.now() + wait >= options.deadline) throw error
      await options.clock.sleep(wait, options.signal)
    }
  }
}
