import { join } from 'node:path'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import packageJson from '../package.json' with { type: 'json' }
import { answerSchemas } from './action/answer-schemas.ts'
import { Attempts } from './action/attempts.ts'
import { CompletePerson } from './action/complete-person.ts'
import { FlowAction } from './action/flow-action.ts'
import { peopleDoor } from './action/people.ts'
import { PrepareRecord } from './action/prepare-record.ts'
import { restDoor } from './action/rest.ts'
import { SyncPerson } from './action/sync-person.ts'
import { webhookDoor } from './action/webhook.ts'
import { Worker } from './action/worker.ts'
import { type Clock, type Random, systemClock, systemRandom } from './clock.ts'
import type { Config } from './config.ts'
import { createDataverse, type Dataverse } from './dataverse/dataverse.ts'
import { createApp, DEFAULT_HTTP_LIMITS } from './http/app.ts'
import { API_KEY_NAME } from './http/auth.ts'
import { createMetrics, type Metrics } from './http/metrics.ts'
import type { Jobs } from './jobs/port.ts'
import { SqliteJobs } from './jobs/sqlite.ts'
import { createLog } from './log.ts'
import { createMarketo, type Marketo } from './marketo/marketo.ts'
import { recordIdOf } from './person/identity.ts'
import { defaultSelection, type FieldSelection, parseSelection } from './person/selection.ts'
import type { DeriveRecordId, Store } from './store/port.ts'
import { Database } from './store/sqlite/database.ts'
import { SqliteStore } from './store/sqlite/store.ts'

/** What the outside world gives; everything else is built here. */
export interface Ports {
  clock: Clock
  random: Random
  log: Logger
}

export interface Service extends AsyncDisposable {
  app: FastifyInstance
  /** Takes up unfinished work and listens. Gives the address. */
  start(): Promise<string>
  /** Not ready at once; running requests finish within the grace, the rest stays queued. Idempotent. */
  close(): Promise<void>
}

/** Waits between tries within an attempt, and between attempts. */
const TRY_BACKOFF = { baseMs: 250, maxMs: 5_000 }
const ATTEMPT_BACKOFF = { baseMs: 2_000, maxMs: 300_000 }
/** A lease outlives the attempt that it covers. */
const LEASE_MARGIN_MS = 15_000
const TWIN_POLL_MS = 100
const WORKER_CONCURRENCY_MAX = 32
const PRUNE_INTERVAL_MS = 3_600_000
const PRUNE_PAGE_MAX = 500

/** The one place where things are built. Throws an Error with a sentence for an operator. */
export async function createService(config: Config, ports: Partial<Ports> = {}): Promise<Service> {
  const { clock = systemClock, random = systemRandom, log = createLog({ level: config.logLevel }) } = ports
  const parts: Parts = {
    config,
    clock,
    random,
    log,
    selection: selectionOf(config),
    metrics: createMetrics(),
  }
  for (const warning of config.warnings) log.warn({ event: 'configuration' }, warning)

  const dataverse = buildDataverse(parts)
  const marketo = buildMarketo(parts)
  const organisation = new URL(config.dataverseUrl).host
  const deriveRecordId: DeriveRecordId = recordIdOf.bind(undefined, organisation)
  const database = new Database({ path: join(config.store.directory, 'sync-person.sqlite') })
  const jobs = new SqliteJobs(database)
  const store = new SqliteStore({ database, jobs, deriveRecordId })
  const action = buildAction(parts, { dataverse, marketo, store, jobs, deriveRecordId })
  const stopping = new AbortController()
  const app = await buildApp(parts, store, action.flowAction, stopping.signal)

  let working: Promise<void> = Promise.resolve()
  let closed: Promise<void> | undefined
  const shutDown = async () => {
    stopping.abort()
    const grace = new AbortController()
    const calm = Promise.all([app.close(), working, action.attempts.drain()])
    await Promise.race([calm, clock.sleep(config.shutdownGraceMs, grace.signal).catch(() => {})])
    grace.abort()
    action.attempts.halt()
    await Promise.all([dataverse.close(), marketo?.close()])
    await calm
    await store[Symbol.asyncDispose]()
    log.info({ event: 'stopped' })
  }
  const close = () => {
    closed ??= shutDown()
    return closed
  }
  const start = async () => {
    await jobs.releaseAll()
    working = action.worker.run(stopping.signal)
    const address = await app.listen({ host: config.host, port: config.port })
    log.info({ event: 'started', at: address, version: packageJson.version })
    return address
  }
  return { app, start, close, [Symbol.asyncDispose]: close }
}

