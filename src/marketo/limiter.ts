import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Busy } from '../errors.ts'
import { type Lane, WaitingLine } from '../waiting-line.ts'
import {
  type Budget,
  type BudgetEvent,
  freeAtMs,
  fullBudget,
  nextBudget,
  saturated,
  shareOf,
} from './budget.ts'
import type { MarketoSettings } from './settings.ts'

/** The one gate in front of every call that Marketo counts, with a lane behind it for the background. */
export class Limiter {
  readonly #settings: MarketoSettings
  readonly #clock: Clock
  readonly #closing: AbortSignal
  readonly #line = new WaitingLine()
  #budget: Budget
  #inFlight = 0
  #wakeAtMs = Number.POSITIVE_INFINITY

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

  /** Calls that the background may still start before midnight in US Central time. */
  get backgroundCallsLeft(): number {
    return Math.max(0, shareOf('background', this.#settings).dailyCallsMax - this.callsToday)
  }

  /**
   * Resolves when one call may start, first come first served within a lane.
   * Throws Busy when that would take too long or too many wait; rejects with the signal's reason.
   * Every admission is given back with `release`.
   */
  async admit({ signal, lane }: CallContext): Promise<void> {
    signal.throwIfAborted()
    this.#closing.throwIfAborted()
    const now = this.#clock.now()
    const ahead = lane === undefined ? this.#line.lengthOf(undefined) : this.#line.length
    const waitMs = this.#freeInMs(now, lane, ahead)
    if (waitMs > this.#patienceMs(lane)) throw spent(waitMs)
    if (ahead === 0 && !this.#isSaturated(lane) && waitMs === 0) return this.#start(now)
    if (this.#line.lengthOf(lane) >= this.#settings.queueMax) {
      throw new Busy('too many calls wait for Marketo', this.#settings.queueFullRetryMs)
    }
    const admitted = this.#line.join(signal, lane)
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
    return this.#freeInMs(this.#clock.now(), undefined, 0)
  }

  #freeInMs(now: number, lane: Lane, ahead: number): number {
    return freeAtMs(this.#budget, now, ahead, shareOf(lane, this.#settings)) - now
  }

  #patienceMs(lane: Lane): number {
    const { queueWaitMaxMs, backgroundQueueWaitMaxMs } = this.#settings
    return lane === undefined ? queueWaitMaxMs : backgroundQueueWaitMaxMs
  }

  #isSaturated(lane: Lane): boolean {
    return saturated(this.#budget, this.#inFlight, shareOf(lane, this.#settings))
  }

  #pump(): void {
    const now = this.#clock.now()
    while (this.#line.length > 0) {
      for (const lane of [undefined, 'background'] as const) {
        const waitMs = this.#freeInMs(now, lane, 0)
        if (waitMs > this.#patienceMs(lane)) this.#line.refuseLane(lane, spent(waitMs))
      }
      // Whatever stops the first lane stops the other too, whose share is the smaller one.
      const lane = this.#line.nextLane
      if (this.#line.length === 0 || this.#isSaturated(lane)) break
      const waitMs = this.#freeInMs(now, lane, 0)
      if (waitMs > 0) {
        this.#wakeAt(now + waitMs)
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

  /** An earlier wake is armed beside a later one, which then finds nothing to do. */
  #wakeAt(atMs: number): void {
    if (atMs >= this.#wakeAtMs) return
    this.#wakeAtMs = atMs
    const wake = () => {
      if (this.#wakeAtMs === atMs) this.#wakeAtMs = Number.POSITIVE_INFINITY
      if (!this.#closing.aborted) this.#pump()
    }
    this.#clock.sleep(atMs - this.#clock.now(), this.#closing).then(wake, wake)
  }
}

function spent(waitMs: number): Busy {
  return new Busy("Marketo's calls are used up for now", waitMs)
}
