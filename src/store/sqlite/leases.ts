import type { Clock } from '../../clock.ts'
import type { Lease, LeaseName, Leases } from '../lease-port.ts'

interface Held extends Omit<Lease, 'isOver'> {
  until: number
}

/** One process has the file, so nobody outside of it can ask: leases are kept in memory and end with the process. */
export class SqliteLeases implements Leases {
  readonly #clock: Pick<Clock, 'now'>
  readonly #leases = new Map<LeaseName, Held>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  async acquire(name: LeaseName, holder: string, ttlMs: number): Promise<{ fence: number } | undefined> {
    const now = this.#clock.now()
    const last = this.#leases.get(name)
    const isGoingOn = last !== undefined && last.until > now
    if (isGoingOn && last.holder !== holder) return undefined
    const begun = isGoingOn ? last : { ...last, holder, since: now, fence: (last?.fence ?? 0) + 1 }
    this.#leases.set(name, { ...begun, until: now + ttlMs })
    return { fence: begun.fence }
  }

  async renew(name: LeaseName, fence: number, ttlMs: number, note?: string): Promise<boolean> {
    const held = this.#held(name, fence)
    if (held === undefined) return false
    held.until = this.#clock.now() + ttlMs
    if (note !== undefined) held.note = note
    return true
  }

  async release(name: LeaseName, fence: number): Promise<void> {
    const held = this.#held(name, fence)
    if (held) held.until = 0
  }

  async read(name: LeaseName): Promise<Lease | undefined> {
    const last = this.#leases.get(name)
    if (last === undefined) return undefined
    const { until, ...lease } = last
    return { ...lease, isOver: until <= this.#clock.now() }
  }

  /** Whether the lease is of this fence and not over. Asked inside a transaction, it holds until the commit. */
  isHeld(name: LeaseName, fence: number): boolean {
    return this.#held(name, fence) !== undefined
  }

  #held(name: LeaseName, fence: number): Held | undefined {
    const last = this.#leases.get(name)
    return last?.fence === fence && last.until > this.#clock.now() ? last : undefined
  }
}
