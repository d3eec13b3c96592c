import type { Logger } from 'pino'
import type { Clock } from './clock.ts'
import { StoreUnavailable } from './errors.ts'

const WINDOW_MS = 60_000

export interface SeldomEvent {
  event: string
  /** Lines of one event with different codes are lines of different kinds. */
  code?: string
  [member: string]: unknown
}

interface Window {
  level: 'warn' | 'error'
  since: number
  leftOut: number
  event: SeldomEvent
}

/** For what repeats while something is down: the first line of a kind at once, then one a minute with a count. */
export class SeldomLog {
  readonly #log: Pick<Logger, Window['level']>
  readonly #clock: Clock
  readonly #windows = new Map<string, Window>()

  constructor(log: Pick<Logger, Window['level']>, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  write(level: Window['level'], event: SeldomEvent, message: string): void {
    const kind = `${event.event} ${event.code}`
    const window = this.#windows.get(kind)
    if (window && !this.#isOver(window)) {
      window.leftOut += 1
      return
    }
    this.#windows.set(kind, { level, since: this.#clock.now(), leftOut: 0, event })
    this.#log[level]({ ...event, ...(window?.leftOut && { leftOut: window.leftOut }) }, message)
  }

  /** Reports what was left out and has not come again since. `all`: also of minutes that are not over. */
  flush(all = false): void {
    for (const [kind, window] of this.#windows) {
      if (!all && !this.#isOver(window)) continue
      this.#windows.delete(kind)
      const { level, leftOut, event } = window
      const { event: name, code } = event
      if (leftOut === 0) continue
      this.#log[level]({ event: name, ...(code && { code }), leftOut }, 'Similar lines were left out')
    }
  }

  #isOver({ since }: Window): boolean {
    const age = this.#clock.now() - since
    return age >= WINDOW_MS || age < 0
  }
}

/** An error as members of a line: a database that is away needs no stack, a fault of ours does. */
export function faultOf(error: unknown): { code?: string; reason?: string; err?: unknown } {
  return error instanceof StoreUnavailable
    ? { code: 'store-unavailable', reason: error.message }
    : { err: error }
}
