import type { Settlement } from '../store/port.ts'

/** How work on a link ended: with a result, with an error, or unsettled (look again). */
export type Landing =
  | { kind: 'settled'; payload: string; settlement: Settlement }
  | { kind: 'error'; error: unknown }
  | { kind: 'unsettled' }

/** Who works on which link in this process, so that twins wait for the first one instead of asking again. */
export class Flights {
  readonly #byLink = new Map<number, Promise<Landing>>()

  get(linkId: number): Promise<Landing> | undefined {
    return this.#byLink.get(linkId)
  }

  /** Runs `fly` as the one flight of the link. `fly` must not throw. */
  async run(linkId: number, fly: () => Promise<Landing>): Promise<Landing> {
    const flight = fly()
    this.#byLink.set(linkId, flight)
    try {
      return await flight
    } finally {
      if (this.#byLink.get(linkId) === flight) this.#byLink.delete(linkId)
    }
  }
}
