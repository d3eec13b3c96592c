import { type CallContext, createSingleFlight } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { isVendorError, Unauthorized, Unavailable, type VendorError } from '../errors.ts'
import { asString, parseObject } from '../json.ts'
import type { Client } from './client.ts'
import { isGuid } from './odata.ts'
import { type Reply, unavailable } from './verdict.ts'

export interface Identity {
  userId: string
  organisationId: string
}

/** Throws Unauthorized for an organisation that is not the caller's. */
export type Recognise = (organisationId: string) => Promise<void>

export const WHO_AM_I = { method: 'GET' as const, path: 'WhoAmI' }

/** How long the organisation behind an address is believed to be the one that it was. */
const KNOWN_FOR_MS = 300_000
/** How long a wrong organisation is believed to be wrong. */
const WRONG_FOR_MS = 30_000

export function identityIn(reply: Reply): Identity {
  const answer = parseObject(reply.body)
  const userId = asString(answer?.UserId)
  const organisationId = asString(answer?.OrganizationId)
  if (userId === undefined || organisationId === undefined || !isGuid(organisationId)) {
    throw unavailable(reply, 'WhoAmI is not readable')
  }
  return { userId: userId.toLowerCase(), organisationId: organisationId.toLowerCase() }
}

/**
 * No call leaves before the organisation behind the address has been recognised, lately and with each table definition: one that was reset or copied in its place is another one.
 */
export class OrganisationCheck {
  readonly #recognise: Recognise
  readonly #clock: Clock
  readonly #look: ReturnType<typeof createSingleFlight<void>>
  #knownAtMs = Number.NEGATIVE_INFINITY
  #wrong: { error: Unauthorized; untilMs: number } | undefined

  constructor(options: { client: Client; recognise: Recognise; clock: Clock; closing: AbortSignal }) {
    const { client, recognise, clock, closing } = options
    this.#recognise = recognise
    this.#clock = clock
    this.#look = createSingleFlight(
      async (signal) => this.accept(await client.send({ ...WHO_AM_I, name: 'who am I' }, { signal })),
      closing,
    )
  }

  /** Takes in an answer of WhoAmI, whoever asked. */
  async accept(reply: Reply): Promise<void> {
    this.#knownAtMs = Number.NEGATIVE_INFINITY
    try {
      await this.#recognise(identityIn(reply).organisationId)
      this.#knownAtMs = this.#clock.now()
      this.#wrong = undefined
    } catch (error) {
      if (error instanceof Unauthorized) this.#wrong = { error, untilMs: this.#clock.now() + WRONG_FOR_MS }
      throw error
    }
  }

  guard(client: Client): Client {
    return {
      send: async (request, call) => {
        await this.#admit(call)
        return client.send(request, call)
      },
      batch: async (batch, call) => {
        await this.#admit(call)
        return client.batch(batch, call)
      },
      attempt: async (batch, call) => {
        const error = await this.#admit(call).then(
          () => undefined,
          (reason: unknown) => reason,
        )
        if (error === undefined) return client.attempt(batch, call)
        if (!isVendorError(error)) throw error
        const refused: VendorError = error
        return batch.parts.map(() => ({ kind: 'no-reply' as const, error: refused, sent: false }))
      },
    }
  }

  async #admit(call: CallContext): Promise<void> {
    const ageMs = this.#clock.now() - this.#knownAtMs
    if (ageMs >= 0 && ageMs < KNOWN_FOR_MS) return
    if (this.#wrong && this.#clock.now() < this.#wrong.untilMs) throw this.#wrong.error
    await this.#look.join(call.signal).catch((error: unknown) => {
      if (!call.signal.aborted || error !== call.signal.reason) throw error
      throw new Unavailable('cancelled while the organisation was read', { cause: error })
    })
  }
}
