import type { Lessons } from '../limits/lessons.ts'
import type { Learned } from '../limits/port.ts'
import type { Shared, Sharing } from '../limits/ration.ts'
import { type Pace, type PaceEvent, startingPace } from './pace.ts'
import type { DataverseSettings } from './settings.ts'

/** What replicas share of Dataverse's limits: slots, spacing, and all of the pace. */
export function sharedPace(
  shared: Shared,
  settings: DataverseSettings,
  lessons: Lessons<Pace, PaceEvent>,
): Sharing {
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
