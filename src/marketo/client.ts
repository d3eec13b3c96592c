import { type CallContext, withDeadline } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { isVendorError, Unavailable } from '../errors.ts'
import type { ReadRequest, Sender } from './sender.ts'
import type { MarketoSettings } from './settings.ts'
import type { Tokens } from './token.ts'
import { type Answer, errorOf } from './verdict.ts'

export interface Client {
  /** Throws Unauthorized, Rejected, Busy or Unavailable. Sends again only when the token is not taken. */
  read(request: ReadRequest, call: CallContext): Promise<Answer>
}

/** Decide (judge), wait (limiter) and send (exchange) put together. Retries belong to the caller. */
export function createClient(options: {
  sender: Sender
  tokens: Tokens
  settings: MarketoSettings
  clock: Clock
}): Client {
  const { sender, tokens, settings, clock } = options

  const converse = async (request: ReadRequest, signal: AbortSignal): Promise<Answer> => {
    const token = await tokens.get({ signal })
    let { verdict, waitMs } = await sender.sendOnce(request, token, signal)
    if (verdict.kind === 'error' && verdict.codeClass === 'token') {
      const other = await tokens.replace(token, { signal })
      ;({ verdict, waitMs } = await sender.sendOnce(request, other, signal))
    }
    if (verdict.kind === 'answer') return verdict.answer
    throw errorOf(verdict, waitMs)
  }

  return {
    async read(request, call) {
      try {
        return await withDeadline(clock, settings.callTimeoutMs, call.signal, (signal) =>
          converse(request, signal),
        )
      } catch (cause) {
        if (isVendorError(cause)) throw cause
        throw new Unavailable(`no answer from Marketo to ${request.name}`, { cause })
      }
    },
  }
}
