import { Busy, Unavailable } from '../../../src/errors.ts'
import type { Owner, Scheduler } from '../scheduler.ts'

/** Each is a probability per call. */
export interface Trouble {
  busy: number
  /** A read gets no answer. */
  cut: number
  /** A write is executed, and the answer is lost. */
  lostAfter: number
  /** A write is never executed, and no answer comes. */
  lostBefore: number
  /** A write is executed after its answer was given up. */
  late: number
  /** How long after it was sent a write may still be executed, ms. */
  lateMsMax: number
  /** A call takes up to a minute. */
  slow: number
}

export const NO_TROUBLE: Trouble = {
  busy: 0,
  cut: 0,
  lostAfter: 0,
  lostBefore: 0,
  late: 0,
  lateMsMax: 0,
  slow: 0,
}

export interface NoResult {
  kind: 'unknown'
}

export interface Unsent {
  kind: 'unsent'
  retryAfterMs: number
}

const SLOW_MS_MAX = 60_000
/** When our client gives up waiting for an answer: above every time-out of the vendor's. */
const GIVE_UP_MS = 95_000

/** The way to one vendor and back, with everything that can happen on it. */
export class Wire {
  trouble: Trouble = NO_TROUBLE
  calls = 0
  unknown = 0
  busy = 0
  /** Epoch ms until which the last refused write is to wait. */
  unsentUntil = 0
  readonly #scheduler: Scheduler
  readonly #oneWayMsMax: number

  constructor(scheduler: Scheduler, oneWayMsMax: number) {
    this.#scheduler = scheduler
    this.#oneWayMsMax = oneWayMsMax
  }

  /** A reply to a dead process reaches nobody. */
  read<T>(owner: Owner, work: () => T): Promise<T> {
    const scheduler = this.#scheduler
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const lot = scheduler.draw()
    const { busy, cut } = this.trouble
    this.calls += 1
    scheduler.at(this.#delayMs(), () => {
      if (lot < busy + cut) {
        const isBusy = lot < busy
        if (isBusy) this.busy += 1
        const error = isBusy ? new Busy('429', this.#retryAfterMs()) : new Unavailable('cut')
        scheduler.at(this.#delayMs(), () => reject(error), owner)
        return
      }
      const result = work()
      scheduler.at(this.#delayMs(), () => resolve(result), owner)
    })
    return promise
  }

  /**
   * A bulk write: what is on its way arrives even when its sender dies. Trouble begins at some record of it;
   * those before have their result.
   */
  write<Input, Result>(
    owner: Owner,
    inputs: readonly Input[],
    execute: (input: Input) => Result,
  ): Promise<(Result | NoResult | Unsent)[]> {
    const scheduler = this.#scheduler
    const { promise, resolve } = Promise.withResolvers<(Result | NoResult | Unsent)[]>()
    const { busy, lostAfter, lostBefore, late, lateMsMax } = this.trouble
    let lot = scheduler.draw()
    const isKind = (share: number) => {
      const hit = lot >= 0 && lot < share
      lot -= share
      return hit
    }
    const kind = isKind(busy)
      ? 'busy'
      : isKind(lostAfter)
        ? 'lostAfter'
        : isKind(lostBefore)
          ? 'lostBefore'
          : isKind(late)
            ? 'late'
            : 'fine'
    const from = kind === 'fine' ? inputs.length : scheduler.between(0, inputs.length - 1)
    this.calls += 1
    const sentAt = scheduler.now()
    scheduler.at(this.#delayMs(), () => {
      const retryAfterMs = kind === 'busy' ? this.#retryAfterMs() : 0
      if (kind === 'busy') {
        this.busy += 1
        this.unsentUntil = scheduler.now() + retryAfterMs
      }
      const results = inputs.map((input, index): Result | NoResult | Unsent => {
        if (index < from) return execute(input)
        if (kind === 'busy') return { kind: 'unsent', retryAfterMs }
        this.unknown += 1
        if (kind === 'lostAfter') execute(input)
        if (kind === 'late') {
          const untilMs = Math.max(1, sentAt + lateMsMax - scheduler.now())
          scheduler.at(scheduler.between(1, untilMs), () => void execute(input))
        }
        return { kind: 'unknown' }
      })
      const isLost = kind === 'lostAfter' || kind === 'lostBefore' || kind === 'late'
      const waitMs = isLost ? scheduler.between(1, GIVE_UP_MS) : this.#delayMs()
      scheduler.at(waitMs, () => resolve(results), owner)
    })
    return promise
  }

  #delayMs(): number {
    const scheduler = this.#scheduler
    return scheduler.chance(this.trouble.slow)
      ? scheduler.between(1, SLOW_MS_MAX)
      : scheduler.between(1, this.#oneWayMsMax)
  }

  #retryAfterMs(): number {
    return this.#scheduler.between(1, 90) * 1_000
  }
}
