import type { Logger } from 'pino'
import { type CallContext, untilAborted, withDeadline } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { isVendorError } from '../errors.ts'
import type { ReadPerson } from '../marketo/people.ts'

export interface KnownPeopleOptions {
  readPerson: ReadPerson
  clock: Clock
  log: Logger
  limits: {
    /** How long Marketo may take; after that the answer is not known. */
    answerMs: number
    /** How long a person who was there is believed to be, and a Marketo that did not answer is left alone. */
    believedMs: number
    rememberedMax: number
  }
}

/** Whether people whose records others ask for are still in Marketo. */
export class KnownPeople {
  readonly #options: KnownPeopleOptions
  /** Until when (epoch ms) each is believed to be there; the oldest first. */
  readonly #believed = new Map<number, number>()
  #silentUntil = 0

  constructor(options: KnownPeopleOptions) {
    this.#options = options
  }

  /** undefined: Marketo does not say so in time. Never throws. */
  async isThere(marketoId: number, call: CallContext): Promise<boolean | undefined> {
    const { readPerson, clock, limits, log } = this.#options
    const now = clock.now()
    if ((this.#believed.get(marketoId) ?? 0) > now) return true
    if (this.#silentUntil > now) return undefined
    try {
      const found = await withDeadline(clock, limits.answerMs, call.signal, (signal) =>
        untilAborted(readPerson(marketoId, ['id'], { ...call, signal }), signal),
      )
      if (found === undefined) return false
      this.#believe(marketoId, clock.now() + limits.believedMs)
      return true
    } catch (err) {
      if (!call.signal.aborted) this.#silentUntil = clock.now() + limits.believedMs
      log.warn(
        { event: 'person-unchecked', ...(isVendorError(err) && { reason: err.message }) },
        'Marketo did not report whether the person with a known e-mail still exists',
      )
      return undefined
    }
  }

  #believe(id: number, until: number): void {
    this.#believed.delete(id)
    this.#believed.set(id, until)
    const [oldest] = this.#believed.keys()
    if (this.#believed.size > this.#options.limits.rememberedMax && oldest !== undefined) {
      this.#believed.delete(oldest)
    }
  }
}
