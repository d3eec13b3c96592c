/** Applies to exactly one matching future reply. What is not said matches everything. */
export interface BendOf<Operation, How> {
  method?: string
  /** A string is the source of a regular expression; it is tried on the path with its query. */
  path?: RegExp | string
  operation?: Operation
  how: How
}

export interface Arrival {
  method: string
  /** With the query. */
  path: string
  /** The Prefer header, where the vendor's protocol has one. */
  prefer?: string
}

/** The bends that still wait for their reply, first come, first served. */
export class Bends<Operation, How> {
  readonly #waiting: BendOf<Operation, How>[] = []
  readonly #operationOf: (arrival: Arrival) => Operation | undefined

  constructor(operationOf: (arrival: Arrival) => Operation | undefined) {
    this.#operationOf = operationOf
  }

  add(bend: BendOf<Operation, How>): void {
    this.#waiting.push(bend)
  }

  /** Takes the first one that matches. */
  take(arrival: Arrival): How | undefined {
    const at = this.#waiting.findIndex((bend) => this.#matches(bend, arrival))
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0]?.how
  }

  clear(): void {
    this.#waiting.length = 0
  }

  #matches(bend: BendOf<Operation, How>, arrival: Arrival): boolean {
    if (bend.method !== undefined && bend.method.toUpperCase() !== arrival.method) return false
    if (bend.path !== undefined && !new RegExp(bend.path).test(arrival.path)) return false
    return bend.operation === undefined || bend.operation === this.#operationOf(arrival)
  }
}
