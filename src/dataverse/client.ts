import { type CallContext, withDeadline } from '../abort.ts'
import type { Clock, Random } from '../clock.ts'
import { isVendorError, Unavailable } from '../errors.ts'
import { readBatch, writeBatch } from './batch.ts'
import { type ApiRequest, SERVICE_ROOT, type Sender } from './sender.ts'
import type { DataverseSettings } from './settings.ts'
import type { Tokens } from './token.ts'
import { errorOf, judge, type Reply } from './verdict.ts'

type PartRequest = Omit<ApiRequest, 'name'>

export interface Client {
  /**
   * A success, a missing row (404) or a duplicate (412); the verb knows what these mean.
   * Everything else is thrown, as Unauthorized, Rejected, Busy or Unavailable. Sends again only after a 401.
   */
  send(request: ApiRequest, call: CallContext): Promise<Reply>
  /** One $batch with continue-on-error: one reply for each part, in order, whatever its status but 429. */
  batch(name: string, parts: readonly PartRequest[], call: CallContext): Promise<readonly Reply[]>
}

/** Decide (judge), wait (limiter) and send (exchange) put together. Retries belong to the caller. */
export function createClient(options: {
  sender: Sender
  tokens: Tokens
  settings: DataverseSettings
  clock: Clock
  random: Random
}): Client {
  const { sender, tokens, settings, clock, random } = options

  const converse = async (request: ApiRequest, signal: AbortSignal): Promise<Reply> => {
    const token = await tokens.get({ signal })
    let sent = await sender.sendOnce(request, token, signal)
    if (judge(sent.reply).kind === 'token-refused') {
      sent = await sender.sendOnce(request, await tokens.refresh(token, { signal }), signal)
    }
    const error = errorOf(judge(sent.reply), sent.reply, sent.waitMs)
    if (error !== undefined) throw error
    return sent.reply
  }

  const send: Client['send'] = async (request, call) => {
    try {
      return await withDeadline(clock, settings.callTimeoutMs, call.signal, (signal) =>
        converse(request, signal),
      )
    } catch (cause) {
      if (isVendorError(cause)) throw cause
      throw new Unavailable(`no answer from Dataverse to ${request.name}`, { cause })
    }
  }

  return {
    send,
    async batch(name, parts, call) {
      const boundary = `batch_${random.uuid()}`
      const startedAtMs = clock.now()
      const reply = await send(batchRequest(name, boundary, parts), call)
      const replies = readBatch(reply, parts.length)
      for (const part of replies) {
        const verdict = judge(part)
        if (verdict.kind === 'throttled') throw errorOf(verdict, part, sender.learn(part, startedAtMs))
      }
      return replies
    },
  }
}

function batchRequest(name: string, boundary: string, parts: readonly PartRequest[]): ApiRequest {
  const headers = { accept: 'application/json', 'odata-maxversion': '4.0', 'odata-version': '4.0' }
  const written = parts.map((part) => ({
    ...part,
    path: SERVICE_ROOT + part.path,
    headers: { ...headers, ...part.headers },
  }))
  return {
    method: 'POST',
    path: '$batch',
    headers: {
      'content-type': `multipart/mixed; boundary="${boundary}"`,
      prefer: 'odata.continue-on-error',
    },
    body: writeBatch(boundary, written),
    name,
  }
}
