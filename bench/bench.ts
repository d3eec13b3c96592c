import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../sandbox/launch.ts'
import type { Load, LoadRequest, LoadResult } from './load.ts'
import { Helper, type ServiceProcess, startService } from './processes.ts'
import type { VendorCounts } from './vendor.ts'

const API_KEY = 'bench-key-0123456789-0123456789-0123456'
const PORTS_FROM = 23_000
export const REPLY_DELAY_MS = 50

export interface Seen {
  result: LoadResult
  /** What reached Dataverse meanwhile. */
  calls: number
  creates: number
}

/** The processes of one run: sandbox, pass-through, load generator, and as many services as are asked for. */
export class Bench implements AsyncDisposable {
  readonly #directories: string[] = []
  readonly #services: ServiceProcess[] = []
  readonly #vendor: Helper
  readonly #load: Helper
  readonly #passThrough: Helper
  readonly #passThroughUrl: string
  readonly #environment: Record<string, string>

  private constructor(parts: {
    vendor: Helper
    load: Helper
    passThrough: Helper
    url: string
    environment: Record<string, string>
  }) {
    this.#vendor = parts.vendor
    this.#load = parts.load
    this.#passThrough = parts.passThrough
    this.#passThroughUrl = parts.url
    this.#environment = parts.environment
  }

  static async start(): Promise<Bench> {
    const vendor = new Helper('./vendor.ts', { argv: [String(REPLY_DELAY_MS)] })
    const environment = await vendor.hello<Record<string, string>>()
    const passThrough = new Helper('./pass-through.ts', { env: environment })
    const { url } = await passThrough.hello<{ url: string }>()
    return new Bench({ vendor, load: new Helper('./load.ts', {}), passThrough, url, environment })
  }

  get passThroughPid(): number {
    return this.#passThrough.pid
  }

  /** Progress, beside the table that goes to stdout. */
  say(what: string): void {
    process.stderr.write(`${what}\n`)
  }

  async newDirectory(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'sync-person-bench-'))
    this.#directories.push(directory)
    return directory
  }

  async service(directory: string, settings: Record<string, string> = {}): Promise<ServiceProcess> {
    const port = await freePort('127.0.0.1', PORTS_FROM)
    const service = await startService(port, {
      ...this.#environment,
      API_KEYS: `bench:${API_KEY}`,
      DATA_DIR: directory,
      ...settings,
    })
    this.#services.push(service)
    return service
  }

  onService(
    service: ServiceProcess,
    requests: readonly LoadRequest[],
    pace: Pick<Load, 'perSecond' | 'concurrency'>,
  ): Promise<Seen> {
    return this.onReplicas([service], requests, pace)
  }

  onReplicas(
    replicas: readonly ServiceProcess[],
    requests: readonly LoadRequest[],
    pace: Pick<Load, 'perSecond' | 'concurrency'>,
  ): Promise<Seen> {
    return this.#run({
      urls: replicas.map(({ url }) => url),
      path: '/v1/flow-actions/sync-person-to-microsoft',
      requests,
      ...pace,
    })
  }

  onPassThrough(
    requests: readonly LoadRequest[],
    pace: Pick<Load, 'perSecond' | 'concurrency'>,
  ): Promise<Seen> {
    return this.#run({ urls: [this.#passThroughUrl], path: '/', requests, ...pace })
  }

  async #run(load: Omit<Load, 'apiKey'>): Promise<Seen> {
    const before = await this.#vendor.ask<VendorCounts>({})
    const result = await this.#load.ask<LoadResult>({ ...load, apiKey: API_KEY })
    const after = await this.#vendor.ask<VendorCounts>({})
    return { result, calls: after.calls - before.calls, creates: after.creates - before.creates }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of this.#services) await service.stop()
    for (const helper of [this.#load, this.#passThrough, this.#vendor]) await helper.stop()
    for (const directory of this.#directories) await rm(directory, { recursive: true })
  }
}
