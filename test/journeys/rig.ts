import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setInterval } from 'node:timers/promises'
import { type Call, type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/index.ts'
import { toConfig, type Variable } from '../../src/config/config.ts'
import { createLog } from '../../src/log.ts'
import { createService, type Ports, type Service } from '../../src/service/service.ts'

export const API_KEY = 'journey-key-0123456789-0123456789-0123'
export const REST = '/v1/flow-actions/sync-person-to-microsoft'
export const WEBHOOK = '/webhooks/marketo/sync-person-to-microsoft'

const POLL_MS = 20

export interface Reply {
  status: number
  headers: Headers
  text: string
  body: Record<string, unknown>
}

export interface Rig extends AsyncDisposable {
  directory: string
  sandbox: Sandbox
  url: string
  /** Log lines of the service, as written. */
  log: string[]
  /** The REST endpoint. `person` alone, or a whole body when it has a member `person`. */
  sync(body: object, headers?: Record<string, string>): Promise<Reply>
  request(
    method: string,
    path: string,
    init?: { headers?: Record<string, string>; body?: string | Uint8Array<ArrayBuffer> },
  ): Promise<Reply>
  /** Calls that reached Dataverse while `run` ran, metadata left out. */
  callsDuring(run: () => Promise<unknown>): Promise<readonly Call[]>
  /** Asks until the request is no longer queued. */
  outcomeOf(requestId: unknown): Promise<Record<string, unknown>>
  /** Stops the service; `restart` starts another one. */
  stop(): Promise<void>
  /** Stops the service and starts another one on the same data. */
  restart(settings?: Settings): Promise<void>
}

export type Settings = Partial<Record<Variable, string>>

/**
 * The whole service and its sandbox on loopback, as a user has them; `settings` are environment variables.
 * `prepare` gets the sandbox ready before the service starts, and gives more of them.
 */
export async function startRig(
  given: Settings = {},
  options: SandboxOptions = {},
  ports: Partial<Ports> = {},
  prepare: (sandbox: Sandbox) => Promise<Settings> = async () => ({}),
): Promise<Rig> {
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-journey-'))
  const sandbox = await startSandbox(options)
  const log: string[] = []
  const open = async () => {
    const settings = { ...(await prepare(sandbox)), ...given }
    return { settings, ...(await boot(directory, sandbox, settings, log, ports)) }
  }
  const opened = await open().catch(async (error: unknown) => {
    await sandbox.close()
    await rm(directory, { recursive: true })
    throw error
  })
  const { settings } = opened
  let { service, url } = opened

  const request: Rig['request'] = async (method, path, init = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { 'x-api-key': API_KEY, ...init.headers },
      ...(init.body !== undefined && { body: init.body }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json')
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : {} }
  }
  return {
    directory,
    sandbox,
    log,
    get url() {
      return url
    },
    request,
    sync: (body, headers) =>
      request('POST', REST, {
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify('person' in body ? body : { person: body }),
      }),
    async callsDuring(run) {
      const before = sandbox.dataverse.calls.length
      await run()
      return sandbox.dataverse.calls.slice(before).filter(({ path }) => !path.includes('EntityDefinitions'))
    },
    async outcomeOf(requestId) {
      for await (const _ of setInterval(POLL_MS)) {
        const { status, body } = await request('GET', `/v1/requests/${requestId}`)
        assert.equal(status, 200)
        if (body.outcome !== 'queued') return body
      }
      throw new Error('An interval does not end')
    },
    stop: () => service.close(),
    async restart(more = {}) {
      await service.close()
      const next = await boot(directory, sandbox, { ...settings, ...more }, log, ports)
      service = next.service
      url = next.url
    },
    async [Symbol.asyncDispose]() {
      await service.close()
      await sandbox.close()
      await rm(directory, { recursive: true })
    },
  }
}

async function boot(
  directory: string,
  sandbox: Sandbox,
  settings: Settings,
  lines: string[],
  ports: Partial<Ports>,
): Promise<{ service: Service; url: string }> {
  const { FIELDS_FILE, ...values } = settings
  const { config, problems } = toConfig({
    values: {
      ...sandbox.environment(),
      PORT: '0',
      API_KEYS: `journeys:${API_KEY}`,
      DATA_DIR: directory,
      RECOVERY_INTERVAL_SECONDS: '1',
      STATUS_CACHE_SECONDS: '0',
      // The loop is the sandbox's and the test's too: their work must not make the service refuse requests.
      EVENT_LOOP_DELAY_MS: '60000',
      SHUTDOWN_GRACE_MS: '0',
      ...values,
      ...(FIELDS_FILE !== undefined && { FIELDS_FILE: 'fields.json' }),
    },
    files: FIELDS_FILE === undefined ? {} : { FIELDS_FILE: { path: 'fields.json', text: FIELDS_FILE } },
    strangers: [],
  })
  assert.ok(config, problems?.join('\n'))
  const log = createLog({ level: 'debug', destination: { write: (line) => void lines.push(line) } })
  const service = await createService(config, { log, ...ports })
  const url = await service.start().catch(async (error: unknown) => {
    await service.close()
    throw error
  })
  return { service, url }
}

/** Members of the leads that a test made, by logical name. */
export function leads(rig: Rig): readonly Record<string, unknown>[] {
  return rig.sandbox.dataverse.rows('lead')
}

export function created(rig: Rig): readonly Record<string, unknown>[] {
  return rig.sandbox.dataverse.commits
    .filter(({ operation }) => operation === 'create')
    .map((one) => ({ ...one }))
}

/** Entra refuses every token until the sandbox is reset: see EntraBend. */
export function expireSecret({ sandbox }: Rig): void {
  // The start has asked for a token already.
  sandbox.entra.revokeTokens()
  const body = {
    error: 'invalid_client',
    error_description: 'AADSTS7000222: expired',
    error_codes: [7_000_222],
  }
  for (let times = 0; times < 99; times += 1) sandbox.entra.bend({ kind: 'error', status: 401, body })
}
