/** What one replica at a time may do. */
export type LeaseName = 'background-sync'

export interface Lease {
  /** Who has it, or had it last: what `acquire` was told. */
  holder: string
  fence: number
  /** Epoch ms by the store's clock: when the holder got it. */
  since: number
  isOver: boolean
  /** What a holder said last of what it does; stays until another one says something. */
  note?: string
}

/**
 * Leases by name. The store's clock alone decides when one is over, so replicas need no common time. The fence
 * rises with every change of holder and never falls: what carries an older one comes from somebody who was asleep.
 */
export interface Leases {
  /**
   * undefined = somebody else has it. Who has it already keeps it and its fence, for `ttlMs` from now; who had it
   * and let it end gets a new fence.
   */
  acquire(name: LeaseName, holder: string, ttlMs: number): Promise<{ fence: number } | undefined>
  /** For `ttlMs` from now. false = it is over, or another fence is at its place: it must be acquired anew. */
  renew(name: LeaseName, fence: number, ttlMs: number, note?: string): Promise<boolean>
  /** Anybody may have it at once. Nothing happens when it is not of this fence any more. */
  release(name: LeaseName, fence: number): Promise<void>
  /** undefined = nobody ever had it. */
  read(name: LeaseName): Promise<Lease | undefined>
}
