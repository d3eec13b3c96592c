import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from '../postgres/cluster.ts'

const CUT_EVERY_MS = 2_000
/** Every so many cuts the whole server goes down instead, and comes back. */
const CUTS_PER_RESTART = 8

/** Cuts all connections to the database again and again, and now and then restarts it, until the signal aborts. */
export async function troubleDatabase(
  cluster: Cluster,
  signal: AbortSignal,
): Promise<Record<string, number>> {
  let cuts = 0
  let restarts = 0
  while (!signal.aborted) {
    await delay(CUT_EVERY_MS, undefined, { signal }).catch(() => {})
    if (signal.aborted) break
    if ((cuts + 1) % CUTS_PER_RESTART === 0) {
      await cluster.restart()
      restarts += 1
    } else await cluster.cutConnections()
    cuts += 1
  }
  return { 'times that connections were cut': cuts - restarts, 'restarts of the database': restarts }
}
