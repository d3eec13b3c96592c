import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { recordUrl } from '../flow-action/answer.ts'
import { syncEndpoints } from '../sync/all-endpoints.ts'
import { whyOff } from '../sync/control.ts'
import { readGauges, SYNC_GAUGES } from '../sync/gauges.ts'
import { createReplicatedSync } from '../sync/replicated.ts'
import { usageOf } from '../sync/status.ts'
import type { Parts, Stores } from './service.ts'

export interface BackgroundSync {
  endpoints: readonly FastifyPluginAsync[]
  /** Throws a sentence when the field selection cannot be synced. */
  check(stopping: AbortSignal): Promise<void>
  /** Works until the signal aborts; at once over where there is no background sync. */
  run(stopping: AbortSignal): Promise<void>
}

export interface BackgroundSyncJoints {
  callerOf: (request: FastifyRequest) => string
  stopping: AbortSignal
}

/** The engine, where the configuration wants one, and the endpoints that tell of it either way. */
export function buildBackgroundSync(
  parts: Parts,
  stores: Stores,
  { callerOf, stopping }: BackgroundSyncJoints,
): BackgroundSync {
  const { config, bounds, selection, clock, random, log, metrics } = parts
  const { dataverse, marketo, store: requests, syncStore: store, leases, pairing } = stores
  const off = whyOff(config)
  if (off) log.info({ event: 'sync-off', code: off.code }, off.advice)
  const settings = {
    ...bounds.sync,
    intervalMs: config.syncIntervalSeconds * 1_000,
    retentionMs: config.retentionDays * 86_400_000,
    // One process has the file: however long it sleeps, nobody takes over.
    ...(config.store.kind === 'sqlite' && { leaseMs: Number.POSITIVE_INFINITY }),
  }
  const ports = { clock, random, log, replica: random.uuid() }
  const sync =
    off || !marketo
      ? undefined
      : createReplicatedSync({
          fault: () => pairing.fault,
          dataverse,
          marketo,
          store,
          leases,
          selection,
          settings,
          ...ports,
        })
  const control = sync?.control
  const usage = usageOf.bind(undefined, dataverse, marketo)
  metrics.gauges(SYNC_GAUGES, () => readGauges({ control, store, usage, clock }))
  return {
    endpoints: syncEndpoints({
      ...(control && { control }),
      off,
      store,
      requests,
      metadata: dataverse.metadata,
      ...(marketo && { schema: marketo.schema }),
      selection,
      usage,
      config,
      recordUrl: recordUrl.bind(undefined, config.dataverseUrl),
      callerOf,
      clock,
      stopping,
    }),
    check: async (signal) => sync?.check(signal),
    run: async (signal) => sync?.run(signal),
  }
}
