import type { Clock } from '../clock.ts'
import { Busy } from '../errors.ts'
import { Ration, type Sharing } from './ration.ts'
import { type Lane, WaitingLine } from './waiting-line.ts'

/** What a vendor's limits allow. */
export interface GateRules {
  vendor: string
  settings: {
    /** Calls that may wait in each lane; one more is told Busy for queueFullRetryMs. */
    queueMax: number
    queueFullRetryMs: number
  }
  /** Why a caller of the lane, with `ahead` others before, is not to wait. */
  refusal(nowMs: number, lane: Lane, ahead: number): Busy | undefined
  hasSlot(lane: Lane, inFlight: number): boolean
  /** Milliseconds until time allows a start; 0 when it does. */
  waitMs(nowMs: number, lane: Lane): number
  started(nowMs: number): void
}

interface GateOptions {
  rules: GateRules
  clock: Clock
  closing: AbortSignal
  /** Where several replicas share the limits. */
  sharing: Sharing | undefined
}

/**
 * The one gate in front of all calls to a vendor: first come first served, the background behind everybody else.
 * A call starts when the vendor's rules allow it and, where replicas share the limits, a block of the quota does.
 */
export class Gate {
  readonly #rules: GateRules
  readonly #clock: Clock
  readonly #closing: AbortSignal
  readonly #line = new WaitingLine()
  readonly #ration: Ration | undefined
  #inFlight = 0
  #wakeAtMs = Number.POSITIVE_INFINITY

  constructor({ rules, clock, closing, sharing }: GateOptions) {
    this.#rules = rules
    this.#clock = clock
    this.#closing = closing
    this.#ration = sharing && new Ration({ sharing, clock, closing, gate: this })
    const refuse = () => this.#line.refuseAll(new Busy('the connection is closing', 0))
    closing.addEventListener('abort', refuse, { once: true })
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get queued(): number {
    return this.#line.length
  }

  queuedIn(lane: Lane): number {
    return this.#line.lengthOf(lane)
  }

  /** Whether every slot that is there for this replica is in use. */
  get isFull(): boolean {
    return !this.#rules.hasSlot(undefined, this.#inFlight) || this.#ration?.isFull(this.#inFlight) === true
  }

  /** Resolves when one call may start. Throws Busy, or rejects with the signal's reason. */
  async admit(signal: AbortSignal, lane: Lane): Promise<void> {
    signal.throwIfAborted()
    this.#closing.throwIfAborted()
    const now = this.#clock.now()
    const ahead = lane === undefined ? this.#line.lengthOf(undefined) : this.#line.length
    const refusal = this.#rules.refusal(now, lane, ahead)
    if (refusal) throw refusal
    if (ahead === 0 && this.#startsNow(now, lane)) return
    const { queueMax, queueFullRetryMs } = this.#rules.settings
    if (this.#line.lengthOf(lane) >= queueMax) {
      throw new Busy(`too many calls wait for ${this.#rules.vendor}`, queueFullRetryMs)
    }
    const admitted = this.#line.join(signal, lane)
    this.pump()
    await admitted
  }

  release(): void {
    this.#inFlight -= 1
    this.pump()
  }

  /** What was learned cannot wait for the next block. */
  publish(): void {
    this.#ration?.publish()
  }

  refuseAll(refusal: Busy): void {
    this.#line.refuseAll(refusal)
  }

  pump(): void {
    const now = this.#clock.now()
    while (this.#line.length > 0) {
      for (const lane of [undefined, 'background'] as const) {
        const refusal = this.#rules.refusal(now, lane, 0)
        if (refusal) this.#line.refuseLane(lane, refusal)
      }
      // Whatever stops the first lane stops the other too, whose share is the smaller one.
      const lane = this.#line.nextLane
      if (this.#line.length === 0) break
      if (!this.#startsNow(now, lane)) {
        this.#lookAgain(now, lane)
        break
      }
      this.#line.admitFirst()
    }
  }

  #startsNow(now: number, lane: Lane): boolean {
    if (!this.#rules.hasSlot(lane, this.#inFlight) || this.#rules.waitMs(now, lane) > 0) return false
    if (this.#ration && !this.#ration.spend(now, lane)) return false
    this.#inFlight += 1
    this.#rules.started(now)
    return true
  }

  /** Without a slot the end of a call is waited for, and no time. */
  #lookAgain(now: number, lane: Lane): void {
    if (!this.#rules.hasSlot(lane, this.#inFlight)) return
    const waitMs = this.#rules.waitMs(now, lane)
    const atMs = waitMs > 0 ? now + waitMs : this.#ration?.want(now)
    if (atMs !== undefined) this.#wakeAt(atMs)
  }

  /** An earlier wake is armed beside a later one, which then finds nothing to do. */
  #wakeAt(atMs: number): void {
    if (atMs >= this.#wakeAtMs) return
    this.#wakeAtMs = atMs
    const wake = () => {
      if (this.#wakeAtMs === atMs) this.#wakeAtMs = Number.POSITIVE_INFINITY
      if (!this.#closing.aborted) this.pump()
    }
    this.#clock.sleep(Math.max(0, atMs - this.#clock.now()), this.#closing).then(wake, wake)
  }
}
