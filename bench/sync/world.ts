import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../sandbox/launch.ts'
import { Helper, startFlags } from '../processes.ts'
import type { Question, VitalSigns } from './service.ts'
import type { CallCounts, Task } from './vendors.ts'

export const API_KEY = 'bench-key-0123456789-0123456789-0123456'
const PORTS_FROM = 23_200
const POLL_MS = 25
const INTERVAL_MS = 60_000
const CYCLES_TO_REST_MAX = 10
const LOADED_WITHIN_MS = 300_000
/** Longer than any benchmark: cycles run when they are asked for. */
const NEVER_SECONDS = 86_400
/** The most that the variable takes. */
const LIFTED_DAILY_CALLS = '10000000'

export interface WorldOptions {
  /** Whether both the sandbox and the service go without the limits of a subscription. */
  limits: 'lifted' | 'stock'
  people: number
  /** Default: cycles run when they are asked for. */
  intervalSeconds?: number
  /** More for node than `npm start` gives. */
  flags?: readonly string[]
}

/** What a cycle cost. */
export interface Ran {
  tookMs: number
  /** Of the service's process. */
  cpuMs: number
  longestBlockMs: number
  p99BlockMs: number
  calls: CallCounts
}

interface Status {
  lastCycle?: { startedAt: string; tookMs: number; result: string; code?: string }
  backlog: { live: number; initial: number }
  initialSync?: { state: string }
}

/** Both vendors in one process, the service in another, and people who are not synced yet. */
export class World implements AsyncDisposable {
  readonly #vendors: Helper
  readonly #service: Helper
  readonly directory: string
  readonly url: string

  private constructor(parts: { vendors: Helper; service: Helper; directory: string; url: string }) {
    this.#vendors = parts.vendors
    this.#service = parts.service
    this.directory = parts.directory
    this.url = parts.url
  }

  static async start({
    limits,
    people,
    intervalSeconds = NEVER_SECONDS,
    flags = [],
  }: WorldOptions): Promise<World> {
    const vendors = new Helper('./sync/vendors.ts', { argv: [limits] })
    const environment = await vendors.hello<Record<string, string>>()
    await vendors.ask({ task: 'seed', people } satisfies Task)
    const directory = await mkdtemp(join(tmpdir(), 'sync-person-bench-'))
    const env = {
      ...environment,
      API_KEYS: `bench:${API_KEY}`,
      DATA_DIR: directory,
      PORT: String(await freePort('127.0.0.1', PORTS_FROM)),
      SYNC_INTERVAL_SECONDS: String(intervalSeconds),
      LOG_LEVEL: 'error',
      ...(limits === 'lifted' && { MARKETO_DAILY_CALLS: LIFTED_DAILY_CALLS }),
    }
    const service = new Helper('./sync/service.ts', {
      env,
      argv: [limits],
      flags: [...startFlags(), ...flags],
    })
    const { url } = await service.hello<{ url: string }>()
    return new World({ vendors, service, directory, url })
  }

  /** Of the service. */
  get pid(): number {
    return this.#service.pid
  }

  tell<T>(task: Task): Promise<T> {
    return this.#vendors.ask<T>(task)
  }

  vitalSigns(question: Question = {}): Promise<VitalSigns> {
    return this.#service.ask<VitalSigns>(question)
  }

  /** One cycle, with what it cost; `skipMs`: the service's clock is set ahead before. */
  async cycle(question: Question = {}): Promise<Ran> {
    return this.#measure(async () => {
      const before = await this.status()
      await this.#ask('POST', 'resume')
      return this.#untilCycle((startedAt) => startedAt !== before.lastCycle?.startedAt)
    }, question)
  }

  /** The cycle with which the service begins. */
  async firstCycle(): Promise<Ran> {
    return this.#measure(() => this.#untilCycle((startedAt) => startedAt !== undefined), {})
  }

  async status(): Promise<Status> {
    return (await this.#ask('GET', 'status')) as Status
  }

  /** Runs cycles until nothing is due and nothing is left to read. */
  async rest(): Promise<void> {
    for (let cycles = 0; cycles < CYCLES_TO_REST_MAX; cycles += 1) {
      // What a cycle has written is in both vendors' logs, for the next one to read.
      const { calls } = await this.cycle({ skipMs: INTERVAL_MS })
      if (calls.writes === 0 && (await this.isLoaded())) return
    }
    throw new Error(`not at rest after ${CYCLES_TO_REST_MAX} cycles`)
  }

  /** Waits until the initial sync is over. */
  async loaded(): Promise<void> {
    const until = performance.now() + LOADED_WITHIN_MS
    while (!(await this.isLoaded())) {
      if (performance.now() > until) throw new Error('the initial sync took too long')
      await delay(POLL_MS)
    }
  }

  async isLoaded(): Promise<boolean> {
    const { initialSync } = await this.status()
    return initialSync?.state === 'done'
  }

  async #measure(run: () => Promise<number>, question: Question): Promise<Ran> {
    const calls = await this.tell<CallCounts>({ task: 'count' })
    const before = await this.vitalSigns(question)
    const tookMs = await run()
    const after = await this.vitalSigns()
    const counted = await this.tell<CallCounts>({ task: 'count' })
    return {
      tookMs,
      cpuMs: after.cpuMs - before.cpuMs,
      longestBlockMs: after.longestBlockMs,
      p99BlockMs: after.p99BlockMs,
      calls: {
        marketo: counted.marketo - calls.marketo,
        dynamics: counted.dynamics - calls.dynamics,
        seldom: counted.seldom - calls.seldom,
        writes: counted.writes - calls.writes,
      },
    }
  }

  async #untilCycle(isIt: (startedAt: string | undefined) => boolean): Promise<number> {
    for (let waits = 0; ; waits += 1) {
      const { lastCycle } = await this.status()
      if (lastCycle && isIt(lastCycle.startedAt)) {
        if (lastCycle.result !== 'done') throw new Error(`a cycle was ${lastCycle.result}: ${lastCycle.code}`)
        return lastCycle.tookMs
      }
      await delay(Math.min(1_000, POLL_MS * (1 + waits / 10)))
    }
  }

  async #ask(method: string, path: string): Promise<unknown> {
    const response = await fetch(`${this.url}/v1/sync/${path}`, { method, headers: { 'x-api-key': API_KEY } })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`)
    return response.json()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#service.stop()
    await this.#vendors.stop()
    await rm(this.directory, { recursive: true })
  }
}
