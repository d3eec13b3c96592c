/** Draws that repeat with their seed. */
export interface Chance {
  /** 0 … below − 1. */
  below(below: number): number
  /** undefined of an empty list. */
  pick<T>(list: readonly T[]): T | undefined
}

/** Mulberry32, by Tommy Ettinger. */
export function seededChance(seed: number): Chance {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return { below, pick: (list) => list[below(list.length)] }
}
