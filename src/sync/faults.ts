import type { Rejected, Unauthorized } from '../errors.ts'
import type { NewFailure, SyncStore } from '../store/sync-port.ts'

export type FaultSide = NewFailure['side']

/** Verbs by which people are read and written: they run only while somebody has changed. */
const OF_WORK = /^(rows|people|syncLeads)\b/
/** Of an earlier process: which verb met it is not known any more. */
const BEFORE = 'before'

/**
 * Faults of the set-up that calls have met: credentials, permissions, switches. One is over when the same verb
 * succeeds, or when nobody is left who waits for it; a cycle in which there was nothing to do says nothing.
 */
export class Faults {
  readonly #store: Pick<SyncStore, 'readFailures' | 'save'>
  /** By the verb that met them. */
  readonly #open = new Map<string, NewFailure[]>()
  #reported: string | undefined

  constructor(store: Pick<SyncStore, 'readFailures' | 'save'>) {
    this.#store = store
  }

  /** Each once, whoever met it. */
  get all(): readonly NewFailure[] {
    const all = [...this.#open.values()].flat()
    return [...new Map(all.map((one) => [nameOf(one), one])).values()]
  }

  set(verb: string, failures: readonly NewFailure[]): void {
    if (failures.length === 0) this.#open.delete(verb)
    else this.#open.set(verb, [...failures])
  }

  raise(verb: string, side: FaultSide, error: Unauthorized | Rejected): void {
    const { field, ...detail } = error.detail
    const fault: NewFailure = { side, ...detail, ...(field !== undefined && { field }) }
    this.set(verb, [fault])
    this.#forgetBefore((one) => nameOf(one) !== nameOf(fault))
  }

  /** Somebody is left who waits, or nobody. */
  ended({ isCalm }: { isCalm: boolean }): void {
    if (!isCalm) return
    for (const verb of this.#open.keys()) if (OF_WORK.test(verb) || verb === BEFORE) this.#open.delete(verb)
  }

  /** What an earlier process left open stays so until something is known of it. */
  async load(): Promise<void> {
    if (this.#reported !== undefined) return
    const open = await this.#store.readFailures({ limit: OPEN_MAX })
    // What names a field is found out anew with the schemas.
    const ofSetUp = open.filter(({ linkId, field }) => linkId === undefined && field === undefined)
    this.set(
      BEFORE,
      ofSetUp.map(({ side, code, advice, vendorCode, vendorRequestId }) => ({
        side,
        code,
        advice,
        ...(vendorCode !== undefined && { vendorCode }),
        ...(vendorRequestId !== undefined && { vendorRequestId }),
      })),
    )
    this.#reported = ''
  }

  /** Into the store, where it has changed. */
  async report(now: number): Promise<void> {
    const reported = JSON.stringify(this.all)
    if (reported === this.#reported) return
    await this.#store.save({ now, failures: [{ failures: this.all }] })
    this.#reported = reported
  }

  #forgetBefore(isKept: (one: NewFailure) => boolean): void {
    this.set(BEFORE, (this.#open.get(BEFORE) ?? []).filter(isKept))
  }
}

const OPEN_MAX = 1_000

function nameOf({ side, code, field }: NewFailure): string {
  return JSON.stringify([side, code, field])
}
