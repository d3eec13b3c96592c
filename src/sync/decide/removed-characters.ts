import type { Logger } from 'pino'
import type { LeadChange } from '../../marketo/changes.ts'
import type { People } from '../../marketo/people.ts'
import { holdsRefused } from '../../person/text.ts'

/** Person and field pairs that are remembered as reported. */
const REPORTED_MAX = 10_000

/** Writes down, once for each, which fields of people hold characters that are removed before the value is compared. */
export class RemovedCharacters {
  readonly #log: Logger
  readonly #reported = new Set<string>()

  constructor(log: Logger) {
    this.#log = log
  }

  /** The same people. */
  watch(people: People): People {
    return {
      read: async (...given) => {
        const found = await people.read(...given)
        for (const [marketoId, fields] of found) this.#look(marketoId, Object.entries(fields))
        return found
      },
      search: async (...given) => {
        const found = await people.search(...given)
        for (const { marketoId, fields } of found) this.#look(marketoId, Object.entries(fields))
        return found
      },
    }
  }

  lookAt(changes: readonly LeadChange[]): void {
    for (const { marketoId, fields } of changes) {
      this.#look(
        marketoId,
        fields.map(({ name, newValue }) => [name, newValue]),
      )
    }
  }

  #look(marketoId: number, values: readonly (readonly [name: string, value: unknown])[]): void {
    for (const [field, value] of values) {
      if (typeof value !== 'string' || !holdsRefused(value)) continue
      const key = `${marketoId} ${field}`
      if (this.#reported.has(key)) continue
      if (this.#reported.size >= REPORTED_MAX) this.#reported.clear()
      this.#reported.add(key)
      this.#log.warn(
        { event: 'characters-removed', marketoId, field },
        'Control characters, which Dynamics refuses, are removed from this value: find what writes them in Marketo',
      )
    }
  }
}
