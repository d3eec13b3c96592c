import { setTimeout as delay } from 'node:timers/promises'
import type { Call, Commit, DataverseSandbox, MarketoSandbox } from '../index.ts'
import type { Campaign } from '../marketo/flow-step/campaign.ts'
import type { ChunkReport } from '../marketo/flow-step/run.ts'
import { API_KEY, type Playground } from '../playground.ts'

/** Longer than the window of Marketo's limit, which the sync may have used up. */
const WAIT_MAX_MS = 25_000
const LOOK_EVERY_MS = 20

export interface Reply {
  status: number
  /** The exact bytes. */
  text: string
  body: Readonly<Record<string, unknown>>
}

/** What happened in Dynamics since a moment. */
export interface Since {
  /** Everything that reached Dynamics, look-ups and metadata included. */
  calls(): readonly Call[]
  /** `POST leads`, however it ended. */
  creates(): readonly Call[]
  /** What the service wrote, sales left out. */
  writes(): readonly Commit[]
}

/** What a step of the tour may do: call the endpoints, bend Dynamics and read Dynamics' own log. */
export class Stage {
  readonly dataverse: DataverseSandbox
  readonly marketo: MarketoSandbox
  readonly #playground: Playground
  readonly #signal: AbortSignal

  constructor(playground: Playground, signal: AbortSignal) {
    this.#playground = playground
    this.#signal = signal
    this.dataverse = playground.sandbox.dataverse
    this.marketo = playground.sandbox.marketo
  }

  /** The REST endpoint. */
  rest(body: object, headers: Record<string, string> = {}): Promise<Reply> {
    return this.#request('/v1/flow-actions/sync-person-to-microsoft', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  }

  /** The webhook endpoint, with the payload as Marketo fills it in. */
  webhook(payload: string): Promise<Reply> {
    return this.#request('/webhooks/marketo/sync-person-to-microsoft', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: payload,
    })
  }

  /** Marketo sends the people of a campaign through the flow step; resolves when every chunk has its callback. */
  async campaign(campaign: Campaign): Promise<readonly ChunkReport[]> {
    const { flowSteps } = this.marketo
    const run = await flowSteps.run(campaign)
    const look = () => flowSteps.runs().find(({ id }) => id === run)?.chunks ?? []
    return this.until('every chunk has its callback', look, (chunks) =>
      chunks.every(({ state }) => state === 'done'),
    )
  }

  /** How the request of a reply ended: asks until it is no longer queued. */
  async ending({ body }: Reply): Promise<unknown> {
    const look = async () => (await this.#request(`/v1/requests/${body.requestId}`)).body.outcome
    return this.until('the queued request has an outcome', look, (outcome) => outcome !== 'queued')
  }

  /** An endpoint of the background sync. */
  async sync(method: 'GET' | 'POST', path: string): Promise<Reply['body']> {
    return (await this.#request(`/v1/sync/${path}`, { method })).body
  }

  /** One whole cycle of the background sync, which `resume` begins at once. */
  async cycle(): Promise<void> {
    const before = await this.firstCycle()
    await this.sync('POST', 'resume')
    await this.#lastCycle(`a cycle after ${before} has ended`, (startedAt) => startedAt !== before)
  }

  /** The cycle that a start of the service begins with; gives when it began. */
  firstCycle(): Promise<unknown> {
    return this.#lastCycle('a cycle has ended', (startedAt) => startedAt !== undefined)
  }

  /** Kills the service and starts it again on the same data. */
  crash(): Promise<void> {
    return this.#playground.crash()
  }

  watch(): Since {
    const { calls, commits, ids } = this.dataverse
    const [firstCall, firstCommit] = [calls.length, commits.length]
    return {
      calls: () => calls.slice(firstCall),
      creates: () => calls.slice(firstCall).filter(isCreate),
      writes: () => commits.slice(firstCommit).filter(({ userId }) => userId === ids.applicationUser),
    }
  }

  /** Every lead that was ever made with this e-mail, by anybody. */
  leadsOf(email: string): readonly Commit[] {
    return this.dataverse.commits.filter(
      ({ operation, table, columns }) =>
        operation === 'create' && table === 'lead' && columns.emailaddress1 === email,
    )
  }

  /** Looks again and again; rejects, naming `what`, when it has not come true in time. */
  async until<T>(what: string, look: () => T | Promise<T>, isTrue: (seen: T) => boolean): Promise<T> {
    const deadline = Date.now() + WAIT_MAX_MS
    while (Date.now() < deadline) {
      const seen = await look()
      if (isTrue(seen)) return seen
      await delay(LOOK_EVERY_MS, undefined, { signal: this.#signal })
    }
    throw new Error(`waited ${WAIT_MAX_MS / 1_000} s in vain until ${what}`)
  }

  #lastCycle(what: string, isTrue: (startedAt: unknown) => boolean): Promise<unknown> {
    const look = async () => Object(await this.sync('GET', 'status')).lastCycle?.startedAt
    return this.until(what, look, isTrue)
  }

  async #request(path: string, init: RequestInit = {}): Promise<Reply> {
    const response = await fetch(`${this.#playground.service.url}${path}`, {
      ...init,
      headers: { ...init.headers, 'x-api-key': API_KEY },
      signal: AbortSignal.any([this.#signal, AbortSignal.timeout(WAIT_MAX_MS)]),
    })
    const text = await response.text()
    return { status: response.status, text, body: JSON.parse(text) }
  }
}

function isCreate({ method, path }: Call): boolean {
  return method === 'POST' && /\/leads(?:\?|$)/.test(path)
}
