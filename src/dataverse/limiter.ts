import type { Clock } from '../clock.ts'
import { Busy } from '../errors.ts'
import { type Lane, WaitingLine } from '../waiting-line.ts'
import { nextPace, type Pace, type PaceEvent, startingPace } from './pace.ts'
import type { DataverseSettings } from './settings.ts'

/** The one gate in front of every call to Dataverse, batches and metadata included. */
export class Limiter {
  readonly #settings: DataverseSettings
  readonly #clock: Clock
  readonly #closing: AbortSignal
  #pace: Pace
  #inFlight = 0
  #lastStartMs = Number.NEGATIVE_INFINITY
  #timerArmed = false
  readonly #line = new WaitingLine()

  constructor(options: { settings: DataverseSettings; clock: Clock; closing: AbortSignal }) {
    this.#settings = options.settings
    this.#clock = options.clock
    this.#closing = options.closing
    this.#pace = startingPace(options.settings)
    const refuse = () => this.#line.refuseAll(new Busy('the connection is closing', 0))
    options.closing.addEventListener('abort', refuse, { once: true })
  }

  get pace(): Pace {
    return this.#pace
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get queued(): number {
    return this.#line.length
  }

  /** What is left of a Retry-After; 0 when calls may start. */
  get pausedForMs(): number {
    return Math.max(0, this.#pace.pausedUntilMs - this.#clock.now())
  }

  /**
   * Resolves when one call may start, first come first served, the background behind everybody else.
   * Throws Busy inside a Retry-After and when the queue is full; rejects with the signal's reason.
   * Every admission is given back with `release`.
   */
  async admit(signal: AbortSignal, lane?: Lane): Promise<void> {
    signal.throwIfAborted()
    this.#closing.throwIfAborted()
    const now = this.#clock.now()
    if (now < this.#pace.pausedUntilMs) throw this.#paused(now)
    const isFirst = this.#line.length === 0
    if (isFirst && this.#hasSlot(lane) && this.#spacingLeftMs(now) === 0) return this.#start(now)
    if (this.#line.lengthOf(lane) >= this.#settings.queueMax) {
      throw new Busy('too many calls wait for Dataverse', this.#settings.queueFullRetryMs)
    }
    const admitted = this.#line.join(signal, lane)
    this.#pump()
    await admitted
  }

  release(): void {
    this.#inFlight -= 1
    this.#pump()
  }

  learn(event: PaceEvent): void {
    this.#pace = nextPace(this.#pace, event, this.#clock.now(), this.#settings)
    this.#pump()
  }

  /** Whether every allowed slot is in use, or all that the background may have and more of it waits. */
  saturated(): boolean {
    return !this.#hasSlot(undefined) || this.#line.lengthOf('background') > 0
  }

  /** The background leaves its reserve free; of a single slot it may have what nobody else wants. */
  #hasSlot(lane: Lane): boolean {
    const { concurrency } = this.#pace
    if (lane === undefined) return this.#inFlight < concurrency
    const reserve = Math.max(1, Math.round(concurrency * this.#settings.backgroundReserveShare))
    return this.#inFlight < Math.max(1, concurrency - reserve)
  }

  #pump(): void {
    const now = this.#clock.now()
    if (now < this.#pace.pausedUntilMs) this.#line.refuseAll(this.#paused(now))
    while (this.#line.length > 0 && this.#hasSlot(this.#line.nextLane)) {
      const waitMs = this.#spacingLeftMs(now)
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
    this.#lastStartMs = now
  }

  /** A clock that was set back makes nobody wait until its time comes again. */
  #spacingLeftMs(now: number): number {
    if (now < this.#lastStartMs) return 0
    return Math.max(0, this.#lastStartMs + this.#pace.spacingMs - now)
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

  #paused(now: number): Busy {
    return new Busy('inside a Retry-After of Dataverse', this.#pace.pausedUntilMs - now)
  }
}
