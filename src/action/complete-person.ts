import type { Logger } from 'pino'
import type { CallContext } from '../abort.ts'
import { Rejected, Unauthorized } from '../errors.ts'
import type { People } from '../marketo/people.ts'
import type { Person } from '../person/person.ts'
import { toPerson } from '../person/read-person.ts'
import { type FieldSelection, marketoFields } from '../person/selection.ts'
import type { Payload } from './payload.ts'

/** Fields that every Marketo subscription has. */
const ALWAYS_THERE = ['email', 'firstName', 'lastName', 'company']

export interface CompletePersonOptions {
  people: Pick<People, 'read'>
  selection: FieldSelection
  log: Logger
}

/** Asks Marketo for what a call with a Marketo id alone leaves out. What the caller said outranks it. */
export class CompletePerson {
  readonly #options: CompletePersonOptions

  constructor(options: CompletePersonOptions) {
    this.#options = options
  }

  /** Whether the person's e-mail, and so their identity, is still to be learned. */
  isNeeded({ person, completed }: Payload): boolean {
    return !completed && person.marketoId !== undefined && person.email === undefined
  }

  /** Throws Busy, Unavailable or Unauthorized when Marketo cannot be asked now. */
  async complete(payload: Payload, call: CallContext): Promise<Payload> {
    const { marketoId } = payload.person
    if (marketoId === undefined) return payload
    const known = await this.#read(marketoId, call)
    const { person } = toPerson({ ...known, marketoId }, this.#options.selection)
    return { ...payload, completed: true, person: merge(person, payload.person) }
  }

  async #read(marketoId: number, call: CallContext): Promise<Record<string, unknown> | undefined> {
    const { people, selection, log } = this.#options
    const wanted = [...new Set(['email', ...marketoFields(selection)])]
    try {
      return (await people.read([marketoId], wanted, call)).get(marketoId)
    } catch (error) {
      if (!(error instanceof Rejected)) throw error
      log.error({ event: 'marketo-fields-refused', code: error.detail.code, field: error.detail.field })
    }
    try {
      return (await people.read([marketoId], ALWAYS_THERE, call)).get(marketoId)
    } catch (error) {
      if (!(error instanceof Rejected)) throw error
      // Nothing is wrong with the person: they wait until an operator has mended the set-up.
      throw new Unauthorized('Marketo refuses to tell who a person is', error.detail, { cause: error })
    }
  }
}

function merge(fromMarketo: Person, fromCaller: Person): Person {
  const said = { ...fromMarketo, ...fromCaller }
  return { ...said, fields: { ...fromMarketo.fields, ...fromCaller.fields } }
}
