import type { SyncStore } from '../store/sync-port.ts'
import { saveComputed } from './intake/pages.ts'

/**
 * An operator has stopped one of the two writers that took turns with a field: what was counted of the record's turns
 * is forgotten. Does nothing where the failure is another one, or over.
 */
export async function releaseContested(store: SyncStore, failureId: number, now: number): Promise<void> {
  const [failure] = await store.readFailures({ code: 'field-contested', limit: 1, after: failureId - 1 })
  if (failure?.failureId !== failureId || failure.linkId === undefined) return
  const linkIds = [failure.linkId]
  await saveComputed(store, async () => {
    const replicas = await store.findReplicas({ linkIds })
    return { now, replicas: replicas.map(({ turns, ...replica }) => replica) }
  })
}
