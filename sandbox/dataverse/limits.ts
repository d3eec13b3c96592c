import { type DataverseError, throttled } from './errors.ts'
import type { Budget } from './headers.ts'

/** Service protection, per user. "Service protection API limits"; recordings show 8,000 where it says 6,000. */
export interface Limits {
  requestsPerWindow: number
  windowMs: number
  executionMsPerWindow: number
  concurrentMax: number
}

export const STOCK_LIMITS: Limits = {
  requestsPerWindow: 8000,
  windowMs: 300_000,
  executionMsPerWindow: 1_200_000,
  concurrentMax: 52,
}

interface Usage {
  /** Start times in the window, oldest first from `from`. */
  requests: { at: number; executionMs: number }[]
  from: number
  executionMs: number
  concurrent: number
  /** Refusals since the last admitted request: Retry-After grows while the client pushes. */
  pushes: number
}

export class ServiceProtection {
  limits: Limits
  readonly #usage = new Map<string, Usage>()

  constructor(limits: Limits) {
    this.limits = limits
  }

  /** A refusal, or a function to call with nothing when the request has ended. */
  enter(userId: string): DataverseError | (() => void) {
    const usage = this.#usageOf(userId)
    this.#slide(usage)
    const refused = this.#refusal(usage)
    if (refused) {
      usage.pushes += 1
      return refused
    }
    usage.pushes = 0
    usage.concurrent += 1
    const request = { at: Date.now(), executionMs: 0 }
    usage.requests.push(request)
    return () => {
      usage.concurrent -= 1
      request.executionMs = Date.now() - request.at
      usage.executionMs += request.executionMs
    }
  }

  budget(userId: string): Budget {
    const usage = this.#usageOf(userId)
    return {
      requestsLeft: this.limits.requestsPerWindow - (usage.requests.length - usage.from),
      executionMsLeft: this.limits.executionMsPerWindow - usage.executionMs,
    }
  }

  reset(): void {
    this.#usage.clear()
  }

  #refusal(usage: Usage): DataverseError | undefined {
    const { limits } = this
    if (usage.concurrent >= limits.concurrentMax) {
      return throttled('0x80072326', String(5 + usage.pushes))
    }
    const oldest = usage.requests[usage.from]
    const freeInMs = oldest ? oldest.at + limits.windowMs - Date.now() : 0
    const wait = String(Math.max(1, Math.ceil(freeInMs / 1000)) + usage.pushes)
    if (usage.requests.length - usage.from >= limits.requestsPerWindow) return throttled('0x80072322', wait)
    if (usage.executionMs >= limits.executionMsPerWindow) return throttled('0x80072321', wait)
    return undefined
  }

  #slide(usage: Usage): void {
    const horizon = Date.now() - this.limits.windowMs
    for (
      let oldest = usage.requests[usage.from];
      oldest && oldest.at <= horizon;
      oldest = usage.requests[usage.from]
    ) {
      usage.executionMs -= oldest.executionMs
      usage.from += 1
    }
    if (usage.from > 1000) {
      usage.requests.splice(0, usage.from)
      usage.from = 0
    }
  }

  #usageOf(userId: string): Usage {
    const usage = this.#usage.get(userId) ?? {
      requests: [],
      from: 0,
      executionMs: 0,
      concurrent: 0,
      pushes: 0,
    }
    this.#usage.set(userId, usage)
    return usage
  }
}
