import type { Clock, Random } from '../../src/clock.ts'

/** mulberry32: small, fast, and the same numbers for the same seed on every machine. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Event {
  at: number
  order: number
  run: (() => void) | undefined
}

/** Anything that can crash or be stopped: the events of a dead owner never happen, those of one asleep when it wakes. */
export interface Owner {
  alive: boolean
  /** Epoch ms. */
  asleepUntil?: number
  /** By how much the machine's clock was ahead when it started. */
  clockAheadMs?: number
}

/**
 * Virtual time and one queue of events. Events of the same moment run in an order that the seed draws,
 * and everything that an event sets off runs to its next wait before the next event.
 */
export class Scheduler implements Clock {
  readonly draw: () => number
  #now = 1_700_000_000_000
  #heap: Event[] = []
  #trace = 0x811c9dc5
  events = 0

  constructor(seed: number) {
    this.draw = seededRandom(seed)
  }

  now(): number {
    return this.#now
  }

  wall(): number {
    return this.#now
  }

  /** A hash over everything that happened, in order. */
  get trace(): string {
    return (this.#trace >>> 0).toString(16)
  }

  note(text: string): void {
    for (let index = 0; index < text.length; index += 1) {
      this.#trace = Math.imul(this.#trace ^ text.charCodeAt(index), 0x01000193)
    }
  }

  chance(probability: number): boolean {
    return this.draw() < probability
  }

  between(min: number, max: number): number {
    return min + Math.floor(this.draw() * (max - min + 1))
  }

  at(delayMs: number, run: () => void, owner?: Owner): Event {
    const event: Event = { at: this.#now + delayMs, order: this.draw(), run }
    if (owner) event.run = () => this.#runFor(owner, event, run)
    this.#push(event)
    return event
  }

  /** A wait of the world itself; replicas get theirs from `clockOf`. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#sleep(ms, signal)
  }

  /** The clock of a replica: when it dies, whoever sleeps never wakes. */
  clockOf(owner: Owner): Clock {
    const now = () => this.#now + (owner.clockAheadMs ?? 0)
    return { now, wall: now, sleep: (ms, signal) => this.#sleep(ms, signal, owner) }
  }

  randomOf(): Random {
    return {
      next: this.draw,
      uuid: () => {
        throw new Error('Nobody draws a UUID in the simulation')
      },
    }
  }

  /** One moment later, or never when the owner dies first. */
  turn(owner: Owner): Promise<void> {
    return new Promise((resolve) => void this.at(0, resolve, owner))
  }

  /** Runs until the queue is empty or `until` (virtual ms) is reached. */
  async run(until = Number.POSITIVE_INFINITY): Promise<void> {
    await settled()
    for (let event = this.#heap[0]; event && event.at <= until; event = this.#heap[0]) {
      this.#pop()
      this.#now = Math.max(this.#now, event.at)
      if (!event.run) continue
      this.events += 1
      event.run()
      await settled()
    }
    if (until !== Number.POSITIVE_INFINITY) this.#now = until
  }

  #runFor(owner: Owner, event: Event, run: () => void): void {
    const { alive, asleepUntil = 0 } = owner
    if (alive && asleepUntil <= this.#now) run()
    // Whoever wakes finds timers and answers in no order.
    else if (alive) this.#push(Object.assign(event, { at: asleepUntil, order: this.draw() }))
  }

  #sleep(ms: number, signal?: AbortSignal, owner?: Owner): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const abort = () => {
        event.run = undefined
        reject(signal?.reason)
      }
      const wake = () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      const event = this.at(ms, wake, owner)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  #push(event: Event): void {
    const heap = this.#heap
    let index = heap.push(event) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || before(above, event)) break
      heap[index] = above
      heap[parent] = event
      index = parent
    }
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    heap[0] = last
    for (let index = 0; ; ) {
      const left = 2 * index + 1
      const [one, two] = [heap[left], heap[left + 1]]
      if (one === undefined) return
      const child = two !== undefined && before(two, one) ? left + 1 : left
      const smaller = child === left ? one : (two ?? one)
      if (before(last, smaller)) return
      heap[index] = smaller
      heap[child] = last
      index = child
    }
  }
}

function before(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.order <= other.order)
}

/** Resolves when no promise has a reaction left to run. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
