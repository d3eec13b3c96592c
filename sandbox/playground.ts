import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Sandbox, startSandbox } from './index.ts'
import { freePort, launchService, SERVICE_MAIN, SETUP_MAIN, type Service, waitUntilReady } from './launch.ts'
import { seedStockPeople } from './marketo/stock-people.ts'
import { fieldsSetAside, makeOwnFields } from './own-fields.ts'

const HOST = '127.0.0.1'
const PORTS_FROM = 8080
export const API_KEY = 'sandbox-demo-key-0123456789-0123456789'

export interface PlaygroundOptions {
  /** Absent: a temporary one, removed at the end. */
  dataDirectory?: string
  /** A FIELDS_FILE to try: what it needs is made on both sides, as far as that can be. */
  fieldsFile?: string
  /** The first port to try for the service; absent: 8080. */
  port?: number
  /** Of the service, beside those that tie it to the sandbox. */
  settings: Record<string, string>
  /** Stops the service. */
  signal: AbortSignal
}

/** The sandbox servers, Marketo set up for the sync, and the real service beside them; disposal stops all and waits for it. */
export interface Playground extends AsyncDisposable {
  sandbox: Sandbox
  /** The present life of the service. */
  service: Service
  dataDirectory: string
  /** What was made for the FIELDS_FILE, and what of it does not travel as selected. */
  fieldNotes: readonly string[]
  /** SIGKILL, then a new life on the same data and port; resolves when it is ready. */
  crash(): Promise<void>
}

/** Resolves when the service is ready; rejects, with nothing left behind, when it stops before. */
export async function openPlayground(options: PlaygroundOptions): Promise<Playground> {
  await using opened = new AsyncDisposableStack()
  const dataDirectory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), 'sync-person-')))
  if (options.dataDirectory === undefined) {
    opened.defer(() => rm(dataDirectory, { recursive: true, force: true }))
  }
  const sandbox = opened.use(await startSandbox({ host: HOST }))
  const { fieldsFile } = options
  const made = fieldsFile === undefined ? [] : makeOwnFields(sandbox, await readFile(fieldsFile, 'utf8'))
  seedStockPeople(sandbox.marketo)
  const port = await freePort(HOST, options.port ?? PORTS_FROM)
  const environment = {
    ...sandbox.environment(),
    ...sandbox.marketoEnvironment(),
    API_KEYS: `demo:${API_KEY}`,
    DATA_DIR: dataDirectory,
    ...(fieldsFile !== undefined && { FIELDS_FILE: fieldsFile }),
    ...options.settings,
  }
  await setUp(port, environment)
  const launch = () => {
    options.signal.throwIfAborted()
    return launchService(SERVICE_MAIN, HOST, port, environment)
  }
  let service = launch()
  opened.defer(() => service.stop())
  options.signal.addEventListener('abort', () => void service.stop())
  await waitUntilReady(service)
  await installFlowStep(sandbox, service.url)
  const setAside = fieldsFile === undefined ? [] : await fieldsSetAside(service.url, API_KEY, options.signal)
  const open = opened.move()
  return {
    sandbox,
    dataDirectory,
    fieldNotes: [...made, ...setAside],
    get service() {
      return service
    },
    async crash() {
      await service.stop('SIGKILL')
      service = launch()
      await waitUntilReady(service)
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

/** Prepares Marketo for the background sync, as an administrator does with `npm run setup -- --mapped-fields`. */
async function setUp(port: number, environment: Record<string, string>): Promise<void> {
  const words = ['--mapped-fields']
  const code = await launchService(SETUP_MAIN, HOST, port, environment, [], 'quiet', words).ended
  if (code !== 0) throw new Error(`the set-up of Marketo ended with exit code ${code}`)
}

/** As an administrator adds it under Service Providers. Rejects with what Marketo has against it. */
async function installFlowStep({ marketo }: Sandbox, serviceUrl: string): Promise<void> {
  const { installed, violations } = await marketo.flowSteps.install({
    url: `${serviceUrl}/flow-step/openapi.json`,
    credentials: { kind: 'apiKey', key: API_KEY },
  })
  if (!installed) throw new Error(`Marketo does not take the flow step: ${violations.join('; ')}`)
}
