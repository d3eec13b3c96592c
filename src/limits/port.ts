/** What several replicas share of one vendor's limits. One replica alone shares nothing and needs none of this. */
export interface Quota {
  /**
   * One round trip: says what became of the block before, and gives the next one. Rejects when nobody can be asked;
   * then nothing may start. Times of what goes in and comes out are epoch ms by the replica's own clock.
   */
  take(ask: QuotaAsk): Promise<QuotaBlock>
}

/** Calls of everybody, and of the background behind them. */
export interface Lanes {
  calls: number
  background: number
}

/** What all replicas together keep to. */
export interface QuotaLimits {
  /** How long a block may be used. So long others may not know what one has learned. */
  blockMs: number
  /** How long slots are kept for a replica that is not heard of. */
  leaseMs: number
  slotsMax: number
  /** Of the slots, what the background leaves to others: a share, and at least so many. */
  reservedSlots: number
  reservedSlotShare: number
  /** Starts in any window of that length. Of them the background has its part. */
  window?: Lanes & { ms: number; startsPerSlot: number }
  /** Starts between two midnights of a time zone. */
  day?: Lanes & { zone: string }
}

/** What is known of the vendor by now: `concurrency`, `spacingMs` and others, and moments. */
export interface Learned {
  values: Readonly<Record<string, number>>
  times: Readonly<Record<string, number>>
}

export interface QuotaAsk {
  /** Whose limits: the host of the vendor's origin. */
  name: string
  /** Counts up with each block that this replica asks for. */
  number: number
  /** The last block that arrived, and the starts made of it; of the ones since, nothing was used. */
  spent: { number: number; starts: number }
  limits: QuotaLimits
  inFlight: number
  waiting: Lanes
  /** The most that may be started of the block. */
  starts: Lanes
  learned: Learned
  /** Of what is shared, as far as `learned` builds on it. */
  version: number
  /** Whether `learned` is to become what is shared. It does unless somebody else was first. */
  publishes: boolean
}

export interface QuotaBlock {
  /** Starts may be made from and before. */
  fromMs: number
  untilMs: number
  starts: Lanes
  /** A call may start while fewer than this are in flight, one of the background while fewer than that. */
  slots: Lanes
  /** Kept for this replica until it is heard of again, or the lease is over. */
  held: number
  /** Replicas that have been heard of lately, this one included. */
  living: number
  learned: Learned
  version: number
  isPublished: boolean
  /** Starts of all replicas within the window, oldest first, the block's own not counted. */
  recentMs: readonly number[]
  /** Likewise. */
  day?: { calls: number; endsAtMs: number }
}
