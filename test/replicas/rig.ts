import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Sandbox, startSandbox } from '../../sandbox/index.ts'
import { Fleet } from '../crash/fleet.ts'
import { startBouncer } from '../postgres/bouncer.ts'
import { Cluster } from '../postgres/cluster.ts'
import { Forwarder } from '../postgres/forwarder.ts'

const HOST = '127.0.0.1'
export const KEY = 'replica-key-0123456789-0123456789-01234567'

export interface Rig extends AsyncDisposable {
  sandbox: Sandbox
  cluster: Cluster
  /** Between the replicas and the database. */
  forwarder: Forwarder
  fleet: Fleet
  directory: string
  /** A call to one replica, or to whatever else has this address. */
  call(url: string, person: Record<string, unknown>, headers?: Record<string, string>): Promise<Answer>
  get(url: string, path: string): Promise<Answer>
}

export interface Answer {
  status: number
  body: Record<string, unknown>
}

export interface RigOptions {
  replicas: number
  replyDelayMs?: number
  settings?: Record<string, string>
  withMarketo?: boolean
  /** Before the first replica starts. */
  setUp?: (sandbox: Sandbox) => Promise<void>
  /** PgBouncer stands between the replicas and the database. */
  pooled?: boolean
}

/** Real replicas of the service on a real PostgreSQL, beside the sandbox. */
export async function startRig({
  replicas,
  replyDelayMs = 0,
  settings = {},
  withMarketo = false,
  pooled = false,
  setUp = async () => {},
}: RigOptions): Promise<Rig> {
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-replicas-'))
  const cluster = await Cluster.start()
  const bouncer = pooled ? await startBouncer(cluster.port) : undefined
  const forwarder = await Forwarder.listen(bouncer?.port ?? cluster.port)
  const sandbox = await startSandbox({ host: HOST, replyDelayMs })
  await setUp(sandbox)
  const fleet = new Fleet({
    host: HOST,
    environment: {
      ...sandbox.environment(),
      ...(withMarketo && sandbox.marketoEnvironment()),
      DATABASE_URL: forwarder.urlOf(await cluster.createDatabase()),
      API_KEYS: `replicas:${KEY}`,
      SYNC_INTERVAL_SECONDS: '0',
      ...settings,
    },
    replicas,
    directory,
  })
  fleet.start()
  await Promise.all(fleet.victims.map(({ url }) => url))
  return {
    sandbox,
    cluster,
    forwarder,
    fleet,
    directory,
    call: (url, person, headers = {}) =>
      ask(`${url}/v1/flow-actions/sync-person-to-microsoft`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': KEY, ...headers },
        body: JSON.stringify({ person }),
      }),
    get: (url, path) => ask(`${url}${path}`, { headers: { 'x-api-key': KEY } }),
    async [Symbol.asyncDispose]() {
      await fleet.kill()
      await sandbox[Symbol.asyncDispose]()
      await forwarder[Symbol.asyncDispose]()
      await bouncer?.[Symbol.asyncDispose]()
      await cluster[Symbol.asyncDispose]()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function ask(url: string, init: RequestInit): Promise<Answer> {
  const answer = await fetch(url, init)
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}
