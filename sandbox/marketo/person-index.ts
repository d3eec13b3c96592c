import type { Value } from './value.ts'

/** Who has which value of one field. Text is compared as a case-insensitive database compares it. */
export class PersonIndex {
  /** One person is the rule, and a number is all it takes. */
  readonly #ids = new Map<string, number | Set<number>>()

  add(value: Value, id: number): void {
    const key = keyOf(value)
    const there = this.#ids.get(key)
    if (there === undefined) this.#ids.set(key, id)
    else if (typeof there === 'number') this.#ids.set(key, new Set([there, id]))
    else there.add(id)
  }

  remove(value: Value, id: number): void {
    const key = keyOf(value)
    const there = this.#ids.get(key)
    if (there === id) this.#ids.delete(key)
    if (!(there instanceof Set)) return
    there.delete(id)
    if (there.size === 0) this.#ids.delete(key)
  }

  find(value: Value): Iterable<number> {
    const there = this.#ids.get(keyOf(value)) ?? []
    return typeof there === 'number' ? [there] : there
  }
}

function keyOf(value: Value): string {
  return String(value).toLowerCase()
}
