import type { Dispatcher } from 'undici'
import { type CallContext, createSingleFlight, withDeadline } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Unauthorized, Unavailable } from '../errors.ts'
import { exchange, type WireReply } from '../exchange.ts'
import { asNumber, asString, parseObject } from '../json.ts'
import { causeCode, type Log } from '../log.ts'
import type { MarketoSettings } from './settings.ts'

export interface Tokens {
  /** From memory while it lasts; otherwise all callers wait for the same request. */
  get(call: CallContext): Promise<string>
  /** What to send instead of `refusedToken`: asks Marketo unless somebody else has done so meanwhile. */
  replace(refusedToken: string, call: CallContext): Promise<string>
}

/**
 * Until its last second Marketo answers every request with the same token, so replacing one early is
 * impossible: a token that is about to end is waited out. Source: Adobe, "Marketo REST API authentication".
 */
export function createTokens(options: {
  ask: AskIdentity
  settings: MarketoSettings
  clock: Clock
  log: Log
  closing: AbortSignal
}): Tokens {
  const { ask, settings, clock, log } = options
  let kept: Token | undefined
  let refused: string | undefined
  let failure: { error: Unauthorized | Unavailable; untilMs: number } | undefined

  const isDying = ({ text, expiresAtMs }: Token) => {
    const ownMaxMs = text === refused ? settings.dyingWaitMaxMs : settings.expirySafetyMs
    return expiresAtMs - clock.now() <= ownMaxMs
  }

  const acquire = async (signal: AbortSignal): Promise<Token> => {
    for (let asks = 1; ; asks += 1) {
      const token = await ask(signal)
      if (!isDying(token)) return token
      if (asks >= settings.tokenAsksMax)
        throw new Unavailable('Marketo returns only tokens that have already expired')
      const leftMs = Math.max(0, token.expiresAtMs - clock.now())
      await clock.sleep(leftMs + settings.tokenEndSlackMs, signal)
    }
  }

  const flight = createSingleFlight(async (signal) => {
    try {
      kept = await acquire(signal)
      failure = undefined
      return kept.text
    } catch (cause) {
      const error = asOurs(cause)
      failure = { error, untilMs: clock.now() + settings.tokenRetryMs }
      log.warn({ event: 'marketo-no-token', error: error.name, why: error.message })
      throw error
    }
  }, options.closing)

  const join = async (call: CallContext) => {
    if (failure !== undefined && clock.now() < failure.untilMs) throw failure.error
    try {
      return await flight.join(call.signal)
    } catch (cause) {
      throw asOurs(cause)
    }
  }

  return {
    async get(call) {
      if (kept !== undefined && clock.now() < kept.expiresAtMs - settings.expirySafetyMs) return kept.text
      return join(call)
    },
    async replace(refusedToken, call) {
      if (kept !== undefined && kept.text !== refusedToken) return this.get(call)
      refused = refusedToken
      kept = undefined
      return join(call)
    },
  }
}

function asOurs(cause: unknown): Unauthorized | Unavailable {
  if (cause instanceof Unauthorized || cause instanceof Unavailable) return cause
  return new Unavailable('no token from Marketo', { cause })
}

interface Token {
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
