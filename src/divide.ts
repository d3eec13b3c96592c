/** Parts of the group to be sent in its place, `done` with it, or `stop`: nothing more is to be sent. */
export type Sent<Item> = 'done' | 'stop' | readonly (readonly Item[])[]

export interface DivideOptions<Item> {
  /** Largest group that may be sent now; asked before each. Absent: as the groups are. */
  sizeMax?: () => number
  /** Times that a group may be divided; after that `send` is told not to. */
  splitsMax: number
  send(group: readonly Item[], mayDivide: boolean): Promise<Sent<Item>>
}

/**
 * Sends group after group, in order. One that is refused as a whole because of some of its items is divided until
 * who is to blame stands alone, so that the others travel: about two calls for each halving.
 */
export async function sendDivided<Item>(
  groups: Iterable<readonly Item[]>,
  { sizeMax, splitsMax, send }: DivideOptions<Item>,
): Promise<void> {
  const queue = [...groups].filter(({ length }) => length > 0)
  let splitsLeft = splitsMax
  for (let group = queue.shift(); group !== undefined; group = queue.shift()) {
    const size = sizeMax?.() ?? group.length
    if (group.length > size) {
      queue.unshift(group.slice(0, size), group.slice(size))
      continue
    }
    const sent = await send(group, splitsLeft > 0)
    if (sent === 'stop') return
    if (sent === 'done') continue
    splitsLeft -= 1
    queue.unshift(...sent.filter(({ length }) => length > 0))
  }
}

export function halves<Item>(group: readonly Item[]): readonly (readonly Item[])[] {
  const middle = Math.ceil(group.length / 2)
  return [group.slice(0, middle), group.slice(middle)]
}
