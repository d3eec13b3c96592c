import type { Clock } from '../clock.ts'
import { Busy } from '../errors.ts'
import { causeCode, type Log } from '../log.ts'
import { askAgainAtMs, type Block, close, openBlock, permits, spend, total } from './block.ts'
import type { Lanes, Learned, Quota, QuotaBlock, QuotaLimits } from './port.ts'
import type { Lane } from './waiting-line.ts'

/** How long things take where replicas share a vendor's limits. */
export interface SharingSettings {
  /** How long starts taken from the quota may be made, and so how long others may not know what one learned. */
  blockMs: number
  /** How long slots are kept for a replica that is not heard of. It is heard of three times as often. */
  leaseMs: number
  /** How soon the quota is asked again for what others have. */
  retryMs: number
  /** How long callers wait for a quota that does not answer. */
  patienceMs: number
}

export interface Sharing {
  quota: Quota
  /** Whose limits: the host of the vendor's origin. */
  name: string
  settings: SharingSettings
  limits: QuotaLimits
  log: Log
  /** The most that is to be started of one block when so many wait. */
  startsFor(waiting: Lanes): Lanes
  lessons: {
    readonly unshared: number
    told(): Learned
    /** The first `published` of what was not shared yet is part of the block's `learned`. */
    adopt(block: QuotaBlock, published: number): void
  }
}

/** What a vendor's room is given to share its limits. */
export type Shared = Pick<Sharing, 'quota' | 'name' | 'log'>

/** The gate that is served. */
interface Served {
  readonly inFlight: number
  queuedIn(lane: Lane): number
  pump(): void
  refuseAll(refusal: Busy): void
}

interface RationOptions {
  sharing: Sharing
  clock: Clock
  closing: AbortSignal
  gate: Served
}

/** What this replica has of the quota: one block, and one question under way at a time. Nothing starts meanwhile. */
export class Ration {
  readonly #sharing: Sharing
  readonly #clock: Clock
  readonly #closing: AbortSignal
  readonly #gate: Served
  #block: Block | undefined
  #isAsking = false
  #isAway = false
  /** Something was learned that others must know soon. */
  #isUrgent = false
  #number = 0
  #version = 0

  constructor({ sharing, clock, closing, gate }: RationOptions) {
    this.#sharing = sharing
    this.#clock = clock
    this.#closing = closing
    this.#gate = gate
  }

  /** All slots are in use, and it is others who have the rest. */
  isFull(inFlight: number): boolean {
    return this.#block?.isShortOfSlots === true && inFlight >= this.#block.slots.calls
  }

  /** Whether a call may start; then it counts as started. */
  spend(now: number, lane: Lane): boolean {
    const block = this.#block
    if (!block || !permits(block, lane, this.#gate.inFlight, now)) return false
    this.#block = spend(block, lane)
    return true
  }

  /** Asks for a block, or gives the epoch ms at which to look again. While a question is under way, neither. */
  want(now: number): number | undefined {
    const { settings } = this.#sharing
    if (this.#isAsking) {
      if (this.#isAway) this.#gate.refuseAll(this.#away())
      return undefined
    }
    const wanted = this.#gate.inFlight + total(this.#waiting())
    const atMs = this.#block ? askAgainAtMs(this.#block, wanted, now, settings.retryMs) : now
    // A clock that was set back must not make calls wait for times that come again.
    if (atMs > now && atMs <= now + settings.blockMs) return atMs
    void this.#ask()
    return undefined
  }

  publish(): void {
    if (this.#sharing.lessons.unshared === 0) return
    this.#isUrgent = true
    if (!this.#isAsking) void this.#ask()
  }

  async #ask(): Promise<void> {
    const { quota, lessons } = this.#sharing
    const wasUrgent = this.#isUrgent
    const sentAtMs = this.#clock.now()
    const ask = this.#nextAsk()
    const published = lessons.unshared
    const answered = new AbortController()
    this.#isAsking = true
    this.#isUrgent = false
    this.#losePatience(answered.signal)
    try {
      const block = await quota.take(ask)
      this.#block = openBlock(block, ask, sentAtMs)
      this.#version = block.version
      this.#isAway = false
      lessons.adopt(block, block.isPublished ? published : 0)
      if (wasUrgent && !block.isPublished) this.#isUrgent = true
    } catch (cause) {
      this.#isUrgent ||= wasUrgent
      this.#lose(cause)
    } finally {
      answered.abort('answered')
      this.#isAsking = false
    }
    if (this.#closing.aborted) return
    this.#tendLater(sentAtMs)
    if (this.#isUrgent && !this.#isAway) void this.#ask()
    this.#gate.pump()
  }

  #nextAsk() {
    const { name, limits, lessons, startsFor } = this.#sharing
    const waiting = this.#waiting()
    const last = this.#block
    // What it says of the block before holds from now on, whether it arrives or not.
    this.#block = last && close(last)
    this.#number += 1
    return {
      name,
      limits,
      number: this.#number,
      spent: { number: last?.number ?? 0, starts: last?.spent ?? 0 },
      inFlight: this.#gate.inFlight,
      waiting,
      starts: startsFor(waiting),
      learned: lessons.told(),
      version: this.#version,
      // The first of all replicas says where everybody begins.
      publishes: lessons.unshared > 0 || this.#version === 0,
    }
  }

  #waiting(): Lanes {
    return { calls: this.#gate.queuedIn(undefined), background: this.#gate.queuedIn('background') }
  }

  /** What an idle replica keeps is given back when its block is over; one that is at work is heard of. */
  #tendLater(sentAtMs: number): void {
    const { blockMs, leaseMs } = this.#sharing.settings
    const number = this.#number
    const tendAt = (atMs: number, isDue: () => boolean) => {
      const tend = () => {
        if (this.#number === number && !this.#closing.aborted && isDue()) void this.#ask()
      }
      this.#clock.sleep(Math.max(0, atMs - this.#clock.now()), this.#closing).then(tend, () => undefined)
    }
    tendAt(sentAtMs + blockMs, () => this.#keepsTooMuch())
    tendAt(sentAtMs + leaseMs / 3, () => this.#gate.inFlight > 0 || this.#isUrgent)
  }

  /** With so few kept by each, another one that begins finds slots enough. */
  #keepsTooMuch(): boolean {
    const { held = 0, living = 1 } = this.#block ?? {}
    const concurrency = this.#sharing.lessons.told().values.concurrency ?? 1
    return held - this.#gate.inFlight > Math.floor(concurrency / (living + 1))
  }

  #losePatience(answered: AbortSignal): void {
    const lose = () => {
      if (!answered.aborted) this.#lose(undefined)
    }
    this.#clock.sleep(this.#sharing.settings.patienceMs, answered).then(lose, () => undefined)
  }

  #lose(cause: unknown): void {
    if (!this.#isAway && !this.#closing.aborted) {
      this.#sharing.log.warn({ event: 'quota-away', cause: causeCode(cause) })
    }
    this.#isAway = true
    this.#gate.refuseAll(this.#away(cause))
  }

  #away(cause?: unknown): Busy {
    return new Busy('the shared quota cannot be reached', this.#sharing.settings.patienceMs, { cause })
  }
}
