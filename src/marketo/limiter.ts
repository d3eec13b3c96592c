import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Busy } from '../errors.ts'
import { Gate } from '../limits/gate.ts'
import { Lessons } from '../limits/lessons.ts'
import type { Learned, QuotaBlock } from '../limits/port.ts'
import type { Shared, Sharing } from '../limits/ration.ts'
import type { Lane } from '../limits/waiting-line.ts'
import type { MarketoSettings } from './settings.ts'

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

/** What this service has used of its share, and what is left at this moment. Remembered in memory only. */
export interface Budget {
  /** Epoch ms of the calls that started within the last window, oldest first. */
  startsMs: readonly number[]
  /** Calls since the last midnight in US Central time, and when the next one is. */
  day: { calls: number; endsAtMs: number }
  /** Calls at a time. */
  concurrency: number
  /** Epoch ms of the last lowering of `concurrency`, and of the last step up since. */
  loweredAtMs: number
  raisedAtMs: number
  /** Epoch ms; no call starts before. */
  pausedUntilMs: number
}

export type BudgetEvent =
  | { kind: 'started' }
  | { kind: 'served' }
  /** 606: too many calls in the window, by all integrations together. */
  | { kind: 'window-full' }
  /** 615: too many calls at a time, by all integrations together. */
  | { kind: 'too-many-at-once'; startedAtMs: number }
  /** 607: the subscription's calls of this day are used up. */
  | { kind: 'day-used-up' }

/** What one lane may use of the calls in a window, of a day, and at a time. */
export interface Share {
  windowCallsMax: number
  windowMs: number
  dailyCallsMax: number
  /** Calls at a time that are left to others. */
  reservedConcurrency: number
}

export function shareOf(lane: Lane, settings: MarketoSettings): Share {
  const { windowCallsMax, windowMs, dailyCallsMax, reservedConcurrency } = settings
  if (lane === undefined) return { windowCallsMax, windowMs, dailyCallsMax, reservedConcurrency: 0 }
  return {
    windowCallsMax: Math.max(1, windowCallsMax - settings.reservedWindowCalls),
    windowMs,
    dailyCallsMax: Math.floor((dailyCallsMax * (100 - settings.reservedDailyPercent)) / 100),
    reservedConcurrency,
  }
}

export function fullBudget(settings: MarketoSettings): Budget {
  return {
    startsMs: [],
    day: { calls: 0, endsAtMs: Number.NEGATIVE_INFINITY },
    concurrency: settings.concurrencyMax,
    loweredAtMs: Number.NEGATIVE_INFINITY,
    raisedAtMs: Number.NEGATIVE_INFINITY,
    pausedUntilMs: Number.NEGATIVE_INFINITY,
  }
}

/** Source: Adobe, "Marketo REST API" (limits) and "Marketo REST API error codes". */
export function nextBudget(
  budget: Budget,
  event: BudgetEvent,
  nowMs: number,
  settings: MarketoSettings,
): Budget {
  switch (event.kind) {
    case 'started':
      return {
        ...budget,
        startsMs: [...startsWithin(budget, nowMs, settings), nowMs],
        day: dayAfterStart(budget.day, nowMs),
      }
    case 'served':
      return raise(budget, nowMs, settings)
    case 'window-full':
      return pausedUntil(budget, nowMs + settings.windowMs)
    case 'day-used-up':
      return pausedUntil(budget, quotaResetMs(nowMs, settings))
    case 'too-many-at-once': {
      // The calls in flight at a lowering may all come back refused; together they are one refusal.
      if (event.startedAtMs <= budget.loweredAtMs) return budget
      const concurrency = Math.max(1, Math.floor(budget.concurrency / 2))
      return { ...budget, concurrency, loweredAtMs: nowMs, raisedAtMs: nowMs }
    }
    default:
      return event satisfies never
  }
}

/** Epoch ms at which time allows one more call when `ahead` others go first; never before `nowMs`. */
export function freeAtMs(budget: Budget, nowMs: number, ahead: number, share: Share): number {
  const starts = startsWithin(budget, nowMs, share)
  const leaving = starts.length + ahead - share.windowCallsMax
  const windowFreeAtMs = leaving < 0 ? nowMs : (starts[leaving] ?? nowMs) + share.windowMs
  const { calls, endsAtMs } = budget.day
  const dayIsUsed = nowMs < endsAtMs && calls + ahead >= share.dailyCallsMax
  return Math.max(nowMs, budget.pausedUntilMs, windowFreeAtMs, dayIsUsed ? endsAtMs : nowMs)
}

/** Whether every slot of the lane is in use. One is always there: only calls that are served raise it again. */
function saturated({ concurrency }: Budget, inFlight: number, share: Share): boolean {
  return inFlight >= Math.max(1, concurrency - share.reservedConcurrency)
}

