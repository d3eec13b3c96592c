import { MarketoError, marketoError } from './errors.ts'

/** Shared by everybody who calls the subscription. Adobe, "REST API", limits. */
export interface Limits {
  callsPerWindow: number
  windowMs: number
  concurrentMax: number
  /** Counted anew from midnight, US Central. */
  dailyCallsMax: number
}

export const STOCK_LIMITS: Limits = {
  callsPerWindow: 100,
  windowMs: 20_000,
  concurrentMax: 10,
  dailyCallsMax: 50_000,
}

const CENTRAL = new Intl.DateTimeFormat('en-CA', { timeZone: 'America/Chicago', dateStyle: 'short' })

/** The day that quotas and statistics go by: yyyy-mm-dd. */
export function centralDay(at: number): string {
  return CENTRAL.format(at)
}

export class Quota {
  limits: Limits
  /** When the calls of the window came, oldest first. */
  #calls: number[] = []
  #concurrent = 0
  #day = ''
  #today = 0

  constructor(limits: Limits) {
    this.limits = limits
  }

  reset(): void {
    this.#calls = []
    this.#today = 0
  }

  /** A refusal, or a function to call once the request has ended. */
  enter(): MarketoError | (() => void) {
    const now = Date.now()
    const refused = this.#refusal(now)
    if (refused) return refused
    this.#calls.push(now)
    this.#today += 1
    this.#concurrent += 1
    let left = false
    return () => {
      if (!left) this.#concurrent -= 1
      left = true
    }
  }

  #refusal(now: number): MarketoError | undefined {
    const { callsPerWindow, windowMs, concurrentMax, dailyCallsMax } = this.limits
    this.#calls = this.#calls.filter((at) => at > now - windowMs)
    const day = centralDay(now)
    if (day !== this.#day) this.#today = 0
    this.#day = day
    if (this.#today >= dailyCallsMax) return marketoError('607')
    if (this.#concurrent >= concurrentMax) return marketoError('615')
    if (this.#calls.length < callsPerWindow) return undefined
    return new MarketoError(
      '606',
      `Max rate limit '${callsPerWindow}' exceeded with in '${windowMs / 1000}' secs`,
    )
  }
}
