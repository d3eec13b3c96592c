import type { Clock, Random } from '../../src/clock.ts'

/** A clock that moves only when told; sleepers wake in order of time. `set` is what an administrator does. */
export function manualClock(startMs = 1_800_000_000_000) {
  let now = startMs
  let aheadMs = 0
  let sleepers: { at: number; wake: () => void }[] = []
  const clock: Clock = {
    now: () => now,
    wall: () => now + aheadMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const onAbort = () => {
          sleepers = sleepers.filter((other) => other !== sleeper)
          reject(signal?.reason)
        }
        const sleeper = {
          at: now + ms,
          wake: () => {
            signal?.removeEventListener('abort', onAbort)
            resolve()
          },
        }
        sleepers.push(sleeper)
        signal?.addEventListener('abort', onAbort)
      }),
  }
  return {
    clock,
    get sleeping() {
      return sleepers.length
    },
    set(byMs: number) {
      aheadMs += byMs
    },
    async advance(ms: number) {
      const until = now + ms
      for (;;) {
        await settled()
        const next = sleepers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
        if (next === undefined) break
        sleepers = sleepers.filter((other) => other !== next)
        now = Math.max(now, next.at)
        next.wake()
      }
      now = until
      await settled()
    },
  }
}

/** Every promise that can settle without I/O has settled. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export function countingRandom(): Random {
  let count = 0
  return {
    next: () => 0.5,
    uuid: () => {
      count += 1
      return `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`
    },
  }
}
