import { type CallContext, untilAborted } from './abort.ts'
import type { Clock } from './clock.ts'
import { isVendorError, Unavailable } from './errors.ts'

/** Somebody who asks for something that can travel with what others ask for. */
export interface Caller<Asked, Answer> {
  asked: Asked
  signal: AbortSignal
  serve(answer: Answer): void
  fail(error: unknown): void
}

export interface GatheringOptions<Asked, Answer> {
  clock: Clock
  /** How long a group waits for others to come. */
  waitMs(lane: CallContext['lane']): number
  /** Whether the callers can travel together. One alone always can. */
  fits(callers: readonly Caller<Asked, Answer>[]): boolean
  /** Whether the group departs at once. */
  isFull(callers: readonly Caller<Asked, Answer>[]): boolean
  /** Serves or fails every caller; those whom it has not served are failed with what it throws. */
  send(callers: readonly Caller<Asked, Answer>[], lane: CallContext['lane']): Promise<void>
}

interface Group<Asked, Answer> {
  lane: CallContext['lane']
  callers: Caller<Asked, Answer>[]
  waiting: AbortController
}

/**
 * Lets those who ask at about the same time in the same lane share a call. Who leaves gets Unavailable at once, and
 * the others are served on.
 */
export function createGathering<Asked, Answer>({
  clock,
  waitMs,
  fits,
  isFull,
  send,
}: GatheringOptions<Asked, Answer>): (asked: Asked, call: CallContext) => Promise<Answer> {
  const groups = new Map<CallContext['lane'], Group<Asked, Answer>>()

  const depart = (group: Group<Asked, Answer>) => {
    if (groups.get(group.lane) !== group) return
    groups.delete(group.lane)
    group.waiting.abort('departed')
    send(group.callers, group.lane).catch((error: unknown) => {
      for (const caller of group.callers) caller.fail(error)
    })
  }

  const open = (lane: CallContext['lane']) => {
    const group: Group<Asked, Answer> = { lane, callers: [], waiting: new AbortController() }
    groups.set(lane, group)
    clock.sleep(waitMs(lane), group.waiting.signal).then(
      () => depart(group),
      () => undefined,
    )
    return group
  }

  const join = (caller: Caller<Asked, Answer>, lane: CallContext['lane']) => {
    const before = groups.get(lane)
    if (before && !fits([...before.callers, caller])) depart(before)
    const group = groups.get(lane) ?? open(lane)
    group.callers.push(caller)
    if (isFull(group.callers)) depart(group)
  }

  return async (asked, { signal, lane }) => {
    const served = new Promise<Answer>((serve, fail) => join({ asked, signal, serve, fail }, lane))
    try {
      return await untilAborted(served, signal)
    } catch (cause) {
      if (!signal.aborted || isVendorError(cause)) throw cause
      throw new Unavailable('the caller stopped waiting for the vendor', { cause })
    }
  }
}

/** Runs `work` under a signal that aborts when the last of the callers has left. */
export async function whileAnybodyWaits<T>(
  callers: readonly { signal: AbortSignal }[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signals = new Set(callers.map(({ signal }) => signal))
  const nobody = new AbortController()
  const onLeave = () => {
    if ([...signals].every(({ aborted }) => aborted)) nobody.abort(new Error('no caller is waiting any more'))
  }
  for (const signal of signals) signal.addEventListener('abort', onLeave)
  try {
    return await work(nobody.signal)
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', onLeave)
  }
}

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
