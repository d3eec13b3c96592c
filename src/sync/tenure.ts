import type { Clock } from '../clock.ts'
import { isWithin } from './settings.ts'

/** Another replica may lead by now: what this one was about to do is not its to do any more. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost'
}

export interface TenureOptions {
  fence: number
  /** Epoch ms of our clock, before the lease was asked for. */
  askedAt: number
  leaseMs: number
  clock: Clock
}

/**
 * The time in which this replica leads. Its lease ends by itself while the process sleeps or the store does not
 * answer: our own clock tells, when a call is about to leave.
 */
export class Tenure {
  readonly fence: number
  readonly #clock: Clock
  readonly #leaseMs: number
  readonly #end = new AbortController()
  #renewedAt: number

  constructor({ fence, askedAt, leaseMs, clock }: TenureOptions) {
    this.fence = fence
    this.#clock = clock
    this.#leaseMs = leaseMs
    this.#renewedAt = askedAt
  }

  /** Aborts with the reason of the end. */
  get signal(): AbortSignal {
    return this.#end.signal
  }

  /** The store has granted another `leaseMs`, counted at the earliest from when it was asked. */
  renewed(askedAt: number): void {
    this.#renewedAt = askedAt
  }

  /** Ends the tenure when its lease is over. A clock that was set back says nothing of how long ago we asked. */
  readonly check = (): void => {
    if (isWithin(this.#leaseMs, this.#renewedAt, this.#clock.now())) return
    this.end(new LeaseLost('the lease ran out before it was renewed'))
  }

  end(reason: unknown): void {
    this.#end.abort(reason)
  }
}
