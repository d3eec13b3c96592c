import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { readText } from '../../listen.ts'
import { deliver, type Reply } from '../../outcome.ts'
import { type BendHow, misbehave } from '../bends.ts'
import { json, newRequestId } from '../envelope.ts'
import { isMembers, type Members } from '../request.ts'
import { MUNCHKIN_ID } from './invocation.ts'
import { isText, listOf } from './look.ts'
import type { Callback, Chunk } from './run.ts'

export const CALLBACK_PATH = '/flow-step-callback'

export interface CallbackParts {
  /** What every callback shows as its x-api-key. */
  key: string
  chunkOf(token: string): Chunk | undefined
  /** Writes what a callback says; from then on its token is used up. */
  apply(chunk: Chunk, callback: Members): void
  /** Called for each request, after its answer. */
  heard(callback: Callback, chunk: Chunk | undefined): void
}

/** Where providers answer. A refusal is 401 (key), 404 (token unknown or used) or 405 (method or body). */
export class CallbackEndpoint {
  readonly #parts: CallbackParts
  readonly #bends: BendHow[] = []
  readonly #late = new Set<NodeJS.Timeout>()

  constructor(parts: CallbackParts) {
    this.#parts = parts
  }

  /** Of exactly one future request. */
  bend(how: BendHow): void {
    this.#bends.push(how)
  }

  reset(): void {
    this.#bends.length = 0
    for (const timer of this.#late) clearTimeout(timer)
    this.#late.clear()
  }

  async handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const arrivedAt = Date.now()
    const body = await readText(message)
    if (body === undefined) {
      message.destroy()
      return
    }
    const token = headerOf(message.headers, 'x-callback-token')
    const chunk = this.#parts.chunkOf(token)
    const hadTally = chunk?.tally !== undefined
    const how = this.#bends.shift()
    const run = async () => this.#take(message, chunk, body)
    const runLater = (afterMs: number) => this.#later(afterMs, run)
    const outcome = how ? await misbehave(how, { run, runLater }, 'flow-step-callback') : deliver(await run())
    const accepted = chunk?.tally !== undefined && !hadTally
    const callback: Callback = {
      ...{ at: arrivedAt, token, status: outcome.status, accepted },
      people: listOf(parse(body)?.objectData).length,
      complete: accepted && chunk.isComplete,
      digest: createHash('sha256').update(body).digest('hex'),
      bytes: Buffer.byteLength(body),
    }
    this.#parts.heard(callback, chunk)
    outcome.send(response)
  }

  #later(afterMs: number, run: () => Promise<Reply>): void {
    const timer = setTimeout(() => {
      this.#late.delete(timer)
      void run()
    }, afterMs)
    this.#late.add(timer)
  }

  #take({ method, headers }: IncomingMessage, chunk: Chunk | undefined, body: string): Reply {
    if (method !== 'POST') return refusal(405, 'Method not allowed')
    if (headerOf(headers, 'x-api-key') !== this.#parts.key) return refusal(401, 'Unauthorized')
    if (!chunk || chunk.tally) return refusal(404, 'Not found')
    const callback = /^application\/json\b/i.test(headers['content-type'] ?? '') ? parse(body) : undefined
    if (!callback || !isCallback(callback)) return refusal(405, 'Invalid input')
    this.#parts.apply(chunk, callback)
    return json(202, { requestId: newRequestId(), success: true })
  }
}

/** Members that are not in the schema, such as the `token` and `time` of Adobe's own sample, do not matter. */
function isCallback({ munchkinId, objectData, defaultValues, errorCode }: Members): boolean {
  return (
    munchkinId === MUNCHKIN_ID &&
    (objectData === undefined || Array.isArray(objectData)) &&
    (defaultValues === undefined || isMembers(defaultValues)) &&
    (errorCode === undefined || isText(errorCode))
  )
}

function headerOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value : ''
}

function refusal(status: number, message: string): Reply {
  return json(status, { requestId: newRequestId(), success: false, message })
}

function parse(body: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return isMembers(value) ? value : undefined
  } catch {
    return undefined
  }
}
