import type { Clock } from '../clock.ts'
import { StoreUnavailable } from '../errors.ts'
import type { SyncStore } from '../store/sync-port.ts'
import type { SyncControl } from './control.ts'
import type { Usage } from './status.ts'

export interface GaugesOptions {
  /** undefined = there is no background sync, and only the calls are told. */
  control: Pick<SyncControl, 'status'> | undefined
  store: Pick<SyncStore, 'readState' | 'backlog'>
  usage: () => Usage
  clock: Clock
}

interface Sample {
  name: string
  value: number
  labels?: Readonly<Record<string, string>>
}

/** What each gauge of the background sync tells, by name. */
export const SYNC_GAUGES = {
  sync_backlog_records: 'Records with changes that have not been synced, by priority (live, initial).',
  sync_lag_seconds: 'Age of the oldest change that has not been synced.',
  sync_stream_age_seconds: 'Time since each stream was last read to its end.',
  sync_open_failures: 'Open failures of the background sync.',
  sync_paused: '1 while the background sync is paused.',
  sync_blocked: '1 while the background sync cannot run; GET /v1/sync/status gives the reason.',
  sync_last_cycle_seconds: 'Duration of the last cycle, by its result (done, partial, failed).',
  sync_last_cycle_started_timestamp_seconds: 'Start of the last cycle, in seconds since the Unix epoch.',
  marketo_calls_today: 'Calls of this service to Marketo since midnight in US Central time.',
  marketo_calls_daily_max: "This service's share of the subscription's calls a day.",
  marketo_throttled_calls: 'Calls that Marketo refused because of a limit, since the start.',
  dataverse_calls: 'Calls to Dataverse since the start.',
  dataverse_throttled_calls: 'Calls that Dataverse answered with 429, since the start.',
}

/** The gauges as they are now; those that have nothing to tell are left out. */
export async function readGauges({ control, store, usage, clock }: GaugesOptions): Promise<Sample[]> {
  const { dynamics, marketo } = usage()
  const samples: Sample[] = [
    { name: 'dataverse_calls', value: dynamics.calls },
    { name: 'dataverse_throttled_calls', value: dynamics.throttled },
  ]
  if (marketo) {
    samples.push(
      { name: 'marketo_calls_today', value: marketo.callsToday },
      { name: 'marketo_calls_daily_max', value: marketo.dailyCallsMax },
      { name: 'marketo_throttled_calls', value: marketo.throttled },
    )
  }
  return control ? [...samples, ...(await readSyncGauges(control, store, clock))] : samples
}

/** None while the database cannot be used: the other numbers are needed most then. */
async function readSyncGauges(
  control: Pick<SyncControl, 'status'>,
  store: GaugesOptions['store'],
  clock: Clock,
): Promise<Sample[]> {
  try {
    return await askForSyncGauges(control, store, clock)
  } catch (error) {
    if (error instanceof StoreUnavailable) return []
    throw error
  }
}

async function askForSyncGauges(
  control: Pick<SyncControl, 'status'>,
  store: GaugesOptions['store'],
  clock: Clock,
): Promise<Sample[]> {
  const { blocked, lastCycle } = await control.status()
  const { paused, cursors } = await store.readState()
  const { live, initial, oldestDirtyAt, openFailures } = await store.backlog()
  const lagMs = oldestDirtyAt === undefined ? 0 : Math.max(0, clock.now() - oldestDirtyAt)
  const samples: Sample[] = [
    { name: 'sync_backlog_records', value: live, labels: { priority: 'live' } },
    { name: 'sync_backlog_records', value: initial, labels: { priority: 'initial' } },
    { name: 'sync_lag_seconds', value: lagMs / 1_000 },
    ...cursors.flatMap(({ stream, readAt }) =>
      readAt === undefined
        ? []
        : {
            name: 'sync_stream_age_seconds',
            value: Math.max(0, clock.now() - readAt) / 1_000,
            labels: { stream },
          },
    ),
    { name: 'sync_open_failures', value: openFailures },
    { name: 'sync_paused', value: Number(paused) },
    { name: 'sync_blocked', value: Number(blocked !== undefined) },
  ]
  if (!lastCycle) return samples
  const { result, tookMs, startedAt } = lastCycle
  samples.push(
    { name: 'sync_last_cycle_seconds', value: tookMs / 1_000, labels: { result } },
    { name: 'sync_last_cycle_started_timestamp_seconds', value: startedAt / 1_000 },
  )
  return samples
}
