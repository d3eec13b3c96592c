import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BendHow } from '../bends.ts'
import type { Subscription } from '../subscription.ts'
import type { ServiceStatus } from './answers.ts'
import { applyCallback } from './apply.ts'
import { CALLBACK_PATH, CallbackEndpoint } from './callback-endpoint.ts'
import { type Campaign, campaignProblem } from './campaign.ts'
import { type Installation, type InstallReport, install } from './install.ts'
import { askPicklists, askStatus } from './interview.ts'
import { invocationsOf } from './invocation.ts'
import { type Callback, Chunk, isSettled, type Run, type RunReport, reportOf } from './run.ts'
import { isDeprecated, type Service } from './service.ts'

const TIMEOUT_MS = 30_000
/** Calls of one run that are on their way at once; Adobe does not say. */
const CONCURRENT_MAX = 4
const FIRST_CAMPAIGN_ID = 2001

export interface ServiceReport {
  id: number
  apiName: string
  name: string
  activityTypeId: number
  status: ServiceStatus
  deprecated: boolean
  /** Calls that were not answered with 201, by status or failure. */
  statistics: Readonly<Record<string, number>>
}

/** Marketo as a caller of Self-Service Flow Steps: services, campaigns that use them, and their callbacks. */
export class FlowSteps {
  readonly #marketo: Subscription
  readonly #services: Service[] = []
  readonly #runs: Run[] = []
  readonly #byToken = new Map<string, { run: Run; chunk: Chunk }>()
  readonly #heard: Callback[] = []
  readonly #closed = new AbortController()
  readonly #key = randomUUID()
  readonly #endpoint: CallbackEndpoint
  #news = Promise.withResolvers<void>()
  #nextServiceId = 1
  /** Of this Marketo; known once it listens. */
  url = ''

  constructor(marketo: Subscription) {
    this.#marketo = marketo
    this.#endpoint = new CallbackEndpoint({
      key: this.#key,
      chunkOf: (token) => this.#byToken.get(token)?.chunk,
      apply: (chunk, callback) => {
        const run = this.#byToken.get(chunk.token)?.run
        if (run) chunk.tally = applyCallback({ ...run, marketo, people: chunk.people }, callback)
      },
      heard: (callback, chunk) => {
        this.#heard.push(callback)
        chunk?.callbacks.push(callback)
        this.#tell()
      },
    })
  }

  /** Rejects when the subscription has no room for another type of activity, and for nothing that a provider says. */
  async install(installation: Installation): Promise<InstallReport> {
    const nextId = () => this.#nextServiceId++
    const { report, service } = await install(this.#marketo, installation, nextId, this.#closed.signal)
    if (service) this.#services.push(service)
    return report
  }

  /** Resolves to the run's id when every call of it is answered or given up. Rejects for what Marketo would not start. */
  async run(campaign: Campaign): Promise<number> {
    const service = this.#serviceOf(campaign.service)
    const problem = campaignProblem(this.#marketo, service, campaign)
    if (problem !== undefined) throw new Error(problem)
    const id = this.#runs.length + 1
    const campaignId = FIRST_CAMPAIGN_ID + 10 * (id - 1)
    const invocations = invocationsOf({
      ...{ marketo: this.#marketo, service, campaign, campaignId, batchId: `run-${randomUUID()}` },
      callbackUrl: `${this.url}${CALLBACK_PATH}`,
      callbackKey: this.#key,
    })
    const chunks = invocations.map((invocation) => new Chunk(invocation))
    const startedAt = this.#marketo.now()
    const run: Run = { id, campaign, campaignId, stepId: campaignId + 3, service, startedAt, chunks }
    this.#runs.push(run)
    // A callback may come before the call is answered.
    for (const chunk of chunks) this.#byToken.set(chunk.token, { run, chunk })
    const waiting = [...chunks]
    const work = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await this.#send(run, next)
    }
    await Promise.all(Array.from({ length: CONCURRENT_MAX }, work))
    return id
  }

  /** Sends a chunk's very bytes again, as a caller does that has missed the answer. */
  async resend(token: string): Promise<number> {
    const known = this.#byToken.get(token)
    if (!known) throw new Error('there is no chunk with that token')
    await this.#send(known.run, known.chunk)
    return known.chunk.answer?.status ?? 0
  }

  /** Resolves when every chunk of the run was refused or has had its callback. Rejects when the sandbox closes. */
  async settled(id: number): Promise<RunReport> {
    const run = this.#runs[id - 1]
    if (!run) throw new Error(`there is no run ${id}`)
    while (!isSettled(run)) {
      const news = this.#news.promise
      await news
      this.#closed.signal.throwIfAborted()
      if (this.#runs[id - 1] !== run) throw new Error('the sandbox was reset')
    }
    return reportOf(run)
  }

  /** What Marketo asks every night: the status, and every picklist. Returns what is wrong. */
  async poll(apiName?: string): Promise<readonly string[]> {
    const service = this.#serviceOf(apiName)
    const { provider, definition, offers, mapping } = service
    const status = await askStatus(provider)
    const picklists = await askPicklists(provider, definition, offers, mapping)
    if (status.found) service.status = status.found
    if (picklists.found && picklists.violations.length === 0) service.picklists = picklists.found
    return [...status.violations, ...picklists.violations]
  }

  services(): readonly ServiceReport[] {
    return this.#services.map(({ id, apiName, definition, activityTypeId, status, statistics }) => ({
      ...{ id, apiName, name: definition.name, activityTypeId, status },
      deprecated: isDeprecated(status, this.#marketo.now()),
      statistics: Object.fromEntries(statistics),
    }))
  }

  runs(): readonly RunReport[] {
    return this.#runs.map(reportOf)
  }

  /** Every request at the callback's address, in order, those with unknown tokens included. */
  callbacks(): readonly Callback[] {
    return this.#heard
  }

  /** What becomes of the next callback. */
  bend(how: BendHow): void {
    this.#endpoint.bend(how)
  }

  handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    return this.#endpoint.handle(message, response)
  }

  reset(): void {
    this.#endpoint.reset()
    this.#services.length = 0
    this.#runs.length = 0
    this.#heard.length = 0
    this.#byToken.clear()
    this.#tell()
  }

  close(): void {
    this.#closed.abort(new Error('the sandbox has closed'))
    this.reset()
  }

  async #send({ campaign, service }: Run, chunk: Chunk): Promise<void> {
    const startedAt = performance.now()
    const { timeoutMs = TIMEOUT_MS } = campaign
    const { status, failure } = await service.provider.post('/submitAsyncAction', chunk.body, timeoutMs)
    chunk.answer = { status, failure, afterMs: Math.round(performance.now() - startedAt) }
    if (status !== 201) {
      const key = status === 0 ? failure : String(status)
      service.statistics.set(key, (service.statistics.get(key) ?? 0) + 1)
    }
    this.#tell()
  }

  #serviceOf(apiName: string | undefined): Service {
    const service = this.#services.findLast((each) => apiName === undefined || each.apiName === apiName)
    if (!service) throw new Error('there is no such service: install one')
    return service
  }

  #tell(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }
}
