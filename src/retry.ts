import type { Clock, Random } from './clock.ts'
import { Busy, Unavailable } from './errors.ts'

/** How long to wait between tries: exponential, capped, with jitter. */
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

/** The server's hint in ms when waiting may help, undefined when it cannot. */
export function retryHint(error: unknown): number | undefined {
  if (error instanceof Busy) return error.retryAfterMs
  return error instanceof Unavailable ? 0 : undefined
}

export interface RetryOptions {
  backoff: Backoff
  /** Epoch ms: gives up, rethrowing, when the next wait would pass it. */
  deadline: number
  signal: AbortSignal
  clock: Clock
  random: Random
}

/** The one loop that waits. What is tried must carry its own idempotency. */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt()
    } catch (error) {
      const hintMs = retryHint(error)
      if (hintMs === undefined) throw error
      const wait = waitMs(options.backoff, tries, options.random, hintMs)
      if (options.clock.now() + wait >= options.deadline) throw error
      await options.clock.sleep(wait, options.signal)
    }
  }
}

/**
 * Milliseconds to wait by a Retry-After header: seconds (Dataverse writes thousands separators into its
 * numbers) or an HTTP date, which counts from the reply's own Date and so from the clock that gave both; without one from
 * `wallMs`. undefined when there is none or it cannot be read. Source: RFC 9110, 10.2.3 and 6.6.1.
 */
export function retryAfterMs(
  header: string | undefined,
  date: string | undefined,
  wallMs: number,
): number | undefined {
  if (header === undefined) return undefined
  const text = header.trim()
  if (/^(\d+|\d{1,3}(,\d{3})+)(\.\d+)?$/.test(text)) return Math.ceil(Number(text.replaceAll(',', '')) * 1000)
  // Only a text with a month's name is a date: Date.parse would read "-5" as a month too.
  const until = /[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN
  const from = Date.parse(date ?? '')
  return Number.isNaN(until) ? undefined : Math.max(0, until - (Number.isNaN(from) ? wallMs : from))
}
