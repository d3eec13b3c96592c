import { type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/index.ts'
import { type Clock, systemClock, systemRandom } from '../../src/clock.ts'
import { createDataverse, type Dataverse } from '../../src/dataverse/dataverse.ts'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import { createLog } from '../../src/log.ts'
import { createMarketo } from '../../src/marketo/marketo.ts'
import { recordIdOf } from '../../src/person/identity.ts'
import { defaultSelection, type FieldSelection } from '../../src/person/selection.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteLeases } from '../../src/store/sqlite/leases.ts'
import { SqliteStore } from '../../src/store/sqlite/store.ts'
import { SqliteSyncStore } from '../../src/store/sqlite/sync-store.ts'
import type { SyncStore } from '../../src/store/sync-port.ts'
import type { Engine } from '../../src/sync/engine.ts'
import { defaultSyncSettings, type SyncSettings } from '../../src/sync/settings.ts'
import { setUpMarketo } from '../../src/sync/setup.ts'
import { createSync } from '../../src/sync/sync.ts'

export interface SyncRig extends AsyncDisposable {
  sandbox: Sandbox
  store: SyncStore
  /** Log lines, as written. */
  log: string[]
  cycle(): ReturnType<Engine['cycle']>
  report(): ReturnType<Engine['report']>
  /** The engine dies when it has saved that often, and a new one goes on with its store. */
  cycleUntil(saves: number): Promise<'died' | 'ended'>
  /** Something happens right after the next page of changes was read, once. */
  afterPage(happens: () => void): void
  /** Time passes for the engine, not for the sandbox. */
  pass(ms: number): void
}

export interface SyncRigOptions {
  sandbox?: SandboxOptions
  selection?: FieldSelection
  settings?: Partial<SyncSettings>
}

/** In a window: a test does not wait for its calls. */
const CALLS_MAX = 10_000

/** The engine on both vendors' rooms, against the sandbox, with a store in memory; cycles run when a test says so. */
export async function startSyncRig(options: SyncRigOptions = {}): Promise<SyncRig> {
  const sandbox = await startSandbox({
    marketo: { limits: { callsPerWindow: CALLS_MAX } },
    ...options.sandbox,
  })
  const lines: string[] = []
  const log = createLog({ level: 'debug', destination: { write: (line) => void lines.push(line) } })
  const environment = { ...sandbox.environment(), ...sandbox.marketoEnvironment() }
  let shiftMs = 0
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + shiftMs }
  const ports = { clock, random: systemRandom, log }
  const dataverse = createDataverse({
    url: environment.DATAVERSE_URL ?? '',
    entra: {
      authority: environment.ENTRA_AUTHORITY ?? '',
      tenant: environment.ENTRA_TENANT_ID ?? '',
      clientId: environment.ENTRA_CLIENT_ID ?? '',
      credential: { kind: 'secret', secret: environment.ENTRA_CLIENT_SECRET ?? '' },
    },
    ...ports,
  })
  const marketo = createMarketo({
    url: environment.MARKETO_URL ?? '',
    clientId: environment.MARKETO_CLIENT_ID ?? '',
    clientSecret: environment.MARKETO_CLIENT_SECRET ?? '',
    settings: { windowCallsMax: CALLS_MAX },
    ...ports,
  })
  const signal = new AbortController().signal
  const selection = options.selection ?? defaultSelection()
  await setUpMarketo({ schema: marketo.schema, selection, say: () => {} }, { signal })
  const database = new Database({ path: ':memory:' })
  const jobs = new SqliteJobs(database)
  new SqliteStore({ database, jobs, deriveRecordId: recordIdOf.bind(undefined, 'sandbox') })
  const store = new SqliteSyncStore(database, new SqliteLeases(systemClock))
  const settings = { ...defaultSyncSettings, lifeIntervalMs: 0, ...options.settings }
  let happens = () => {}
  const changes: Dataverse['changes'] = {
    ...dataverse.changes,
    async follow(...page) {
      const told = await dataverse.changes.follow(...page)
      happens()
      happens = () => {}
      return told
    },
  }
  const engineOn = (over: SyncStore) =>
    createSync({ dataverse: { ...dataverse, changes }, marketo, store: over, selection, settings, ...ports })
  let engine = engineOn(store)
  return {
    sandbox,
    store,
    log: lines,
    afterPage(once) {
      happens = once
    },
    pass: (ms) => {
      shiftMs += ms
    },
    cycle: () => engine.cycle(signal),
    report: () => engine.report(),
    async cycleUntil(saves) {
      const killed = new Error('killed')
      const died = await engineOn(dyingStore(store, saves, killed))
        .cycle(signal)
        .then(
          () => false,
          (error: unknown) => {
            if (error !== killed) throw error
            return true
          },
        )
      engine = engineOn(store)
      return died ? 'died' : 'ended'
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([dataverse.close(), marketo.close()])
      await sandbox.close()
      database[Symbol.dispose]()
    },
  }
}

/** Fails in place of the save after so many, as a process does that is killed between two statements. */
function dyingStore(store: SyncStore, saves: number, killed: Error): SyncStore {
  let left = saves
  return new Proxy(store, {
    get(target, name) {
      if (name === 'save' && left === 0) {
        return async () => {
          throw killed
        }
      }
      if (name === 'save') left -= 1
      const verb: unknown = Reflect.get(target, name)
      return typeof verb === 'function' ? verb.bind(target) : verb
    },
  })
}
