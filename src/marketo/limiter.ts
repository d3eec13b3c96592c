import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Busy } from '../errors.ts'
import { Gate } from '../limits/gate.ts'
import { Lessons } from '../limits/lessons.ts'
import type { Shared, Sharing } from '../limits/ration.ts'
import type { Lane } from '../limits/waiting-line.ts'
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
import { sharedBudget } from './shared-budget.ts'

/** The one gate in front of every call that Marketo counts, with a lane behind it for the background. */
export class Limiter {
  readonly #settings: MarketoSettings
  readonly #clock: Clock
  readonly #gate: Gate
  readonly #sharing: Sharing | undefined
  readonly #lessons: Lessons<Budget, BudgetEvent>

  /** `shared`: where several replicas use one budget. */
  constructor(options: { settings: MarketoSettings; clock: Clock; closing: AbortSignal; shared?: Shared }) {
    const { settings, clock, closing, shared } = options
    this.#settings = settings
    this.#clock = clock
    this.#lessons = new Lessons(fullBudget(settings), (budget, event, now) =>
      nextBudget(budget, event, now, settings),
    )
    this.#sharing = shared && sharedBudget(shared, settings, this.#lessons)
    const rules = {
      vendor: 'Marketo',
      settings,
      refusal: (now: number, lane: Lane, ahead: number) => this.#refusal(now, lane, ahead),
      hasSlot: (lane: Lane, inFlight: number) => !saturated(this.budget, inFlight, shareOf(lane, settings)),
      waitMs: (now: number, lane: Lane) => this.#freeInMs(now, lane, 0),
      started: (now: number) => this.#lessons.note({ kind: 'started' }, now),
    }
    this.#gate = new Gate({ rules, clock, closing, sharing: this.#sharing })
  }

  get budget(): Budget {
    return this.#lessons.state
  }

  get callsToday(): number {
    const { calls, endsAtMs } = this.budget.day
    return this.#clock.now() < endsAtMs ? calls : 0
  }

  get inFlight(): number {
    return this.#gate.inFlight
  }

  get queued(): number {
    return this.#gate.queued
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
  admit({ signal, lane }: CallContext): Promise<void> {
    return this.#gate.admit(signal, lane)
  }

  release(): void {
    this.#gate.release()
  }

  learn(event: BudgetEvent): void {
    const now = this.#clock.now()
    if (this.#sharing) this.#lessons.learn(event, now)
    else this.#lessons.note(event, now)
    this.#gate.pump()
    if (event.kind !== 'served') this.#gate.publish()
  }

  /** What is left until time allows another call. */
  waitMs(): number {
    return this.#freeInMs(this.#clock.now(), undefined, 0)
  }

  #freeInMs(now: number, lane: Lane, ahead: number): number {
    return freeAtMs(this.budget, now, ahead, shareOf(lane, this.#settings)) - now
  }

  #refusal(now: number, lane: Lane, ahead: number): Busy | undefined {
    const { queueWaitMaxMs, backgroundQueueWaitMaxMs } = this.#settings
    const waitMs = this.#freeInMs(now, lane, ahead)
    if (waitMs <= (lane === undefined ? queueWaitMaxMs : backgroundQueueWaitMaxMs)) return undefined
    return new Busy("Marketo's limits allow no call at the moment", waitMs)
  }
}
