import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import packageJson from '../../package.json' with { type: 'json' }
import { withDeadline } from '../abort.ts'
import { type Clock, type Random, systemClock, systemRandom } from '../clock.ts'
import { reportStoreAhead, watchClock } from '../clock-watch.ts'
import type { Config } from '../config/config.ts'
import { createDataverse, type Dataverse } from '../dataverse/dataverse.ts'
import type { DataverseSettings } from '../dataverse/settings.ts'
import { diagnose } from '../doctor/checks.ts'
import { doctorEndpoint } from '../doctor/endpoint.ts'
import { Unauthorized } from '../errors.ts'
import { createAction } from '../flow-action/action.ts'
import { answerSchemas } from '../flow-action/answer-schemas.ts'
import type { FlowAction } from '../flow-action/flow-action.ts'
import { peopleEndpoint } from '../flow-action/people.ts'
import { restEndpoint } from '../flow-action/rest.ts'
import { readWaitingGauges, WAITING_GAUGES } from '../flow-action/waiting-gauges.ts'
import { webhookEndpoint } from '../flow-action/webhook.ts'
import { flowStepSchemas } from '../flow-step/chunk-schemas.ts'
import { createApp, DEFAULT_HTTP_LIMITS } from '../http/app.ts'
import { API_KEY_NAME } from '../http/auth.ts'
import { backupEndpoint } from '../http/backup-endpoint.ts'
import type { HealthCheck } from '../http/health.ts'
import { createMetrics, type Metrics } from '../http/metrics.ts'
import type { Jobs } from '../jobs/port.ts'
import type { Quota } from '../limits/port.ts'
import { createLog } from '../log.ts'
import { createMarketo, type Marketo } from '../marketo/marketo.ts'
import type { MarketoSettings } from '../marketo/settings.ts'
import { Pairing } from '../pairing.ts'
import { recordIdOf } from '../person/identity.ts'
import { selectFields } from '../person/select-fields.ts'
import type { FieldSelection } from '../person/selection.ts'
import type { MakeBackup } from '../store/backup-port.ts'
import type { Leases } from '../store/lease-port.ts'
import type { DeriveRecordId, Store } from '../store/port.ts'
import { StoreProbe } from '../store/store-probe.ts'
import type { SyncStore } from '../store/sync-port.ts'
import { syncSchemas } from '../sync/endpoint-schemas.ts'
import type { SyncSettings } from '../sync/settings.ts'
import { type BackgroundSync, buildBackgroundSync } from './background-sync.ts'
import { buildFlowStep, type FlowStepParts } from './flow-step.ts'
import { openStorage, type Storage } from './storage.ts'

/** What the outside world gives; everything else is built here. */
export interface Ports {
  clock: Clock
  random: Random
  log: Logger
}

/** Settings that no variable of the environment sets; each room says what its own mean. */
export interface Bounds {
  dataverse: Partial<DataverseSettings>
  marketo: Partial<MarketoSettings>
  sync: Partial<SyncSettings>
}

export interface Service extends AsyncDisposable {
  app: FastifyInstance
  /** Takes up unfinished work and listens. Gives the address. */
  start(): Promise<string>
  /** Resolves with a sentence for an operator when the service has closed by itself. */
  failed: Promise<string>
  /** Not ready at once; running requests finish within the grace, the rest stays queued. Idempotent. */
  close(): Promise<void>
}

/** The one place where things are built. Throws an Error with a sentence for an operator. */
export async function createService(
  config: Config,
  ports: Partial<Ports> = {},
  bounds: Partial<Bounds> = {},
): Promise<Service> {
  const { clock = systemClock, random = systemRandom, log = createLog({ level: config.logLevel }) } = ports
  const parts: Parts = {
    config,
    bounds,
    clock,
    random,
    log,
    selection: selectFields(config.fields, config.fieldPolicy),
    metrics: createMetrics({ version: packageJson.version }),
  }
  for (const warning of config.warnings) log.warn({ event: 'configuration' }, warning)

  const deriveRecordId: DeriveRecordId = recordIdOf.bind(undefined, new URL(config.dataverseUrl).host)
  const { promise: damage, resolve: damaged } = Promise.withResolvers<string>()
  const storage = await openStorage({ config: config.store, deriveRecordId, clock, random, log, damaged })
  try {
    const service = await assemble(parts, storage, deriveRecordId)
    const failed = damage.then(async (sentence) => {
      log.fatal({ event: 'store-damaged' }, sentence)
      await service.close()
      return sentence
    })
    return { ...service, failed }
  } catch (error) {
    await storage[Symbol.asyncDispose]()
    throw error
  }
}

