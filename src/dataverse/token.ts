import { type CallContext, createSingleFlight } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Busy, Unauthorized, Unavailable } from '../errors.ts'
import type { Log } from '../log.ts'
import type { DataverseSettings } from './settings.ts'

interface Token {
  text: string
  /** Epoch ms. */
  expiresAtMs: number
}

/** One request to Entra. Throws Unauthorized, Busy or Unavailable. */
export type AcquireToken = (signal: AbortSignal) => Promise<Token>

export interface Tokens {
  /** From memory while it lasts; otherwise all callers wait for the same request. */
  get(call: CallContext): Promise<string>
  /** Another token than `refusedToken`: asks Entra unless somebody else has done so meanwhile. */
  refresh(refusedToken: string, call: CallContext): Promise<string>
}

/**
 * Our own cache in front of msal, which has neither single flight nor a background refresh and whose cache
 * costs more than a call. A token near its end is replaced while the old one is still served.
 */
export function createTokens(options: {
  acquire: AcquireToken
  settings: DataverseSettings
  clock: Clock
  log: Log
  closing: AbortSignal
}): Tokens {
  const { acquire, settings, clock, log } = options
  let kept: Kept | undefined
  let failure: { error: Error; untilMs: number } | undefined

  const flight = createSingleFlight(async (signal) => {
    try {
      const token = await acquire(signal)
      kept = keep(token, clock.now(), settings)
      failure = undefined
      return token.text
    } catch (cause) {
      const error = asOurs(cause)
      const holdMs = error instanceof Busy ? error.retryAfterMs : settings.tokenRetryMs
      failure = { error, untilMs: clock.now() + holdMs }
      log.warn({ event: 'no-token', error: error.name, why: error.message, holdMs })
      throw error
    }
  }, options.closing)

  const held = () => {
    const leftMs = failure === undefined ? 0 : failure.untilMs - clock.now()
    if (failure === undefined || leftMs <= 0) return undefined
    return failure.error instanceof Busy ? new Busy(failure.error.message, leftMs) : failure.error
  }

  const ask = async (call: CallContext) => {
    const error = held()
    if (error !== undefined) throw error
    try {
      return await flight.join(call.signal)
    } catch (cause) {
      throw asOurs(cause)
    }
  }

  return {
    async get(call) {
      const now = clock.now()
      if (kept === undefined || now >= kept.usableUntilMs) return ask(call)
      if (now >= kept.refreshAtMs && held() === undefined) flight.start()
      return kept.text
    },
    async refresh(refusedToken, call) {
      if (kept !== undefined && kept.text !== refusedToken) return this.get(call)
      kept = undefined
      return ask(call)
    },
  }
}

interface Kept {
  text: string
  refreshAtMs: number
  usableUntilMs: number
}

/** Margins shrink with the life of the token: a short-lived one must not be replaced at every call. */
function keep(token: Token, nowMs: number, settings: DataverseSettings): Kept {
  const lifeMs = token.expiresAtMs - nowMs
  return {
    text: token.text,
    refreshAtMs: token.expiresAtMs - Math.min(settings.refreshEarlyMs, lifeMs / 2),
    usableUntilMs: token.expiresAtMs - Math.min(settings.expirySafetyMs, lifeMs / 4),
  }
}

function asOurs(cause: unknown): Unauthorized | Busy | Unavailable {
  if (cause instanceof Unauthorized || cause instanceof Busy || cause instanceof Unavailable) return cause
  return new Unavailable('no usable answer from Entra', { cause })
}
