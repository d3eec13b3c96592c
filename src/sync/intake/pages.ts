import type { Clock } from '../../clock.ts'
import type { SyncChange, SyncStore } from '../../store/sync-port.ts'
import type { SyncSettings } from '../settings.ts'

/** Times that a page is looked at again because a link changed meanwhile. */
const STALE_MAX = 10

/**
 * Saves what `compute` finds, which reads the store anew each time: the flow action may change a link in
 * between. Everything in one transaction, so a cursor moves only with its effects.
 */
export async function saveComputed(
  store: SyncStore,
  compute: () => Promise<SyncChange>,
): Promise<SyncChange> {
  for (let tries = 1; ; tries += 1) {
    const change = await compute()
    const result = await store.save(change)
    if (result.kind === 'saved') return change
    if (tries >= STALE_MAX) throw new Error('A link changes faster than it can be saved')
  }
}

/** Parts of at most `max`. */
export function chunks<T>(items: readonly T[], max: number): T[][] {
  const parts: T[][] = []
  for (let at = 0; at < items.length; at += max) parts.push(items.slice(at, at + max))
  return parts
}

/** `map` over many items; requests get their turn in between. */
export async function inParts<T, Mapped>(
  items: readonly T[],
  map: (item: T) => Mapped,
  { clock, settings }: { clock: Clock; settings: Pick<SyncSettings, 'saveMax'> },
): Promise<Mapped[]> {
  const mapped: Mapped[] = []
  for (const part of chunks(items, settings.saveMax)) {
    if (mapped.length > 0) await clock.sleep(0)
    for (const item of part) mapped.push(map(item))
  }
  return mapped
}
