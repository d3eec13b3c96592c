import type { Lessons } from '../limits/lessons.ts'
import type { Learned, QuotaBlock } from '../limits/port.ts'
import type { Shared, Sharing } from '../limits/ration.ts'
import { type Budget, type BudgetEvent, fullBudget, shareOf } from './budget.ts'
import { CENTRAL_ZONE } from './central-day.ts'
import type { MarketoSettings } from './settings.ts'

/** What replicas share of Marketo's limits: the window, the day, calls at a time, and what refusals taught. */
export function sharedBudget(
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
