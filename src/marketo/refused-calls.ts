import { halves, type Sent, sendDivided } from '../gathering.ts'
import { CallRefused } from './refusal.ts'

export interface DividedCalls<Item> {
  /** In the order in which they go out. */
  groups: Iterable<readonly Item[]>
  /** One call. `stop`: no further one is to be made. Throws CallRefused. */
  call(group: readonly Item[]): Promise<'done' | 'stop'>
  /** Fields that an item names. Absent: a refusal that names fields is about the call. */
  fieldsOf?(item: Item): readonly string[]
  /** To blame are each of them, only `error.fields` of each of them, or the call whoever is in it. */
  refused(group: readonly Item[], error: CallRefused, toBlame: 'record' | 'fields' | 'call'): void
}

/**
 * Calls of one kind that Marketo may refuse as a whole because of one of their records. A call is divided until that
 * one stands alone. Where none of the parts is accepted, the call itself is at fault: then all are refused, and calls
 * that are refused like it are not divided until one is accepted.
 */
export class RefusedCalls {
  readonly #splitsMax: number
  /** The vendor's code of a refusal that was about everybody. */
  #ofAll: string | undefined

  constructor({ callDivisionsMax }: { callDivisionsMax: number }) {
    this.#splitsMax = callDivisionsMax
  }

  /** What `refused` and `call` did not see when it returns was not sent. */
  async send<Item>({ groups, call, fieldsOf, refused }: DividedCalls<Item>): Promise<void> {
    let isAccepted = false
    let splits = 0
    let splitsInVain = 0
    const send = async (group: readonly Item[], mayDivide: boolean): Promise<Sent<Item>> => {
      splitsInVain ||= 2 * Math.ceil(Math.log2(group.length))
      try {
        const next = await call(group)
        isAccepted = true
        this.#ofAll = undefined
        return next
      } catch (error) {
        if (!(error instanceof CallRefused)) throw error
        const named = fieldsOf && error.fields.length > 0 ? withFields(group, fieldsOf, error) : []
        const isOfCall = !error.mayBeOfOne || (error.fields.length > 0 && fieldsOf === undefined)
        if (named.length > 0) {
          refused(named, error, 'fields')
          return [group.filter((item) => !named.includes(item))]
        }
        if (isOfCall) refused(group, error, 'call')
        else if (group.length === 1) refused(group, error, 'record')
        else if (!error.isTooMuch && (this.#isOfAll(error) || (!isAccepted && splits >= splitsInVain))) {
          this.#ofAll = error.detail.vendorCode
          refused(group, error, 'call')
        } else if (mayDivide) {
          splits += 1
          return halves(group)
        } else return 'stop'
        return 'done'
      }
    }
    await sendDivided(groups, { splitsMax: this.#splitsMax, send })
  }

  #isOfAll({ detail }: CallRefused): boolean {
    return detail.vendorCode !== undefined && detail.vendorCode === this.#ofAll
  }
}

function withFields<Item>(
  group: readonly Item[],
  fieldsOf: (item: Item) => readonly string[],
  { fields }: CallRefused,
): Item[] {
  return group.filter((item) => fieldsOf(item).some((name) => fields.includes(name)))
}
