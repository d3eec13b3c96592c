/** Bytes that are added one piece after the other, in room that is used again. */
export class Bytes {
  #room = Buffer.allocUnsafeSlow(512)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Copies. */
  append(source: Uint8Array, from: number, to: number): void {
    const length = this.#length + to - from
    if (length > this.#room.length) {
      const room = Buffer.allocUnsafeSlow(2 * length)
      this.#room.copy(room, 0, 0, this.#length)
      this.#room = room
    }
    this.#room.set(source.subarray(from, to), this.#length)
    this.#length = length
  }

  /** What was added. Valid until the next change. */
  view(from = 0, to = this.#length): Uint8Array {
    return this.#room.subarray(from, to)
  }

  clear(): void {
    this.#length = 0
  }
}
