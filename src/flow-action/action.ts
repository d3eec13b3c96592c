import type { Logger } from 'pino'
import type { Clock, Random } from '../clock.ts'
import type { Dataverse } from '../dataverse/dataverse.ts'
import type { Jobs } from '../jobs/port.ts'
import type { ReadPerson } from '../marketo/people.ts'
import type { FieldSelection } from '../person/selection.ts'
import type { DeriveRecordId, Outcome, Store } from '../store/port.ts'
import { Attempts } from './attempts.ts'
import { CompletePerson } from './complete-person.ts'
import { FlowAction } from './flow-action.ts'
import { Heartbeat } from './heartbeat.ts'
import { KnownPeople } from './known-people.ts'
import { PrepareRecord } from './prepare-record.ts'
import { SyncPerson } from './sync-person.ts'
import { Worker } from './worker.ts'

export interface ActionOptions {
  dataverse: Pick<Dataverse, 'records' | 'gathered' | 'metadata' | 'owners'>
  /** Absent where Marketo cannot be asked. */
  readPerson?: ReadPerson
  store: Store
  jobs: Jobs
  selection: FieldSelection
  recordIdOf: DeriveRecordId
  clock: Clock
  random: Random
  log: Logger
  /** Told of every outcome. */
  settled: (outcome: Outcome) => void
  settings: {
    restDeadlineMs: number
    webhookDeadlineMs: number
    dataverseCallTimeoutMs: number
    linkTrustSeconds: number
    recoveryIntervalSeconds: number
    giveUpAfterHours: number
    retentionDays: number
    /** People of batch campaigns who are under way at the same time. */
    batchConcurrencyMax: number
  }
}

/** Waits between tries within an attempt, and between attempts. */
const TRY_BACKOFF = { baseMs: 250, maxMs: 5_000 }
const ATTEMPT_BACKOFF = { baseMs: 2_000, maxMs: 300_000 }
/** Holds two shared calls of many rows, each of which Dynamics may take minutes for. */
const BATCH_ATTEMPT_MS = 600_000
/** A lease outlives the attempt that it covers. */
const LEASE_MARGIN_MS = 15_000
/** Three beats fit into the time for which a job is held: see jobs/port.ts. */
const HEARTBEAT_INTERVAL_MS = 3_000
/** What works beside a poisonous job dies with it, and is no poison: hence neither fewer nor sooner. */
const POISON = { crashes: 10, ageMs: 600_000 }
/** Well within any endpoint's deadline. */
const KNOWN_PEOPLE = { answerMs: 5_000, believedMs: 60_000, rememberedMax: 10_000 }
const TWIN_POLL_MS = 100
const REAL_TIME_CONCURRENCY_MAX = 32
const PRUNE_INTERVAL_MS = 3_600_000
const PRUNE_PAGE_MAX = 500

/** Builds this room; does nothing until the first request or tick. */
export function createAction(options: ActionOptions) {
  const { dataverse, readPerson, store, jobs, selection, recordIdOf, clock, random, log, settings } = options
  const deadlineMs = Math.max(settings.restDeadlineMs, settings.webhookDeadlineMs)
  const attemptMs = deadlineMs + settings.dataverseCallTimeoutMs
  const leaseMs = attemptMs + LEASE_MARGIN_MS
  const batchLeaseMs = BATCH_ATTEMPT_MS + LEASE_MARGIN_MS
  const { records, gathered, metadata, owners } = dataverse
  const syncPerson = new SyncPerson({
    store,
    records,
    gathered,
    prepare: new PrepareRecord({ metadata, owners, selection, log }),
    ...(readPerson && {
      complete: new CompletePerson({ readPerson, selection, clock, log }),
      known: new KnownPeople({ readPerson, clock, log, limits: KNOWN_PEOPLE }),
    }),
    recordIdOf,
    clock,
    random,
    limits: {
      leaseMs,
      backgroundLeaseMs: batchLeaseMs,
      linkTrustMs: settings.linkTrustSeconds * 1_000,
      twinPollMs: TWIN_POLL_MS,
      backoff: TRY_BACKOFF,
    },
  })
  const heartbeat = new Heartbeat({ jobs, clock, log, intervalMs: HEARTBEAT_INTERVAL_MS })
  const attempts = new Attempts({
    syncPerson,
    store,
    jobs,
    heartbeat,
    clock,
    random,
    log,
    settled: options.settled,
    limits: {
      attemptMs: { 'real-time': attemptMs, batch: BATCH_ATTEMPT_MS },
      backoff: ATTEMPT_BACKOFF,
      giveUpMs: settings.giveUpAfterHours * 3_600_000,
    },
  })
  const worker = new Worker({
    attempts,
    store,
    jobs,
    clock,
    log,
    limits: workerLimits(settings, leaseMs, batchLeaseMs),
  })
  const flowAction = new FlowAction({ store, attempts, worker, clock, leaseMs, twinPollMs: TWIN_POLL_MS })
  return { attempts, heartbeat, worker, flowAction }
}

function workerLimits(settings: ActionOptions['settings'], leaseMs: number, batchLeaseMs: number) {
  return {
    lanes: {
      'real-time': { concurrencyMax: REAL_TIME_CONCURRENCY_MAX, leaseMs },
      batch: { concurrencyMax: settings.batchConcurrencyMax, leaseMs: batchLeaseMs },
    },
    intervalMs: settings.recoveryIntervalSeconds * 1_000,
    retentionMs: settings.retentionDays * 86_400_000,
    pruneIntervalMs: PRUNE_INTERVAL_MS,
    prunePageMax: PRUNE_PAGE_MAX,
    poison: POISON,
  }
}