interface Parts extends Ports {
  config: Config
  selection: FieldSelection
  metrics: Metrics
}

function selectionOf({ fields }: Config): FieldSelection {
  if (fields.kind === 'default') return defaultSelection()
  const { selection, problems } = parseSelection(fields.text)
  if (!selection) throw new Error(`FIELDS_FILE ${fields.path}:\n- ${problems.join('\n- ')}`)
  return selection
}

function buildDataverse({ config, clock, random, log }: Parts): Dataverse {
  const { tenantId: tenant, ...entra } = config.entra
  return createDataverse({
    url: config.dataverseUrl,
    entra: { ...entra, tenant },
    settings: {
      callTimeoutMs: config.dataverseCallTimeoutMs,
      concurrencyMax: config.dataverseConcurrencyMax,
      duplicateDetection: config.duplicateDetection,
    },
    clock,
    random,
    log,
  })
}

function buildMarketo({ config, clock, log }: Parts): Marketo | undefined {
  if (!config.marketo) return undefined
  const { dailyCallsMax, ...access } = config.marketo
  return createMarketo({ ...access, settings: { dailyCallsMax }, clock, log })
}

interface Stores {
  dataverse: Dataverse
  marketo: Marketo | undefined
  store: Store
  jobs: Jobs
  deriveRecordId: DeriveRecordId
}

function buildAction(parts: Parts, { dataverse, marketo, store, jobs, deriveRecordId }: Stores) {
  const { config, clock, random, log, selection, metrics } = parts
  const attemptMs = Math.max(config.restDeadlineMs, config.webhookDeadlineMs) + config.dataverseCallTimeoutMs
  const leaseMs = attemptMs + LEASE_MARGIN_MS
  const linkTrustMs = config.linkTrustSeconds * 1_000
  const { records, metadata, owners } = dataverse
  const syncPerson = new SyncPerson({
    store,
    records,
    prepare: new PrepareRecord({ metadata, owners, selection, log }),
    ...(marketo && { complete: new CompletePerson({ people: marketo.people, selection, log }) }),
    recordIdOf: deriveRecordId,
    clock,
    random,
    limits: { leaseMs, linkTrustMs, twinPollMs: TWIN_POLL_MS, backoff: TRY_BACKOFF },
  })
  const outcomes = metrics.counter('flow_action_outcomes_total', 'Settled requests by outcome and code.')
  const attempts = new Attempts({
    syncPerson,
    store,
    jobs,
    clock,
    random,
    log,
    settled: ({ outcome, code }) => outcomes.add({ outcome, code: code ?? '' }),
    limits: { attemptMs, backoff: ATTEMPT_BACKOFF, giveUpMs: config.giveUpAfterHours * 3_600_000 },
  })
  const worker = new Worker({
    attempts,
    store,
    jobs,
    clock,
    log,
    limits: {
      concurrencyMax: WORKER_CONCURRENCY_MAX,
      intervalMs: config.recoveryIntervalSeconds * 1_000,
      leaseMs,
      retentionMs: config.retentionDays * 86_400_000,
      pruneIntervalMs: PRUNE_INTERVAL_MS,
      prunePageMax: PRUNE_PAGE_MAX,
    },
  })
  const flowAction = new FlowAction({ store, attempts, worker, clock, leaseMs, twinPollMs: TWIN_POLL_MS })
  return { attempts, worker, flowAction }
}

function buildApp(parts: Parts, store: Store, flowAction: FlowAction, stopping: AbortSignal) {
  const { config, clock, random, log, selection, metrics } = parts
  const organisation = config.dataverseUrl
  const callerOf = (request: FastifyRequest) => request.getDecorator<string>(API_KEY_NAME)
  const door = { flowAction, selection, clock, organisation, callerOf }
  return createApp({
    logger: log,
    keys: config.apiKeys,
    limits: { ...DEFAULT_HTTP_LIMITS, bodyLimitBytes: config.restBodyBytes },
    version: packageJson.version,
    publicUrl: config.publicUrl,
    health: async () => [
      { name: 'accepting', ok: !stopping.aborted },
      await store.ping().then(
        () => ({ name: 'store', ok: true }),
        () => ({ name: 'store', ok: false, detail: 'The database cannot be used.' }),
      ),
    ],
    metrics,
    schemas: answerSchemas,
    doors: [
      restDoor({ ...door, deadlineMs: config.restDeadlineMs, bodyLimitBytes: config.restBodyBytes }),
      webhookDoor({ ...door, deadlineMs: config.webhookDeadlineMs, bodyLimitBytes: config.webhookBodyBytes }),
      peopleDoor({ store, organisation }),
    ],
    random,
  })
}
