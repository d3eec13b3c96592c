import type { CallContext } from '../abort.ts'

export type Lane = CallContext['lane']

interface Waiter {
  lane: Lane
  admit(): void
  refuse(error: Error): void
}

/**
 * Callers who wait for a slot, first come first served, the background behind everybody else.
 * Who aborts leaves the line and nothing behind.
 */
export class WaitingLine {
  #waiters: Waiter[] = []

  /** Everybody who waits, in either lane. */
  get length(): number {
    return this.#waiters.length
  }

  /** Who waits in one lane. */
  lengthOf(lane: Lane): number {
    return this.#waiters.filter((waiter) => waiter.lane === lane).length
  }

  /** Resolves when admitted; rejects when refused, or with the signal's reason. */
  join(signal: AbortSignal, lane?: Lane): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter)
        reject(signal.reason)
      }
      const settle = () => signal.removeEventListener('abort', leave)
      const waiter: Waiter = {
        lane,
        admit: () => {
          settle()
          resolve()
        },
        refuse: (error) => {
          settle()
          reject(error)
        },
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiters.push(waiter)
    })
  }

  /** Whoever is next: `'background'` only when nobody else waits. Meaningless for an empty line. */
  get nextLane(): Lane {
    return this.lengthOf(undefined) > 0 ? undefined : 'background'
  }

  admitFirst(): void {
    const at = this.#waiters.findIndex(({ lane }) => lane === this.nextLane)
    if (at >= 0) this.#waiters.splice(at, 1)[0]?.admit()
  }

  refuseAll(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.refuse(error)
  }

  /** Refuses who waits in one lane; the other stays. */
  refuseLane(lane: Lane, error: Error): void {
    const refused = this.#waiters.filter((waiter) => waiter.lane === lane)
    this.#waiters = this.#waiters.filter((waiter) => waiter.lane !== lane)
    for (const waiter of refused) waiter.refuse(error)
  }
}
