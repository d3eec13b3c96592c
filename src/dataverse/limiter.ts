import type { Clock } from '../clock.ts'
import { Busy } from '../errors.ts'
import { Gate } from '../limits/gate.ts'
import { Lessons } from '../limits/lessons.ts'
import type { Learned } from '../limits/port.ts'
import type { Shared, Sharing } from '../limits/ration.ts'
import type { Lane } from '../limits/waiting-line.ts'
import type { DataverseSettings } from './settings.ts'
import type { ThrottleCause } from './verdict.ts'

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

/** What a 429 lowers. */
interface Level {
  /** Calls at a time. */
  concurrency: number
  /** Least time between the starts of two calls. */
  spacingMs: number
  /** Operations to put into one $batch. */
  batchSize: number
}

/** How hard we may push at this moment. */
export interface Pace extends Level {
  /** The level at which the last 429 came, in each of the three: the way back to it is quick. */
  before: Level
  /** Epoch ms; no call starts before. */
  pausedUntilMs: number
  /** Until the first 429 the way up is quick, afterwards it is a step for each quiet interval. */
  proven: boolean
  /** Epoch ms of the last lowering, and of the last step up since. */
  loweredAtMs: number
  raisedAtMs: number
}

export type PaceEvent =
  /** x-ms-dop-hint of the first reply that carries one. */
  | { kind: 'hint'; concurrency: number }
  /** A call was served; `saturated` when every allowed slot was in use. */
  | { kind: 'served'; saturated: boolean }
  | { kind: 'throttled'; cause: ThrottleCause; startedAtMs: number; retryAfterMs: number }
  /** Told to wait without being throttled: a 503 with Retry-After. */
  | { kind: 'pause'; retryAfterMs: number }
  /** A batch of rows took long, answered or not. */
  | { kind: 'slow'; operations: number }

export function startingPace(settings: DataverseSettings): Pace {
  const level = {
    concurrency: Math.min(settings.concurrencyStart, settings.concurrencyMax),
    spacingMs: 0,
    batchSize: settings.batchSizeMax,
  }
  return {
    ...level,
    before: level,
    pausedUntilMs: 0,
    proven: false,
    loweredAtMs: Number.NEGATIVE_INFINITY,
    raisedAtMs: 0,
  }
}

/**
 * Additive increase, multiplicative decrease, told apart by the three service protection limits.
 * The hint is a place to start and no ceiling; nothing but a 429 lowers, save that slow batches get smaller.
 * Source: Microsoft Learn, "Service protection API limits" and "Send parallel requests".
 */
export function nextPace(pace: Pace, event: PaceEvent, nowMs: number, settings: DataverseSettings): Pace {
  switch (event.kind) {
    case 'hint':
      return pace.proven
        ? pace
        : {
            ...pace,
            concurrency: Math.min(Math.max(pace.concurrency, event.concurrency), settings.concurrencyMax),
          }
    case 'served':
      return raise(pace, event.saturated, nowMs, settings)
    case 'pause':
      return pausedFor(pace, event.retryAfterMs, nowMs)
    case 'throttled': {
      const paused = pausedFor(pace, event.retryAfterMs, nowMs)
      // The calls in flight at a lowering all come back refused; together they are one refusal.
      if (event.startedAtMs <= pace.loweredAtMs) return paused
      const lowered = { ...paused, proven: true, loweredAtMs: nowMs, raisedAtMs: paused.pausedUntilMs }
      const less = lower(pace, event.cause, settings)
      const { concurrency, spacingMs, batchSize } = pace
      const before = {
        ...pace.before,
        ...(less.concurrency !== undefined && { concurrency }),
        ...(less.spacingMs !== undefined && { spacingMs }),
        ...(less.batchSize !== undefined && { batchSize }),
      }
      return { ...lowered, ...less, before }
    }
    case 'slow': {
      const batchSize = Math.max(1, Math.min(pace.batchSize, Math.floor(event.operations / 2)))
      const before = { ...pace.before, batchSize: Math.min(pace.before.batchSize, batchSize) }
      return { ...pace, proven: true, raisedAtMs: Math.max(pace.raisedAtMs, nowMs), batchSize, before }
    }
    default:
      return event satisfies never
  }
}

function pausedFor(pace: Pace, retryAfterMs: number, nowMs: number): Pace {
  return { ...pace, pausedUntilMs: Math.max(pace.pausedUntilMs, nowMs + retryAfterMs) }
}

function lower(pace: Pace, cause: ThrottleCause, settings: DataverseSettings): Partial<Level> {
  const concurrency = Math.max(1, Math.floor(pace.concurrency / 2))
  switch (cause) {
    case 'requests':
      return {
        spacingMs: Math.min(settings.spacingMaxMs, Math.max(settings.spacingFirstMs, pace.spacingMs * 2)),
      }
    case 'execution-time':
      return { concurrency, batchSize: Math.max(1, Math.floor(pace.batchSize / 2)) }
    case 'concurrency':
    case 'other':
      return { concurrency }
    default:
      return cause satisfies never
  }
}

