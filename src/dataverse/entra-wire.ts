import type { INetworkModule, NetworkRequestOptions, NetworkResponse } from '@azure/msal-node'
import type { Dispatcher } from 'undici'
import { withDeadline } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Busy, type Unauthorized, Unavailable } from '../errors.ts'
import { causeCode, type Log } from '../event-log.ts'
import { exchange, type WireReply } from '../exchange.ts'
import { retryAfterMs } from '../retry-after.ts'
import { parseObject } from '../shape.ts'
import { entraError } from './aadsts.ts'
import type { DataverseSettings } from './settings.ts'

export interface EntraWire extends INetworkModule {
  /** What the last reply was, in our words; msal's own errors lose the cause. */
  failure(): Unauthorized | Busy | Unavailable | undefined
}

/** msal's network client on undici, with the time-out that msal lacks; made for one token. */
export function createEntraWire(options: {
  dispatcher: Dispatcher
  settings: DataverseSettings
  clock: Clock
  log: Log
  signal: AbortSignal
}): EntraWire {
  const { dispatcher, settings, clock, log, signal } = options
  let failure: Unauthorized | Busy | Unavailable | undefined

  const send = async <T>(
    method: 'GET' | 'POST',
    url: string,
    request: NetworkRequestOptions = {},
  ): Promise<NetworkResponse<T>> => {
    const { origin, pathname, search } = new URL(url)
    const startedAt = clock.now()
    const { body, headers = {} } = request
    const reply = await withDeadline(clock, settings.tokenTimeoutMs, signal, (overall) =>
      exchange(
        dispatcher,
        { origin, path: pathname + search, method, headers, ...(body === undefined ? {} : { body }) },
        overall,
      ),
    ).catch((cause: unknown) => {
      log.warn({ event: 'entra-no-answer', ms: clock.now() - startedAt, cause: causeCode(cause) })
      failure = new Unavailable('Entra does not answer', { cause })
      throw failure
    })
    log.debug({ event: 'entra-call', status: reply.status, ms: clock.now() - startedAt })
    failure = failureOf(reply, clock.wall(), settings)
    // msal goes on with every reply: Azure Arc's identity endpoint answers 401 without a body as a challenge.
    const parsed: T = JSON.parse(parseObject(reply.body) === undefined ? '{}' : reply.body)
    return { status: reply.status, headers: challenge(reply), body: parsed }
  }

  return {
    sendGetRequestAsync: (url, request) => send('GET', url, request),
    sendPostRequestAsync: (url, request) => send('POST', url, request),
    failure: () => failure,
  }
}

function challenge(reply: WireReply): Record<string, string> {
  const value = reply.header('www-authenticate')
  return value === undefined ? {} : { 'www-authenticate': value }
}

function failureOf(reply: WireReply, wallMs: number, settings: DataverseSettings) {
  const { status } = reply
  const told = retryAfterMs(reply.header('retry-after'), reply.header('date'), wallMs)
  if (status === 429 || (told !== undefined && status >= 400)) {
    const waitMs = Math.max(settings.retryAfterMinMs, told ?? settings.retryAfterDefaultMs)
    return new Busy('Entra asks to wait', waitMs)
  }
  const body = parseObject(reply.body)
  if (status >= 500 || body === undefined) {
    return new Unavailable(`no usable answer from Entra: HTTP ${status}`)
  }
  return status >= 400 ? entraError(status, body) : undefined
}
