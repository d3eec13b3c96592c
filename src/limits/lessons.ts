/** What replicas learn together: the state that is shared, and what this replica has learned since. */
export class Lessons<State, Event> {
  readonly #next: (state: State, event: Event, nowMs: number) => State
  #state: State
  #since: { event: Event; atMs: number }[] = []

  constructor(start: State, next: (state: State, event: Event, nowMs: number) => State) {
    this.#state = start
    this.#next = next
  }

  get state(): State {
    return this.#state
  }

  /** Lessons that others do not have. */
  get unshared(): number {
    return this.#since.length
  }

  /** For this process alone. */
  note(event: Event, atMs: number): void {
    this.#state = this.#next(this.#state, event, atMs)
  }

  /** To be shared, when it changes anything. */
  learn(event: Event, atMs: number): void {
    const before = this.#state
    this.note(event, atMs)
    if (this.#state !== before) this.#since.push({ event, atMs })
  }

  /** The first `published` lessons are part of what is shared; the others are learned again on top of it. */
  adopt(shared: State, published: number): void {
    this.#since.splice(0, published)
    this.#state = shared
    for (const { event, atMs } of this.#since) this.note(event, atMs)
  }
}
