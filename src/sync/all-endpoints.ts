import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { askSeldom } from '../abort.ts'
import type { Clock } from '../clock.ts'
import type { Metadata } from '../dataverse/metadata.ts'
import type { Schema } from '../marketo/schema.ts'
import type { FieldSelection } from '../person/selection.ts'
import type { RecordType, Store } from '../store/port.ts'
import type { SyncStore } from '../store/sync-port.ts'
import type { Blocked, SyncControl, SyncRun } from './control.ts'
import { syncEndpoint } from './endpoints.ts'
import { reportFields } from './field-report.ts'
import { findingsEndpoint } from './findings-endpoints.ts'
import type { Usage } from './status.ts'

export interface SyncEndpointsOptions {
  /** Absent: `off` says why. */
  control?: SyncControl
  off: Blocked | undefined
  store: SyncStore
  requests: Pick<Store, 'readWaiting'>
  metadata: Metadata
  /** Absent: Marketo is not configured. */
  schema?: Schema
  selection: FieldSelection
  usage: () => Usage
  config: { syncIntervalSeconds: number; restDeadlineMs: number; statusCacheSeconds: number }
  recordUrl: (recordType: RecordType, recordId: string) => string
  callerOf: (request: FastifyRequest) => string
  clock: Clock
  stopping: AbortSignal
}

/** Every endpoint of the background sync, whether it runs or not. */
export function syncEndpoints(options: SyncEndpointsOptions): FastifyPluginAsync[] {
  const { control, off, store, metadata, schema, selection, usage, config, clock, stopping } = options
  const { recordUrl, callerOf } = options
  const run: SyncRun = control ? { kind: 'on', control } : { kind: 'off', blocked: off ?? STOPPED }
  const sides = { selection, metadata, store, ...(schema && { schema }) }
  return [
    syncEndpoint({
      run,
      store,
      requests: options.requests,
      fields: askSeldom((call) => reportFields(sides, call), {
        keptMs: config.statusCacheSeconds * 1_000,
        clock,
        closing: stopping,
      }),
      usage,
      intervalSeconds: config.syncIntervalSeconds,
      clock,
      deadlineMs: config.restDeadlineMs,
      stopping,
    }),
    findingsEndpoint({ run, store, recordUrl, callerOf, clock }),
  ]
}

const STOPPED: Blocked = { code: 'sync-off', advice: 'Start the service with SYNC_INTERVAL_SECONDS above 0.' }
