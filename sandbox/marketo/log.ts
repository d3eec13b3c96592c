import { type Activity, type Fact, TYPE } from './activity.ts'

export interface LogParts {
  now: () => number
  guid: () => string
  /** How late the next activity becomes visible, ms. */
  visibleAfterMs: () => number
}

export interface Reading {
  /** Where the last page ended; 0 = the beginning. */
  from: number
  /** Keys as `keysOf` makes them. */
  keys: Iterable<string>
  itemsMax: number
  isWanted: (activity: Activity) => boolean
}

export interface LogPage {
  items: Activity[]
  next: number
  more: boolean
}

/** A page looks at this many activities at most, and is short or empty when few of them are wanted. */
const LOOKED_AT_MAX = 10_000
const INTEGER_IDS = 1_000

/** What happened to people, in the order in which it became visible: a late entry comes after younger ones. */
export class ActivityLog {
  readonly #parts: LogParts
  readonly #written: Activity[] = []
  readonly #visible: Activity[] = []
  /** Positions in #visible, by key. */
  readonly #byKey = new Map<string, number[]>()
  /** Dated, but not visible yet; soonest first. */
  #late: Activity[] = []

  constructor(parts: LogParts) {
    this.#parts = parts
  }

  reset(): void {
    this.#written.length = 0
    this.#visible.length = 0
    this.#byKey.clear()
    this.#late = []
  }

  /** In the order in which they were written, those that nobody sees yet included. */
  all(): readonly Activity[] {
    return this.#written
  }

  append(fact: Fact): Activity {
    const now = this.#parts.now()
    this.#publish(now)
    const { at = now } = fact
    const visibleAt = Math.max(now, at) + this.#parts.visibleAfterMs()
    const id = (this.#written.length % INTEGER_IDS) + 1
    const activity: Activity = { ...fact, id, guid: this.#parts.guid(), at, visibleAt }
    this.#written.push(activity)
    if (visibleAt <= now) this.#show(activity)
    else this.#late.splice(placeIn(this.#late, visibleAt), 0, activity)
    return activity
  }

  /** Where to begin for all that is dated `at` or later: nothing is visible before it happened. */
  positionSince(at: number): number {
    this.#publish(this.#parts.now())
    return firstWhere(this.#visible.length, (position) => (this.#visible[position]?.visibleAt ?? at) >= at)
  }

  read({ from, keys, itemsMax, isWanted }: Reading): LogPage {
    this.#publish(this.#parts.now())
    const lists = [...keys].map((key) => {
      const positions = this.#byKey.get(key) ?? []
      return { positions, at: firstWhere(positions.length, (at) => (positions[at] ?? 0) >= from) }
    })
    const items: Activity[] = []
    for (let lookedAt = 0; lookedAt < LOOKED_AT_MAX && items.length < itemsMax; lookedAt += 1) {
      const position = takeFirst(lists)
      const activity = position === undefined ? undefined : this.#visible[position]
      if (!activity) return { items, next: this.#visible.length, more: false }
      if (isWanted(activity)) items.push(activity)
    }
    const rest = lists.map(({ positions, at }) => positions[at] ?? this.#visible.length)
    const next = Math.min(this.#visible.length, ...rest)
    return { items, next, more: next < this.#visible.length }
  }

  #publish(now: number): void {
    while ((this.#late[0]?.visibleAt ?? Number.POSITIVE_INFINITY) <= now) {
      const activity = this.#late.shift()
      if (activity) this.#show(activity)
    }
  }

  #show(activity: Activity): void {
    const position = this.#visible.push(activity) - 1
    for (const key of keysOf(activity)) {
      const positions = this.#byKey.get(key)
      if (positions) positions.push(position)
      else this.#byKey.set(key, [position])
    }
  }
}

/** A type, or a type and a field of it. */
export function keyOf(typeId: number, fieldName?: string): string {
  return fieldName === undefined ? String(typeId) : `${typeId} ${fieldName}`
}

function keysOf({ typeId, change }: Activity): string[] {
  if (typeId !== TYPE.changeDataValue || !change) return [keyOf(typeId)]
  return [keyOf(typeId), keyOf(typeId, change.name)]
}

interface Positions {
  positions: readonly number[]
  /** Index of the one that is next. */
  at: number
}

/** The smallest of all that are next; undefined = all lists are at their ends. */
function takeFirst(lists: readonly Positions[]): number | undefined {
  let first: Positions | undefined
  for (const list of lists) {
    const position = list.positions[list.at]
    const best = first?.positions[first.at]
    if (position !== undefined && (best === undefined || position < best)) first = list
  }
  if (!first) return undefined
  first.at += 1
  return first.positions[first.at - 1]
}

function placeIn(late: readonly Activity[], visibleAt: number): number {
  return firstWhere(late.length, (at) => (late[at]?.visibleAt ?? 0) > visibleAt)
}

/** Binary search: `is` is false up to some index and true from there on. */
function firstWhere(length: number, is: (index: number) => boolean): number {
  let [low, high] = [0, length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (is(middle)) high = middle
    else low = middle + 1
  }
  return low
}
