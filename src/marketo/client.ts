import type { CallContext } from '../abort.ts'
import { Busy, isVendorError, Unavailable } from '../errors.ts'
import { NotSent, type ReadRequest, type Sender, type WriteRequest } from './sender.ts'
import type { MarketoSettings } from './settings.ts'
import type { Tokens } from './token.ts'
import { type Answer, errorOf } from './verdict.ts'

/** Sends again only when the token is not taken, and then once: retries belong to the caller. */
export interface Client {
  /** Throws Unauthorized, Rejected, Busy or Unavailable. */
  read(request: ReadRequest, call: CallContext): Promise<Answer>
  /** The same; Busy means that nothing was executed, Unavailable that it may have been or may yet be. */
  write(request: WriteRequest, call: CallContext): Promise<Answer>
}

/** Decide (judge), wait (limiter) and send (exchange) put together. */
export function createClient(options: { sender: Sender; tokens: Tokens; settings: MarketoSettings }): Client {
  const { sender, tokens, settings } = options

  const converse = async (request: ReadRequest | WriteRequest, call: CallContext): Promise<Answer> => {
    const token = await tokens.get(call).catch(notSent)
    let { verdict, waitMs } = await sender.sendOnce(request, token, call)
    if (verdict.kind === 'error' && verdict.codeClass === 'token') {
      const other = await tokens.replace(token, call).catch(notSent)
      ;({ verdict, waitMs } = await sender.sendOnce(request, other, call))
    }
    if (verdict.kind === 'answer') return verdict.answer
    throw errorOf(verdict, waitMs, request.permission)
  }

  return {
    async read(request, call) {
      try {
        return await converse(request, call)
      } catch (cause) {
        if (isVendorError(cause)) throw cause
        if (cause instanceof NotSent && cause.cause instanceof Unavailable) throw cause.cause
        throw new Unavailable(`no answer from Marketo to ${request.name}`, { cause })
      }
    },
    async write(request, call) {
      try {
        return await converse(request, call)
      } catch (cause) {
        if (isVendorError(cause)) throw cause
        if (cause instanceof NotSent) {
          throw new Busy(
            `The request to Marketo could not be sent: ${request.name}`,
            settings.unsentRetryMs,
            { cause },
          )
        }
        throw new Unavailable(`no answer from Marketo to ${request.name}`, { cause })
      }
    },
  }
}

/** Without a token nothing is sent; a token that is refused has had no effect. */
function notSent(cause: unknown): never {
  throw cause instanceof Unavailable ? new NotSent('no token', { cause }) : cause
}
