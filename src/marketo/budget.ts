import type { Lane } from '../limits/waiting-line.ts'
import { nextCentralMidnightMs } from './central-day.ts'
import type { MarketoSettings } from './settings.ts'

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
export function saturated({ concurrency }: Budget, inFlight: number, share: Share): boolean {
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
