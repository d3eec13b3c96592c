import type { Leases } from '../store/lease-port.ts'
import { Desk } from './desk.ts'
import { Leader } from './leader.ts'
import { defaultSyncSettings } from './settings.ts'
import { createSync, type SyncOptions } from './sync.ts'
import { Tenure } from './tenure.ts'

export interface ReplicatedOptions extends Omit<SyncOptions, 'tenure'> {
  leases: Leases
  /** Names this process among the replicas; new for each start. */
  replica: string
}

/** No lease has it. */
const FENCE_OF_NOBODY = 0

/** The background sync as one replica among any number runs it: all answer, one works. */
export function createReplicatedSync({ leases, replica, ...options }: ReplicatedOptions) {
  const { store, clock, log } = options
  const settings = { ...defaultSyncSettings, ...options.settings }
  const engineOf = (tenure: Tenure) => createSync({ ...options, tenure })
  const leader = new Leader({ leases, replica, engineOf, store, clock, log, settings })
  const forever = { leaseMs: Number.POSITIVE_INFINITY, askedAt: clock.now(), clock }
  const engine = engineOf(new Tenure({ fence: FENCE_OF_NOBODY, ...forever }))
  return {
    /** Throws a sentence for an operator when the field selection cannot be synced. */
    check: (signal: AbortSignal) => engine.refuseLossyFields(signal),
    /** Until the signal aborts. */
    run: (stopping: AbortSignal) => leader.run(stopping),
    control: new Desk({ leases, leader, store, engine }),
  }
}
