import type { Clock } from '../clock.ts'
import { Busy } from '../errors.ts'
import { WaitingLine } from '../waiting-line.ts'
import { nextPace, type Pace, type PaceEvent, startingPace } from './pace.ts'
import type { DataverseSettings } from './settings.ts'

/** The one gate in front of every call to Dataverse, batches and metadata included. */
export class Limiter {
  readonly #settings: DataverseSettings
  readonly #clock: Clock
  readonly #closing: AbortSignal
  #pace: Pace
  #inFlight = 0
  #nextStartMs = 0
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

  /**
   * Resolves when one call may start, first come first served.
   * Throws Busy inside a Retry-After and when the queue is full; rejects with the signal's reason.
   * Every admission is given back with `release`.
   */
  async admit(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.#closing.throwIfAborted()
    const now = this.#clock.now()
    if (now < this.#pace.pausedUntilMs) throw this.#paused(now)
    if (this.#line.length === 0 && !this.saturated() && now >= this.#nextStartMs) return this.#start(now)
    if (this.#line.length >= this.#settings.queueMax) {
      throw new Busy('too many calls wait for Dataverse', this.#settings.queueFullRetryMs)
    }
    const admitted = this.#line.join(signal)
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

  /** Whether every allowed slot is in use. */
  saturated(): boolean {
    return this.#inFlight >= this.#pace.concurrency
  }

  #pump(): void {
    const now = this.#clock.now()
    if (now < this.#pace.pausedUntilMs) this.#line.refuseAll(this.#paused(now))
    while (this.#line.length > 0 && !this.saturated()) {
      if (now < this.#nextStartMs) {
        this.#wakeIn(this.#nextStartMs - now)
        break
      }
      this.#start(now)
      this.#line.admitFirst()
    }
  }

  #start(now: number): void {
    this.#inFlight += 1
    this.#nextStartMs = now + this.#pace.spacingMs
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
