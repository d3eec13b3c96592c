const STALE_MAX = 1000

/**
 * Ids in the order of the numbers they were last given, for reading on from any number in the time of a page.
 * Numbers rise with every `add`. An id that is given a newer number leaves its old place.
 */
export class Journal {
  #numbers: number[] = []
  #ids: string[] = []
  /** What is not in here any more is stale in the arrays. */
  readonly #latest = new Map<string, number>()

  get size(): number {
    return this.#latest.size
  }

  numberOf(id: string): number | undefined {
    return this.#latest.get(id)
  }

  add(number: number, id: string): void {
    this.#numbers.push(number)
    this.#ids.push(id)
    this.#latest.set(id, number)
  }

  /** Takes the id back to a number that it had since the last `tidy`; undefined takes it out. */
  revert(id: string, number: number | undefined): void {
    if (number === undefined) this.#latest.delete(id)
    else this.#latest.set(id, number)
  }

  /** Ids with a number above `number`, in order. */
  *after(number: number): Generator<{ number: number; id: string }> {
    for (let at = this.#firstAbove(number); at < this.#ids.length; at += 1) {
      const [found, id] = [this.#numbers[at], this.#ids[at]]
      if (found !== undefined && id !== undefined && this.#latest.get(id) === found)
        yield { number: found, id }
    }
  }

  /** Forgets what is stale once it is the larger part, so that reading stays in the time of a page. */
  tidy(): void {
    if (this.#ids.length <= 2 * this.#latest.size + STALE_MAX) return
    const entries = [...this.after(Number.NEGATIVE_INFINITY)]
    this.#numbers = entries.map(({ number }) => number)
    this.#ids = entries.map(({ id }) => id)
  }

  #firstAbove(number: number): number {
    let [low, high] = [0, this.#numbers.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#numbers[middle] ?? 0) > number) high = middle
      else low = middle + 1
    }
    return low
  }
}