/** Epoch ms at which Marketo's daily quotas start anew; a refusal just after midnight is still yesterday's. */
export function quotaResetMs(nowMs: number, { dayEndSlackMs }: MarketoSettings): number {
  return nextCentralMidnightMs(nowMs - dayEndSlackMs) + dayEndSlackMs
}

/** A clock that was set back must not make calls wait for times that come again. */
function startsWithin({ startsMs }: Budget, nowMs: number, { windowMs }: Pick<Share, 'windowMs'>) {
  return startsMs.filter((startMs) => startMs > nowMs - windowMs && startMs <= nowMs)
}

function dayAfterStart({ calls, endsAtMs }: Budget['day'], nowMs: number): Budget['day'] {
  if (nowMs < endsAtMs) return { calls: calls + 1, endsAtMs }
  return { calls: 1, endsAtMs: nextCentralMidnightMs(nowMs) }
}

function pausedUntil(budget: Budget, untilMs: number): Budget {
  return { ...budget, pausedUntilMs: Math.max(budget.pausedUntilMs, untilMs) }
}

function raise(budget: Budget, nowMs: number, settings: MarketoSettings): Budget {
  if (budget.concurrency >= settings.concurrencyMax) return budget
  const steps = Math.floor((nowMs - budget.raisedAtMs) / settings.recoverEveryMs)
  if (steps < 1) return budget
  return {
    ...budget,
    concurrency: Math.min(settings.concurrencyMax, budget.concurrency + steps),
    raisedAtMs: budget.raisedAtMs + steps * settings.recoverEveryMs,
  }
}

/** What replicas share of Marketo's limits: the window, the day, calls at a time, and what refusals taught. */
function sharedBudget(
  shared: Shared,
  settings: MarketoSettings,
  lessons: Lessons<Budget, BudgetEvent>,
): Sharing {
  const everybody = shareOf(undefined, settings)
  const background = shareOf('background', settings)
  return {
    ...shared,
    settings: settings.sharing,
    limits: {
      ...settings.sharing,
      slotsMax: settings.concurrencyMax,
      reservedSlots: settings.reservedConcurrency,
      reservedSlotShare: 0,
      window: {
        ms: settings.windowMs,
        startsPerSlot: settings.startsPerSlot,
        calls: everybody.windowCallsMax,
        background: background.windowCallsMax,
      },
      day: {
        zone: CENTRAL_ZONE,
        calls: everybody.dailyCallsMax,
        background: background.dailyCallsMax,
      },
    },
    startsFor: (waiting) => waiting,
    lessons: {
      get unshared() {
        return lessons.unshared
      },
      told: () => toLearned(lessons.state),
      adopt: (block, published) => lessons.adopt(toBudget(block, settings), published),
    },
  }
}

function toLearned({ concurrency, pausedUntilMs, loweredAtMs, raisedAtMs }: Budget): Learned {
  return { values: { concurrency }, times: { pausedUntilMs, loweredAtMs, raisedAtMs } }
}

/** Another replica may have other settings; nobody goes beyond its own. */
function toBudget(
  { learned: { values, times }, recentMs, day }: QuotaBlock,
  settings: MarketoSettings,
): Budget {
  const start = fullBudget(settings)
  return {
    startsMs: recentMs,
    day: day ?? start.day,
    concurrency: Math.min(values.concurrency ?? start.concurrency, settings.concurrencyMax),
    loweredAtMs: times.loweredAtMs ?? start.loweredAtMs,
    raisedAtMs: times.raisedAtMs ?? start.raisedAtMs,
    pausedUntilMs: times.pausedUntilMs ?? start.pausedUntilMs,
  }
}

const CENTRAL_ZONE = 'America/Chicago'

const wall = new Intl.DateTimeFormat('en-US', {
  timeZone: CENTRAL_ZONE,
  hourCycle: 'h23',
  ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
  ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
})

/**
 * Epoch ms of the first midnight after `nowMs` in US Central time, daylight saving minded.
 * Source: Adobe, "Marketo REST API error codes", 607: the daily quota starts anew at 00:00 Central.
 */
export function nextCentralMidnightMs(nowMs: number): number {
  const { year, month, day } = wallClock(nowMs)
  const midnightOnTheWall = Date.UTC(year, month - 1, day + 1)
  const estimate = midnightOnTheWall - offsetMs(nowMs)
  // The offset may change on the way there, but never at midnight: it does so at two in the morning.
  return midnightOnTheWall - offsetMs(estimate)
}

/** What the clock on a wall in Chicago is ahead of UTC: -5 or -6 hours. */
function offsetMs(atMs: number): number {
  const { year, month, day, hour, minute, second } = wallClock(atMs)
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1_000) * 1_000
}

function wallClock(atMs: number) {
  const parts = new Map(wall.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]))
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? Number.NaN
  return {
    year: part('year'),
    month: part('month'),
    day: part('day'),
    hour: part('hour'),
    minute: part('minute'),
    second: part('second'),
  }
}
