import type { Clock } from '../clock.ts'
import { Busy } from '../errors.ts'
import { WaitingLine } from '../waiting-line.ts'
import { type Budget, type BudgetEvent, freeAtMs, fullBudget, nextBudget } from './budget.ts'
import type { MarketoSettings } from './settings.ts'

/** The one gate in front of every call that Marketo counts. */
export class Limiter {
  readonly #settings: MarketoSettings
  readonly #clock: Clock
  readonly #closing: AbortSignal
  readonly #line = new WaitingLine()
  #budget: Budget
  #inFlight = 0
  #timerArmed = false

  constructor(options: { settings: MarketoSettings; clock: Clock; closing: AbortSignal }) {
    this.#settings = options.settings
    this.#clock = options.clock
    this.#closing = options.closing
    this.#budget = fullBudget(options.settings)
    const refuse = () => this.#line.refuseAll(new Busy('the connection is closing', 0))
    options.closing.addEventListener('abort', refuse, { once: true })
  }

  get budget(): Budget {
    return this.#budget
  }

  get callsToday(): number {
    const { calls, endsAtMs } = this.#budget.day
    return this.#clock.now() < endsAtMs ? calls : 0
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get queued(): number {
    return this.#line.length
  }

  /**
   * Resolves when one call may start, first come first served.
   * Throws Busy when that would take too long or too many wait; rejects with the signal's reason.
   * Every admission is given back with `release`.
   */
  async admit(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.#closing.throwIfAborted()
    const now = this.#clock.now()
    const waitMs = freeAtMs(this.#budget, now, this.#line.length, this.#settings) - now
    if (waitMs > this.#settings.queueWaitMaxMs) throw spent(waitMs)
    if (this.#line.length === 0 && !this.#saturated() && waitMs === 0) return this.#start(now)
    if (this.#line.length >= this.#settings.queueMax) {
      throw new Busy('too many calls wait for Marketo', this.#settings.queueFullRetryMs)
    }
    const admitted = this.#line.join(signal)
    this.#pump()
    await admitted
  }

  release(): void {
    this.#inFlight -= 1
    this.#pump()
  }

  learn(event: BudgetEvent): void {
    this.#budget = nextBudget(this.#budget, event, this.#clock.now(), this.#settings)
    this.#pump()
  }

  /** What is left until time allows another call. */
  waitMs(): number {
    const now = this.#clock.now()
    return freeAtMs(this.#budget, now, 0, this.#settings) - now
  }

  #saturated(): boolean {
    return this.#inFlight >= this.#budget.concurrency
  }

  #pump(): void {
    const now = this.#clock.now()
    while (this.#line.length > 0) {
      const waitMs = freeAtMs(this.#budget, now, 0, this.#settings) - now
      if (waitMs > this.#settings.queueWaitMaxMs) this.#line.refuseAll(spent(waitMs))
      if (this.#line.length === 0 || this.#saturated()) break
      if (waitMs > 0) {
        this.#wakeIn(waitMs)
        break
      }
      this.#start(now)
      this.#line.admitFirst()
    }
  }

  #start(now: number): void {
    this.#inFlight += 1
    this.#budget = nextBudget(this.#budget, { kind: 'started' }, now, this.#settings)
  }

  #wakeIn(ms: number): void {
    if (this.#timerArmed) return
    this.#timerArmed = true
    const wake = () => {
      this.#timerArmed = false
      if (!this.#closing.aborted) this.#pump()
    }
    this.#clock.sleep(ms, this.#closing).then(wake, wake)
  }
}

function spent(waitMs: number): Busy {
  return new Busy("Marketo's calls are used up for now", waitMs)
}
