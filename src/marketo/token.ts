import { type CallContext, createSingleFlight } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Unauthorized, Unavailable } from '../errors.ts'
import type { Log } from '../event-log.ts'
import type { AskIdentity, Token } from './identity.ts'
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
