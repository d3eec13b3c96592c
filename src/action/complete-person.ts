import type { Logger } from 'pino'
import type { CallContext } from '../abort.ts'
import { type FailureDetail, Rejected, Unauthorized } from '../errors.ts'
import type { ReadPerson } from '../marketo/gathered-people.ts'
import type { Person } from '../person/person.ts'
import { toPerson } from '../person/read-person.ts'
import { type FieldSelection, marketoFields } from '../person/selection.ts'
import type { Payload } from './payload.ts'

/** Fields that every Marketo subscription has. */
const ALWAYS_THERE: readonly string[] = ['email', 'firstName', 'lastName', 'company']
/** What the background sync says about a person's record; there once Marketo was set up for it. */
const RECORD_FIELDS: readonly string[] = ['microsoftRecordId', 'microsoftType']
const GUID = /^\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?$/

export interface CompletePersonOptions {
  readPerson: ReadPerson
  selection: FieldSelection
  log: Logger
}

/** Asks Marketo for what a call with a Marketo id alone leaves out. What the caller said outranks it. */
export class CompletePerson {
  readonly #options: CompletePersonOptions
  #recordFields = RECORD_FIELDS

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
    const record = recordOf(known)
    return {
      ...payload,
      completed: true,
      person: merge(person, payload.person),
      ...(known === undefined && { unknownToMarketo: true }),
      ...(record && { record }),
    }
  }

  async #read(marketoId: number, call: CallContext): Promise<Record<string, unknown> | undefined> {
    const { readPerson, selection, log } = this.#options
    let fields: readonly string[] = ['email', ...marketoFields(selection)]
    for (;;) {
      // Others may be refused by the same answer, and draw the same conclusion.
      const recordFields = this.#recordFields
      const asked = [...new Set([...recordFields, ...fields])]
      try {
        return await readPerson(marketoId, asked, call)
      } catch (error) {
        if (!(error instanceof Rejected)) throw error
        const { code, field } = error.detail
        if (recordFields.length > 0 && (field === undefined || RECORD_FIELDS.includes(field))) {
          this.#recordFields = []
        } else if (fields !== ALWAYS_THERE) {
          log.error({ event: 'marketo-fields-refused', code, field })
          fields = ALWAYS_THERE
        } else {
          // Nothing is wrong with the person: they wait until an operator has mended the set-up.
          throw new Unauthorized('Marketo refuses to tell who a person is', error.detail, { cause: error })
        }
      }
    }
  }
}

/** A person who is refused for what is missing, and of whom Marketo could not say anything: the id is at fault. */
export function blameTheId<Refused extends FailureDetail>(refused: Refused, payload: Payload): Refused {
  if (!payload.unknownToMarketo || refused.code !== 'field-required') return refused
  const advice =
    'Marketo has no person with this id: it was deleted or merged, or belongs to another subscription. Send the id of a person who is there, or the values themselves.'
  return { ...refused, code: 'marketo-person-unknown', field: 'marketoId', advice }
}

/** The record that the sync has made this person of, when no link says so yet. Anybody may edit the fields. */
function recordOf(known: Record<string, unknown> = {}): Payload['record'] {
  const [named = '', type] = RECORD_FIELDS.map((name) =>
    String(known[name] ?? '')
      .trim()
      .toLowerCase(),
  )
  const id = GUID.exec(named)?.[1]
  if (id === undefined) return undefined
  return type === 'lead' || type === 'contact' ? { table: type, id } : undefined
}

function merge(fromMarketo: Person, fromCaller: Person): Person {
  const said = { ...fromMarketo, ...fromCaller }
  return { ...said, fields: { ...fromMarketo.fields, ...fromCaller.fields } }
}
