import { createLog } from '../../src/log.ts'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { createDataverse } from '../../src/dataverse/dataverse.ts'
import { createMarketo } from '../../src/marketo/marketo.ts'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import { recordIdOf } from '../../src/person/identity.ts'
import { defaultSelection, type FieldSelection } from '../../src/person/selection.ts'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteStore } from '../../src/store/sqlite/store.ts'
import { SqliteSyncStore } from '../../src/store/sqlite/sync-store.ts'
import type { SyncStore } from '../../src/store/sync-port.ts'
import type { Engine } from '../../src/sync/engine.ts'
import { defaultSyncSettings, type SyncSettings } from '../../src/sync/settings.ts'
import { setUpMarketo } from '../../src/sync/setup.ts'
import { createSync } from '../../src/sync/sync.ts'

export interface SyncRig extends AsyncDisposable {
  sandbox: Sandbox
  engine: Engine
  store: SyncStore
  /** Log lines, as written. */
  log: string[]
  cycle(): ReturnType<Engine['cycle']>
}

export interface SyncRigOptions {
  sandbox?: SandboxOptions
  selection?: FieldSelection
  settings?: Partial<SyncSettings>
}

/** The engine on both vendors' rooms, against the sandbox, with a store in memory; cycles run when a test says so. */
export async function startSyncRig(options: SyncRigOptions = {}): Promise<SyncRig> {
  const sandbox = await startSandbox(options.sandbox)
  const lines: string[] = []
  const log = createLog({ level: 'debug', destination: { write: (line) => void lines.push(line) } })
  const environment = { ...sandbox.environment(), ...sandbox.marketoEnvironment() }
  const ports = { clock: systemClock, random: systemRandom, log }
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
    ...ports,
  })
  const signal = new AbortController().signal
  const selection = options.selection ?? defaultSelection()
  await setUpMarketo({ schema: marketo.schema, selection, say: () => {} }, { signal })
  const database = new Database({ path: ':memory:' })
  const jobs = new SqliteJobs(database)
  new SqliteStore({ database, jobs, deriveRecordId: recordIdOf.bind(undefined, 'sandbox') })
  const store = new SqliteSyncStore(database)
  const settings = { ...defaultSyncSettings, lifeIntervalMs: 0, ...options.settings }
  const engine = createSync({ dataverse, marketo, store, selection, settings, ...ports })
  return {
    sandbox,
    engine,
    store,
    log: lines,
    cycle: () => engine.cycle(signal),
    async [Symbol.asyncDispose]() {
      await Promise.all([dataverse.close(), marketo.close()])
      await sandbox.close()
      database[Symbol.dispose]()
    },
  }
}
