import type { Logger } from 'pino'
import { type FailureDetail, Unauthorized } from './errors.ts'
import { Refusal } from './problem.ts'
import type { BindingKind, Bindings } from './store/binding-port.ts'

export interface PairingOptions {
  bindings: Bindings
  /** What the configuration says of the subscription; `marketoHost` where its id is not known. */
  munchkinId?: string
  marketoHost?: string
  log: Logger
}

const WAY_OUT =
  'Restore the previous settings, give this service its own store, or delete the data of the old pairing: npm run rebind -- --forget-links.'

/**
 * The one organisation and the one subscription that a store is about: values and record ids of another pairing must
 * never meet those of this one. The first start, or the first chunk of the flow step, says which they are.
 */
export class Pairing {
  readonly #options: PairingOptions
  #organisation: string | undefined
  #subscription: string | undefined
  #fault: FailureDetail | undefined

  constructor(options: PairingOptions) {
    this.#options = options
  }

  /** Why nothing may be sent to Dynamics. */
  get fault(): FailureDetail | undefined {
    return this.#fault
  }

  /** Before anything is read or written. Throws a sentence when the configuration names another subscription. */
  async begin(): Promise<void> {
    const { munchkinId, marketoHost } = this.#options
    const named: [BindingKind, string | undefined][] = [
      ['subscription', munchkinId],
      ['marketo-host', marketoHost],
    ]
    for (const [kind, value] of named) {
      const bound = value && (await this.#options.bindings.bind(kind, value))
      if (bound === value) continue
      throw new Error(
        `The store belongs to the Marketo subscription ${bound}, and the configuration names ${value}. ${WAY_OUT}`,
      )
    }
    this.#subscription = munchkinId
  }

  /** Dataverse has said which organisation it is. Throws Unauthorized for another one than the store's. */
  readonly recognise = async (organisationId: string): Promise<void> => {
    const { bindings, log } = this.#options
    this.#organisation ??= await bindings.bind('organisation', organisationId)
    if (organisationId === this.#organisation) {
      this.#fault = undefined
      return
    }
    const advice = `The store belongs to the organisation ${this.#organisation}, and DATAVERSE_URL points to ${organisationId}. ${WAY_OUT}`
    if (this.#fault === undefined) log.error({ event: 'organisation-changed' }, advice)
    this.#fault = { code: 'organisation-changed', advice }
    throw new Unauthorized(advice, this.#fault)
  }

  /** Throws Refusal for a chunk of another subscription than the store's. */
  readonly admit = async (munchkinId: string): Promise<void> => {
    const given = munchkinId.toUpperCase()
    this.#subscription ??= await this.#options.bindings.bind('subscription', given)
    if (given === this.#subscription) return
    throw new Refusal(400, 'subscription-unknown', 'The chunk comes from another Marketo subscription.', {
      field: 'context.subscription.munchkinId',
      advice: `This service belongs to the subscription ${this.#subscription}. Run a separate service with its own store for each subscription.`,
    })
  }
}
