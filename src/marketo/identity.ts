import type { Dispatcher } from 'undici'
import { withDeadline } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Unauthorized, Unavailable } from '../errors.ts'
import { causeCode, type Log } from '../event-log.ts'
import { exchange, type WireReply } from '../exchange.ts'
import { asNumber, asString, parseObject } from '../shape.ts'
import type { MarketoSettings } from './settings.ts'

export interface Token {
  text: string
  /** Epoch ms; never later than Marketo thinks, give or take the clocks. */
  expiresAtMs: number
}

/** One request for the token of our custom service. Throws Unauthorized or Unavailable. */
export type AskIdentity = (signal: AbortSignal) => Promise<Token>

/** Source: Adobe, "Marketo REST API authentication"; these calls do not count against any quota. */
export function createIdentity(options: {
  origin: string
  clientId: string
  clientSecret: string
  dispatcher: Dispatcher
  settings: MarketoSettings
  clock: Clock
  log: Log
}): AskIdentity {
  const { origin, clientId, clientSecret, dispatcher, settings, clock, log } = options
  const query = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: clientSecret,
  })
  const request = {
    origin,
    method: 'GET',
    path: `/identity/oauth/token?${query}`,
    headers: { accept: 'application/json' },
  } as const

  return async (signal) => {
    const askedAtMs = clock.now()
    const ms = () => clock.now() - askedAtMs
    const reply = await withDeadline(clock, settings.tokenTimeoutMs, signal, (overall) =>
      exchange(dispatcher, request, overall),
    ).catch((cause: unknown) => {
      log.warn({ event: 'marketo-identity-no-answer', ms: ms(), cause: causeCode(cause) })
      throw new Unavailable("Marketo's identity endpoint does not answer", { cause })
    })
    log.debug({ event: 'marketo-identity-call', status: reply.status, ms: ms() })
    return read(reply, askedAtMs)
  }
}

function read({ status, body }: WireReply, askedAtMs: number): Token {
  const answer = parseObject(body)
  const error = asString(answer?.error)
  if (status === 401 || (status === 400 && error !== undefined)) {
    throw new Unauthorized('Marketo rejects the credentials', {
      code: 'marketo-credentials-wrong',
      advice:
        'Copy MARKETO_CLIENT_ID and MARKETO_CLIENT_SECRET from the custom service in LaunchPoint, and MARKETO_URL from the same instance.',
      vendorCode: error === undefined ? `HTTP ${status}` : error.slice(0, 100),
    })
  }
  const text = asString(answer?.access_token)
  // The token is shared by all who use the custom service: what counts is its remaining life.
  const leftSeconds = asNumber(answer?.expires_in)
  if (status !== 200 || !text || leftSeconds === undefined) {
    throw new Unavailable(`no usable answer from Marketo's identity endpoint: HTTP ${status}`)
  }
  return { text, expiresAtMs: askedAtMs + leftSeconds * 1_000 }
}