async function assemble(
  parts: Parts,
  storage: Storage,
  deriveRecordId: DeriveRecordId,
): Promise<Omit<Service, 'failed'>> {
  const { config, clock, log } = parts
  const pairing = buildPairing(parts, storage)
  const dataverse = buildDataverse(parts, storage.quota, pairing)
  const marketo = buildMarketo(parts, storage.quota)
  const recoveryIntervalSeconds = Math.min(config.recoveryIntervalSeconds, storage.recoverySecondsMax)
  const { store, syncStore, leases, chunks, jobs, backup } = storage
  const stores: Stores = { dataverse, marketo, store, syncStore, leases, jobs, pairing, deriveRecordId }
  const action = buildAction(parts, stores, recoveryIntervalSeconds)
  const stopping = new AbortController()
  const sync = buildBackgroundSync(parts, stores, { callerOf, stopping: stopping.signal })
  const storeFault = storeFaultOf(parts, store)
  const flowStep = buildFlowStep(parts, stores, {
    chunks,
    storeFault,
    recoveryIntervalSeconds,
    wakeWorker: () => action.worker.wake(),
    callerOf,
    stopping: stopping.signal,
  })
  const { flowAction } = action
  const running = { flowAction, flowStep, sync, storeFault, backup, stopping: stopping.signal }
  const app = await buildApp(parts, stores, running)

  let working: Promise<unknown> = Promise.resolve()
  const drained = new AbortController()
  let beating: Promise<void> = Promise.resolve()
  let closed: Promise<void> | undefined
  const shutDown = async () => {
    stopping.abort()
    await clock.sleep(config.shutdownDelayMs)
    const grace = new AbortController()
    const calm = Promise.all([app.close(), working, action.attempts.drain()])
    await Promise.race([calm, clock.sleep(config.shutdownGraceMs, grace.signal).catch(() => {})])
    grace.abort()
    action.attempts.halt()
    flowStep.halt()
    await Promise.all([dataverse.close(), marketo?.close()])
    await calm
    drained.abort()
    await beating
    await storage[Symbol.asyncDispose]()
    log.info({ event: 'stopped' })
  }
  const close = () => {
    closed ??= shutDown()
    return closed
  }
  const start = async () => {
    const { signal } = stopping
    await pairing.begin()
    await recogniseOrganisation(parts, dataverse, signal)
    reportStoreAhead(parts, await storage.recover(clock.now()))
    await sync.check(signal)
    beating = action.heartbeat.run(drained.signal)
    working = Promise.all([
      action.worker.run(signal),
      flowStep.run(signal),
      sync.run(signal),
      storage.maintain(signal),
      watchClock(parts, signal),
    ])
    const address = await app.listen({ host: config.host, port: config.port })
    log.info({ event: 'started', at: address, version: packageJson.version })
    return address
  }
  return { app, start, close, [Symbol.asyncDispose]: close }
}

export interface Parts extends Ports {
  config: Config
  bounds: Partial<Bounds>
  selection: FieldSelection
  metrics: Metrics
}

function buildPairing({ config: { munchkinId, marketo }, log }: Parts, { bindings }: Storage): Pairing {
  const marketoHost = munchkinId === undefined && marketo ? new URL(marketo.url).host : undefined
  return new Pairing({
    bindings,
    ...(munchkinId && { munchkinId }),
    ...(marketoHost && { marketoHost }),
    log,
  })
}

/** How long the start waits for Dynamics; while it is away the store's word stands, and no call leaves unchecked. */
const RECOGNISE_MS = 5_000

/** Throws a sentence when the organisation is not the one of the store. */
async function recogniseOrganisation({ clock, log }: Parts, dataverse: Dataverse, stopping: AbortSignal) {
  try {
    await withDeadline(clock, RECOGNISE_MS, stopping, (signal) => dataverse.whoAmI({ signal }))
  } catch (error) {
    if (error instanceof Unauthorized && error.detail.code === 'organisation-changed') throw error
    log.warn(
      { event: 'organisation-unchecked' },
      'Dynamics does not answer: the organisation will be checked before the first call',
    )
  }
}

function buildDataverse(
  { config, bounds, clock, random, log }: Parts,
  quota: Quota | undefined,
  { recognise }: Pairing,
): Dataverse {
  const { tenantId: tenant, ...entra } = config.entra
  return createDataverse({
    url: config.dataverseUrl,
    entra: { ...entra, tenant },
    settings: {
      ...bounds.dataverse,
      callTimeoutMs: config.dataverseCallTimeoutMs,
      concurrencyMax: config.dataverseConcurrencyMax,
      duplicateDetection: config.duplicateDetection,
    },
    ...(quota && { quota }),
    recognise,
    clock,
    random,
    log,
  })
}

function buildMarketo({ config, bounds, clock, log }: Parts, quota: Quota | undefined): Marketo | undefined {
  if (!config.marketo) return undefined
  const { dailyCallsMax, ...access } = config.marketo
  const settings = { ...bounds.marketo, dailyCallsMax }
  return createMarketo({ ...access, settings, ...(quota && { quota }), clock, log })
}

