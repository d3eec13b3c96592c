import type { Crowd } from './port.ts'
import { isTriggered, readItem } from './read-item.ts'

/** Packs people into pages while the rest of their chunk is still on its way. */
export class CrowdBuilder implements Crowd {
  readonly #wireNames: ReadonlyMap<string, string>
  readonly #pageMax: number
  readonly pages: { position: number; items: number; lines: string }[] = []
  people = 0
  unreadable = 0
  /** Whether anybody has a trigger, as in a trigger campaign. */
  isTriggered = false
  #lines: string[] = []

  /** `wireNames` gives the Marketo REST name of an outgoing field; `pageMax` is in people. */
  constructor(wireNames: ReadonlyMap<string, string>, pageMax: number) {
    this.#wireNames = wireNames
    this.#pageMax = pageMax
  }

  add(value: unknown): void {
    const item = readItem(value, this.#wireNames)
    this.isTriggered ||= isTriggered(value)
    if (item && 'person' in item) this.people += 1
    else this.unreadable += 1
    if (!item) return
    this.#lines.push(JSON.stringify(item))
    if (this.#lines.length === this.#pageMax) this.close()
  }

  /** Ends the page; call it after the last person. */
  close(): void {
    if (this.#lines.length === 0) return
    const last = this.pages.at(-1)
    const position = last ? last.position + last.items : 0
    this.pages.push({ position, items: this.#lines.length, lines: this.#lines.join('\n') })
    this.#lines = []
  }
}
