import type { Clock } from '../clock.ts'
import { StoreUnavailable } from '../errors.ts'
import type { Store } from './port.ts'

/** Each look is a write that waits for the disk. */
const LOOK_AGAIN_AFTER_MS = 3_000

/** Whether the database takes writes now, for those who ask often: at most one look in a few seconds. */
export class StoreProbe {
  readonly #store: Pick<Store, 'probe'>
  readonly #clock: Clock
  #looked: { at: number; reason: Promise<string | undefined> } | undefined

  constructor(store: Pick<Store, 'probe'>, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Why the database takes no writes, in words that everybody may read; undefined = it takes them. */
  async reason(): Promise<string | undefined> {
    const now = this.#clock.now()
    const age = now - (this.#looked?.at ?? Number.NEGATIVE_INFINITY)
    // A clock that was set back must not keep an old answer.
    if (this.#looked === undefined || age >= LOOK_AGAIN_AFTER_MS || age < 0) {
      this.#looked = { at: now, reason: this.#look() }
    }
    return this.#looked.reason
  }

  async #look(): Promise<string | undefined> {
    try {
      await this.#store.probe()
      return undefined
    } catch (error) {
      return error instanceof StoreUnavailable ? error.message : 'the database reports an error'
    }
  }
}
