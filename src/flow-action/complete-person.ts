import type { Logger } from 'pino'
import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { type FailureDetail, Rejected, Unauthorized } from '../errors.ts'
import type { ReadPerson } from '../marketo/people.ts'
import type { Person } from '../person/person.ts'
import { toPerson } from '../person/read-person.ts'
import { type FieldSelection, marketoFields } from '../person/selection.ts'
import type { Warning } from '../store/port.ts'
import type { Payload } from './payload.ts'

/** Fields that every Marketo subscription has. */
const ALWAYS_THERE: readonly string[] = ['email', 'firstName', 'lastName', 'company']
/** What the background sync says about a person's record; there once Marketo was set up for it. */
const RECORD_FIELDS: readonly string[] = ['microsoftRecordId', 'microsoftType']
const GUID = /^\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?$/

/** A field that was made meanwhile is asked for again after this time. */
const REFUSED_FOR_MS = 3_600_000

export interface CompletePersonOptions {
  readPerson: ReadPerson
  selection: FieldSelection
  clock: Pick<Clock, 'now'>
  log: Logger
}

interface Read {
  known: Record<string, unknown> | undefined
  /** What Marketo refuses to be asked for. */
  unread: readonly Warning[]
}

/** Asks Marketo for what a call with a Marketo id alone leaves out. What the caller said outranks it. */
export class CompletePerson {
  readonly #options: CompletePersonOptions
  #recordFields = RECORD_FIELDS
  /** Fields that Marketo refuses by name, and until when they are not asked for. */
  readonly #refused = new Map<string, { why: FailureDetail; until: number }>()

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
    const { known, unread } = await this.#read(marketoId, call)
    const { person } = toPerson({ ...known, marketoId }, this.#options.selection)
    const record = recordOf(known)
    const missing = unread.filter(({ field }) => !Object.hasOwn(payload.person.fields, field))
    return {
      ...payload,
      completed: true,
      person: merge(person, payload.person),
      ...(known === undefined && { unknownToMarketo: true }),
      ...(record && { record }),
      ...(missing.length > 0 && { unread: missing }),
    }
  }

  async #read(marketoId: number, call: CallContext): Promise<Read> {
    const { readPerson, selection, log } = this.#options
    const wanted = [...new Set(['email', ...marketoFields(selection)])]
    let bareBecause: FailureDetail | undefined
    for (;;) {
      this.#askAgain()
      const fields = (bareBecause ? ALWAYS_THERE : wanted).filter((name) => !this.#refused.has(name))
      // Others may be refused by the same answer, and draw the same conclusion.
      const recordFields = this.#recordFields
      const asked = [...new Set([...recordFields, ...fields])]
      try {
        const known = await readPerson(marketoId, asked, call)
        const unread = wanted.flatMap((field) => {
          const why = this.#refused.get(field)?.why ?? bareBecause
          return fields.includes(field) || why === undefined ? [] : warningOf(field, why)
        })
        return { known, unread }
      } catch (error) {
        if (!(error instanceof Rejected)) throw error
        if (this.#refuse(error, asked)) continue
        if (recordFields.length > 0) {
          this.#recordFields = []
        } else if (bareBecause === undefined) {
          log.error({ event: 'marketo-fields-refused', code: error.detail.code })
          bareBecause = error.detail
        } else {
          // Nothing is wrong with the person: they wait until an operator has corrected the set-up.
          throw new Unauthorized('Marketo refuses to return a person', error.detail, { cause: error })
        }
      }
    }
  }

  /** Sets aside the fields that a refusal names. false: it names none of those that can be done without. */
  #refuse(error: Rejected, asked: readonly string[]): boolean {
    const { clock, log } = this.#options
    const named = [error.detail.field ?? '', ...error.fields]
    const dispensable = named.filter((name) => name !== 'email' && asked.includes(name))
    const selected = dispensable.filter((name) => !RECORD_FIELDS.includes(name))
    if (selected.length < dispensable.length) this.#recordFields = []
    for (const field of selected) {
      const { code } = error.detail
      if (!this.#refused.has(field)) log.error({ event: 'marketo-fields-refused', code, field })
      this.#refused.set(field, { why: error.detail, until: clock.now() + REFUSED_FOR_MS })
    }
    return dispensable.length > 0
  }

  #askAgain(): void {
    const now = this.#options.clock.now()
    for (const [field, { until }] of this.#refused) if (until <= now) this.#refused.delete(field)
  }
}

function warningOf(field: string, { code, advice }: FailureDetail): Warning {
  return { field, code, advice: `The record is created without this field. ${advice}` }
}

/** A person who is refused for what is missing, and of whom Marketo could not say anything: the id is at fault. */
export function blameTheId<Refused extends FailureDetail>(refused: Refused, payload: Payload): Refused {
  if (!payload.unknownToMarketo || refused.code !== 'field-required') return refused
  const advice =
    'Marketo has no person with this id: it was deleted or merged, or belongs to another subscription. Send the id of an existing person, or the values themselves.'
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