export interface Stores {
  dataverse: Dataverse
  marketo: Marketo | undefined
  store: Store
  syncStore: SyncStore
  leases: Leases
  jobs: Jobs
  pairing: Pairing
  deriveRecordId: DeriveRecordId
}

function buildAction(
  parts: Parts,
  { dataverse, marketo, store, jobs, deriveRecordId: recordIdOf }: Stores,
  recoveryIntervalSeconds: number,
) {
  const { config, clock, random, log, selection, metrics } = parts
  const outcomes = metrics.counter('flow_action_outcomes_total', 'Settled requests by outcome and code.', [
    'outcome',
    'code',
  ])
  metrics.gauges(WAITING_GAUGES, () => readWaitingGauges(store, clock))
  return createAction({
    dataverse,
    ...(marketo && { readPerson: marketo.readPerson }),
    store,
    jobs,
    selection,
    recordIdOf,
    clock,
    random,
    log,
    settled: ({ outcome, code }) => outcomes.add({ outcome, code: code ?? '' }),
    settings: { ...config, recoveryIntervalSeconds },
  })
}

/** Looked at by `/readyz`, the flow step's status and the metrics. */
function storeFaultOf({ clock, metrics }: Parts, store: Store): () => Promise<string | undefined> {
  const probe = new StoreProbe(store, clock)
  metrics.gauges(
    { store_writable: 'Whether the database of this service takes writes (1) or not (0).' },
    async () => [{ name: 'store_writable', value: Number((await probe.reason()) === undefined) }],
  )
  return () => probe.reason()
}

function storeCheck(fault: string | undefined): HealthCheck {
  const name = 'store'
  if (fault === undefined) return { name, ok: true }
  return { name, ok: false, detail: `Nothing can be stored: ${fault}.` }
}

function organisationCheck({ fault }: Pairing): HealthCheck {
  const name = 'organisation'
  return fault ? { name, ok: false, detail: fault.advice } : { name, ok: true }
}

interface Running {
  flowAction: FlowAction
  flowStep: FlowStepParts
  sync: BackgroundSync
  storeFault: () => Promise<string | undefined>
  backup: MakeBackup | undefined
  stopping: AbortSignal
}

function callerOf(request: FastifyRequest): string {
  return request.getDecorator<string>(API_KEY_NAME)
}

function buildApp(
  parts: Parts,
  stores: Stores,
  { flowAction, flowStep, sync, storeFault, backup, stopping }: Running,
) {
  const { config, clock, random, log, selection, metrics } = parts
  const { store, syncStore } = stores
  const organisation = config.dataverseUrl
  const shared = { flowAction, selection, clock, organisation, callerOf }
  return createApp({
    logger: log,
    keys: config.apiKeys,
    limits: {
      ...DEFAULT_HTTP_LIMITS,
      ...config.connections,
      eventLoopDelayMaxMs: config.eventLoopDelayMaxMs,
      requestTimeoutMs: config.httpRequestTimeoutMs,
      // Node takes no longer time for the headers than for all.
      headersTimeoutMs: Math.min(DEFAULT_HTTP_LIMITS.headersTimeoutMs, config.httpRequestTimeoutMs),
      bodyLimitBytes: config.restBodyBytes,
      bodiesBytesMax: config.bodiesBytesMax,
      json: config.json,
    },
    version: packageJson.version,
    publicUrl: config.publicUrl,
    docs: config.docs,
    health: async () => [
      { name: 'accepting', ok: !stopping.aborted },
      storeCheck(await storeFault()),
      organisationCheck(stores.pairing),
    ],
    metrics,
    schemas: [...answerSchemas, ...flowStepSchemas, ...syncSchemas],
    realTimeEndpoints: [
      restEndpoint({ ...shared, deadlineMs: config.restDeadlineMs, bodyLimitBytes: config.restBodyBytes }),
      webhookEndpoint({
        ...shared,
        nullTextIsEmpty: config.nullTextIsEmpty,
        json: config.json,
        deadlineMs: config.webhookDeadlineMs,
        bodyLimitBytes: config.webhookBodyBytes,
      }),
    ],
    endpoints: [
      ...flowStep.endpoints,
      peopleEndpoint({ store, replicas: syncStore, organisation }),
      ...sync.endpoints,
      backupEndpoint({ backup }),
      doctorEndpoint({
        diagnose: diagnose.bind(undefined, {
          ...{ config, dataverse: stores.dataverse, marketo: stores.marketo, selection, clock },
          running: { storeFault, pairingFault: () => stores.pairing.fault },
        }),
        ...{ keptMs: config.statusCacheSeconds * 1_000, clock, stopping },
      }),
    ],
    openEndpoints: flowStep.openEndpoints,
    clock,
    random,
  })
}
