import { type CallContext, untilAborted } from './abort.ts'
import type { Clock } from './clock.ts'

/**
 * One answer for all callers for `keptMs` from when it was asked for, whether it is known, still awaited or a failure:
 * however often and by however many it is called, a vendor is asked no more often than that.
 */
export function askSeldom<T>(
  ask: (call: CallContext) => Promise<T>,
  { keptMs, clock, closing }: { keptMs: number; clock: Clock; closing: AbortSignal },
): (call: CallContext) => Promise<T> {
  let asked: { answer: Promise<T>; atMs: number } | undefined
  return ({ signal }) => {
    const now = clock.now()
    if (asked === undefined || now - asked.atMs >= keptMs) {
      asked = { answer: ask({ signal: closing }), atMs: now }
    }
    return untilAborted(asked.answer, signal)
  }
}
