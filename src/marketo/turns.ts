import { untilAborted } from '../abort.ts'

/**
 * Runs one piece of work after the other, first come first served. Who aborts while waiting gets `instead`, and
 * its place is given up.
 */
export function createTurns() {
  let last: Promise<void> = Promise.resolve()

  return async <T>(signal: AbortSignal, work: () => Promise<T>, instead: T): Promise<T> => {
    const before = last
    const { promise: done, resolve: finish } = Promise.withResolvers<void>()
    last = before.then(() => done)
    try {
      const waited = await untilAborted(before, signal).then(
        () => true,
        () => false,
      )
      return waited ? await work() : instead
    } finally {
      finish()
    }
  }
}
