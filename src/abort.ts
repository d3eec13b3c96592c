import type { Clock } from './clock.ts'

/** Who asked, until when: reaches every wait and every socket. */
export interface CallContext {
  signal: AbortSignal
  /** Work that nobody waits for: behind everything else, and never the last of a budget. */
  lane?: 'background'
  /**
   * Called when a call is about to leave; aborts `signal` when it may not leave any more. A process that was asleep
   * runs its timers late, so the signal alone may not know yet.
   */
  beforeCall?: () => void
}

/** The promise's result, or the signal's reason as soon as it aborts. The promise itself runs on. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

/** Runs `work` under one signal that aborts with the caller's, or after `timeoutMs`. */
export async function withDeadline<T>(
  clock: Clock,
  timeoutMs: number,
  caller: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const overall = new AbortController()
  const timer = new AbortController()
  const onAbort = () => overall.abort(caller.reason)
  if (caller.aborted) onAbort()
  caller.addEventListener('abort', onAbort, { once: true })
  clock.sleep(timeoutMs, timer.signal).then(
    () => overall.abort(new Error(`no answer within ${timeoutMs} ms`)),
    () => undefined,
  )
  try {
    return await work(overall.signal)
  } finally {
    // A reason of our own: without one each call would make a DOMException with its stack.
    timer.abort('finished')
    caller.removeEventListener('abort', onAbort)
  }
}

/**
 * One run of `work` that any number of callers share.
 * A caller who aborts leaves alone: the run goes on for the others, until `closing` aborts.
 */
export function createSingleFlight<T>(work: (closing: AbortSignal) => Promise<T>, closing: AbortSignal) {
  let running: Promise<T> | undefined
  const start = () => {
    running ??= work(closing).finally(() => {
      running = undefined
    })
    // A run that everybody has left must not end as an unhandled rejection.
    running.catch(() => undefined)
    return running
  }
  return { start, join: (signal: AbortSignal) => untilAborted(start(), signal) }
}

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
