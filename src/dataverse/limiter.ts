import type { Clock } from '../clock.ts'
import { Busy } from '../errors.ts'
import { Gate } from '../limits/gate.ts'
import { Lessons } from '../limits/lessons.ts'
import type { Shared, Sharing } from '../limits/ration.ts'
import type { Lane } from '../limits/waiting-line.ts'
import { nextPace, type Pace, type PaceEvent, startingPace } from './pace.ts'
import type { DataverseSettings } from './settings.ts'
import { sharedPace } from './shared-pace.ts'

/** The one gate in front of every call to Dataverse, batches and metadata included. */
export class Limiter {
  readonly #settings: DataverseSettings
  readonly #clock: Clock
  readonly #gate: Gate
  readonly #sharing: Sharing | undefined
  readonly #lessons: Lessons<Pace, PaceEvent>
  #lastStartMs = Number.NEGATIVE_INFINITY

  /** `shared`: where several replicas keep to one pace. */
  constructor(options: { settings: DataverseSettings; clock: Clock; closing: AbortSignal; shared?: Shared }) {
    const { settings, clock, closing, shared } = options
    this.#settings = settings
    this.#clock = clock
    this.#lessons = new Lessons(startingPace(settings), (pace, event, now) =>
      nextPace(pace, event, now, settings),
    )
    this.#sharing = shared && sharedPace(shared, settings, this.#lessons)
    const rules = {
      vendor: 'Dataverse',
      settings,
      refusal: (now: number) => (now < this.pace.pausedUntilMs ? this.#paused(now) : undefined),
      hasSlot: (lane: Lane, inFlight: number) => this.#hasSlot(lane, inFlight),
      waitMs: (now: number) => this.#spacingLeftMs(now),
      started: (now: number) => {
        this.#lastStartMs = now
      },
    }
    this.#gate = new Gate({ rules, clock, closing, sharing: this.#sharing })
  }

  get pace(): Pace {
    return this.#lessons.state
  }

  get inFlight(): number {
    return this.#gate.inFlight
  }

  get queued(): number {
    return this.#gate.queued
  }

  /** What is left of a Retry-After; 0 when calls may start. */
  get pausedForMs(): number {
    return Math.max(0, this.pace.pausedUntilMs - this.#clock.now())
  }

  /**
   * Resolves when one call may start, first come first served, the background behind everybody else.
   * Throws Busy inside a Retry-After and when the queue is full; rejects with the signal's reason.
   * Every admission is given back with `release`.
   */
  admit(signal: AbortSignal, lane?: Lane): Promise<void> {
    return this.#gate.admit(signal, lane)
  }

  release(): void {
    this.#gate.release()
  }

  learn(event: PaceEvent): void {
    const now = this.#clock.now()
    if (this.#sharing) this.#lessons.learn(event, now)
    else this.#lessons.note(event, now)
    this.#gate.pump()
    if (event.kind !== 'served') this.#gate.publish()
  }

  /** Whether every allowed slot is in use, or all that the background may have and more of it waits. */
  saturated(): boolean {
    return this.#gate.isFull || this.#gate.queuedIn('background') > 0
  }

  /** The background leaves its reserve free; of a single slot it may have what nobody else wants. */
  #hasSlot(lane: Lane, inFlight: number): boolean {
    const { concurrency } = this.pace
    if (lane === undefined) return inFlight < concurrency
    const reserve = Math.max(1, Math.round(concurrency * this.#settings.backgroundReserveShare))
    return inFlight < Math.max(1, concurrency - reserve)
  }

  /** A clock that was set back makes nobody wait until its time comes again. */
  #spacingLeftMs(now: number): number {
    if (now < this.#lastStartMs) return 0
    return Math.max(0, this.#lastStartMs + this.pace.spacingMs - now)
  }

  #paused(now: number): Busy {
    return new Busy('the Retry-After of Dataverse has not ended', this.pace.pausedUntilMs - now)
  }
}