function raise(pace: Pace, saturated: boolean, nowMs: number, settings: DataverseSettings): Pace {
  if (!pace.proven) {
    return saturated && pace.concurrency < settings.concurrencyMax
      ? { ...pace, concurrency: pace.concurrency + 1 }
      : pace
  }
  const { before } = pace
  const isBack =
    pace.concurrency >= before.concurrency &&
    pace.spacingMs <= before.spacingMs &&
    pace.batchSize >= before.batchSize
  if (!isBack) return climb(pace, nowMs)
  const steps = Math.floor((nowMs - pace.raisedAtMs) / settings.recoverEveryMs)
  if (steps < 1) return pace
  return {
    ...pace,
    concurrency: Math.min(settings.concurrencyMax, pace.concurrency + steps),
    spacingMs: Math.max(0, pace.spacingMs - steps * settings.spacingStepMs),
    batchSize: Math.min(settings.batchSizeMax, pace.batchSize + steps * settings.batchSizeStep),
    raisedAtMs: pace.raisedAtMs + steps * settings.recoverEveryMs,
  }
}

/** One step of the way back to where the last 429 came; the whole way takes `CLIMB_STEPS` of them at most. */
const CLIMB_EVERY_MS = 1_000
const CLIMB_STEPS = 10

/** The vendor's word is over: in ten seconds the pace is what it was, and the careful steps begin only there. */
function climb(pace: Pace, nowMs: number): Pace {
  const steps = Math.floor((nowMs - pace.raisedAtMs) / CLIMB_EVERY_MS)
  if (steps < 1) return pace
  const { before } = pace
  const more = (now: number, then: number) =>
    Math.max(now, Math.min(then, now + steps * Math.ceil(then / CLIMB_STEPS)))
  const halved = Math.floor(pace.spacingMs / 2 ** steps)
  return {
    ...pace,
    concurrency: more(pace.concurrency, before.concurrency),
    spacingMs: Math.min(pace.spacingMs, Math.max(before.spacingMs, halved)),
    batchSize: more(pace.batchSize, before.batchSize),
    raisedAtMs: pace.raisedAtMs + steps * CLIMB_EVERY_MS,
  }
}

/** What replicas share of Dataverse's limits: slots, spacing, and all of the pace. */
function sharedPace(shared: Shared, settings: DataverseSettings, lessons: Lessons<Pace, PaceEvent>): Sharing {
  const { blockCallsMax } = settings
  return {
    ...shared,
    settings: settings.sharing,
    limits: {
      ...settings.sharing,
      slotsMax: settings.concurrencyMax,
      reservedSlots: 1,
      reservedSlotShare: settings.backgroundReserveShare,
    },
    // Where starts are spaced, who takes more of them than it needs keeps others from theirs.
    startsFor: (waiting) =>
      lessons.state.spacingMs > 0 ? waiting : { calls: blockCallsMax, background: blockCallsMax },
    lessons: {
      get unshared() {
        return lessons.unshared
      },
      told: () => toLearned(lessons.state),
      adopt: ({ learned }, published) => lessons.adopt(toPace(learned, settings), published),
    },
  }
}

function toLearned(pace: Pace): Learned {
  const { concurrency, spacingMs, batchSize, before, proven, pausedUntilMs, loweredAtMs, raisedAtMs } = pace
  return {
    values: {
      ...{ concurrency, spacingMs, batchSize, proven: proven ? 1 : 0 },
      concurrencyBefore: before.concurrency,
      spacingMsBefore: before.spacingMs,
      batchSizeBefore: before.batchSize,
    },
    times: { pausedUntilMs, loweredAtMs, raisedAtMs },
  }
}

/** Another replica may have other settings; nobody goes beyond its own. */
function toPace({ values, times }: Learned, settings: DataverseSettings): Pace {
  const start = startingPace(settings)
  return {
    concurrency: Math.min(values.concurrency ?? start.concurrency, settings.concurrencyMax),
    spacingMs: values.spacingMs ?? start.spacingMs,
    batchSize: Math.min(values.batchSize ?? start.batchSize, settings.batchSizeMax),
    before: {
      concurrency: Math.min(values.concurrencyBefore ?? start.concurrency, settings.concurrencyMax),
      spacingMs: values.spacingMsBefore ?? start.spacingMs,
      batchSize: Math.min(values.batchSizeBefore ?? start.batchSize, settings.batchSizeMax),
    },
    proven: values.proven === 1,
    pausedUntilMs: times.pausedUntilMs ?? start.pausedUntilMs,
    loweredAtMs: times.loweredAtMs ?? start.loweredAtMs,
    raisedAtMs: times.raisedAtMs ?? start.raisedAtMs,
  }
}
