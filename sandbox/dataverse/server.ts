import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { Bends } from '../bends.ts'
import type { Tokens } from '../entra/tokens.ts'
import { readText } from '../listen.ts'
import { deliver, type Outcome, type Reply } from '../outcome.ts'
import { countOperations, runBatch } from './batch.ts'
import { toReply } from './batch-reply.ts'
import { type BendHow, type Operation, operationOf } from './bends.ts'
import type { Call } from './call.ts'
import { checkDuplicates } from './duplicates.ts'
import { DataverseError, unknownSegment } from './errors.ts'
import { vendorHeaders } from './headers.ts'
import { identify, unauthorized } from './identify.ts'
import type { ServiceProtection } from './limits.ts'
import { misbehave, type Work } from './misbehave.ts'
import { operate } from './operate.ts'
import type { Organisation } from './organisation.ts'
import { isBatch, parseQuery, type Request } from './request.ts'
import { tableOfSet } from './table.ts'

const SERVICE_ROOT = /^\/api\/data\/v9\.[0-2]\/([^?]*)(?:\?(.*))?$/s

export interface ServerParts {
  organisation: Organisation
  tokens: Tokens
  /** For the challenge of a 401. */
  tenantUrl: string
  protection: ServiceProtection
  replyDelayMs: number
}

/** The Web API over HTTP: who asks, may they now, does this reply misbehave, and the work itself. */
export class DataverseServer {
  readonly calls: Call[] = []
  readonly bends = new Bends<Operation, BendHow>(operationOf)
  readonly #parts: ServerParts
  readonly #late = new Set<NodeJS.Timeout>()
  /** By entity set: what a bend has laid out for its next request, if that is the one of this path. */
  readonly #prepared = new Map<string, { path: string; reply: Reply }>()

  constructor(parts: ServerParts) {
    this.#parts = parts
  }

  async handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const at = Date.now()
    const body = await readText(message)
    if (body === undefined) {
      message.destroy()
      return
    }
    const { organisation, tokens, tenantUrl, protection } = this.#parts
    const path = message.url ?? '/'
    const headers = new Map(Object.entries(message.headers).map(([name, value]) => [name, String(value)]))
    const caller = identify(organisation, tokens, tenantUrl, headers.get('authorization'))
    const userId = 'userId' in caller ? caller.userId : ''
    const method = message.method ?? 'GET'
    const request = {
      method,
      ...targetOf(path),
      headers,
      body,
      userId,
      references: new Map(),
    }

    const refusal = 'refusal' in caller ? caller.refusal : undefined
    const outcome = refusal ? deliver(toReply(refusal)) : await this.#admit(request, path)
    this.calls.push({ at, method, path, status: outcome.status, ...this.#describe(request) })
    const headersOut = vendorHeaders(protection.budget(userId), organisation.knobs.dopHint)
    response.setHeaders(new Map(Object.entries(headersOut)))
    outcome.send(response)
  }

  /** Forgets calls and bends, and writes that were still to be committed. */
  reset(): void {
    this.calls.length = 0
    this.bends.clear()
    this.#prepared.clear()
    this.#parts.protection.reset()
    for (const timer of this.#late) clearTimeout(timer)
    this.#late.clear()
  }

  async #admit(request: Request, path: string): Promise<Outcome> {
    const leave = this.#parts.protection.enter(request.userId)
    if (leave instanceof DataverseError) return deliver(toReply(leave))
    try {
      const prefer = request.headers.get('prefer')
      const prepared = this.#prepared.get(request.path)
      this.#prepared.delete(request.path)
      const how = this.bends.take({ method: request.method, path, ...(prefer !== undefined && { prefer }) })
      if (how) return await misbehave(how, this.#workFor(request, path))
      const reply = prepared?.path === path ? prepared.reply : await this.#work(request)
      if (this.#parts.replyDelayMs > 0) await delay(this.#parts.replyDelayMs)
      return deliver(reply)
    } finally {
      leave()
    }
  }

  #workFor(request: Request, path: string): Work {
    const { organisation, tenantUrl } = this.#parts
    return {
      url: `${organisation.origin}${path}`,
      commit: (before) => this.#work(request, before),
      commitLater: (afterMs) => this.#workLater(request, afterMs),
      unauthorized: () => unauthorized(organisation, tenantUrl),
      prepare: (reply) => this.#prepared.set(request.path, { path, reply }),
      follow: (url) => this.#work({ ...request, ...targetOf(url.slice(organisation.origin.length)) }),
    }
  }

  async #work(request: Request, before: (part: number) => void = () => undefined): Promise<Reply> {
    const { organisation } = this.#parts
    try {
      if (request.path === '') throw unknownSegment('')
      if (isBatch(request.path)) {
        const atomically = <T>(work: () => T) => organisation.rows.atomically(work)
        const stops = organisation.knobs.batchStops
        return runBatch(request, { operate: (part) => this.#checked(part), atomically, before, stops })
      }
      const { delayMs } = organisation.duplicateRules
      if (checkDuplicates(organisation, request) && delayMs > 0) await delay(delayMs)
      return operate(organisation, request)
    } catch (error) {
      return toReply(error)
    }
  }

  #checked(part: Request): Reply {
    checkDuplicates(this.#parts.organisation, part)
    return operate(this.#parts.organisation, part)
  }

  #workLater(request: Request, afterMs: number): void {
    const timer = setTimeout(() => {
      this.#late.delete(timer)
      void this.#work(request)
    }, afterMs)
    this.#late.add(timer)
  }

  #describe(request: Request): Pick<Call, 'table' | 'operations'> {
    const set = /^\w+/.exec(request.path)?.[0] ?? ''
    const table = tableOfSet(this.#parts.organisation.tables, set)
    const operations = isBatch(request.path) ? countOperations(request) : 1
    return { operations, ...(table ? { table: table.name } : {}) }
  }
}

function targetOf(path: string): Pick<Request, 'path' | 'query'> {
  const [, resource = '', search = ''] = SERVICE_ROOT.exec(path) ?? []
  return { path: resource, query: parseQuery(search) }
}
