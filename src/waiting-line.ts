interface Waiter {
  admit(): void
  refuse(error: Error): void
}

/** Callers who wait for a slot, first come first served. Who aborts leaves the line and nothing behind. */
export class WaitingLine {
  #waiters: Waiter[] = []

  get length(): number {
    return this.#waiters.length
  }

  /** Resolves when admitted; rejects when refused, or with the signal's reason. */
  join(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter)
        reject(signal.reason)
      }
      const settle = () => signal.removeEventListener('abort', leave)
      const waiter: Waiter = {
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

  admitFirst(): void {
    this.#waiters.shift()?.admit()
  }

  refuseAll(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.refuse(error)
  }
}
