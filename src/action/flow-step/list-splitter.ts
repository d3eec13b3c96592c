import { MalformedJson } from '../../json.ts'
import { Refusal } from '../../problem.ts'
import { Bytes } from './bytes.ts'
import { parseLeniently } from './members.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const LINE_FEED = 0x0a
/** Nothing else that means something in JSON is as small as the blank. */
const WHITESPACE_MAX = 0x20

/** In place of an item that was cut out; its line breaks stay, for the line that a complaint names. */
const CUT_OUT = Buffer.from('0')
const LINE_BREAK = Buffer.from('\n')

export interface ListSplitterOptions {
  /** Name of the list in the outermost object. */
  member: string
  /** A list of this name begins; of several the last one counts. */
  begin: () => void
  item: (value: unknown) => void
}

/**
 * Reads an object with one long list while its bytes arrive: each item is parsed by itself and handed over, so that
 * neither the whole text nor the whole value is ever in memory. Only the items' borders are found here: JSON.parse
 * judges the items, and the object that is left without them.
 */
export class ListSplitter {
  readonly #options: ListSplitterOptions
  /** The object, each item cut out. */
  readonly #rest = new Bytes()
  /** The beginning of an item whose end has not arrived. */
  readonly #begun = new Bytes()
  /** Brackets that are open. */
  #depth = 0
  #inText = false
  #escaped = false
  #inList = false
  #inItem = false
  #items = 0
  #itemLines = 0
  /** Of the outermost object: where in `#rest` its latest text is, and whether a colon came after it. */
  #key = { from: 0, to: 0, named: false }

  constructor(options: ListSplitterOptions) {
    this.#options = options
  }

  /** Throws Refusal when an item is no JSON. The bytes may be used again afterwards. */
  feed(bytes: Uint8Array): void {
    // What lies before it has been taken over.
    let from = 0
    for (let at = 0; at < bytes.length; at += 1) {
      if (this.#inText) {
        at = this.#skipText(bytes, at)
        if (this.#depth === 1 && !this.#inText) this.#key.to = this.#rest.length + at + 1 - from
        continue
      }
      const byte = bytes[at] ?? 0
      if (byte <= WHITESPACE_MAX) {
        if (byte === LINE_FEED) this.#itemLines += 1
        continue
      }
      if (this.#depth <= 2) from = this.#border(bytes, byte, from, at)
      this.#step(byte)
    }
    const open = this.#inItem ? this.#begun : this.#rest
    open.append(bytes, from, bytes.length)
  }

  /** The object, with a 0 for each item. Throws MalformedJson, whose column counts an item as one character. */
  end(): unknown {
    return parseLeniently(this.#rest.view())
  }

  /** Where the text ends, or the bytes do. */
  #skipText(bytes: Uint8Array, start: number): number {
    for (let at = start; at < bytes.length; at += 1) {
      const byte = bytes[at]
      if (this.#escaped) this.#escaped = false
      else if (byte === BACKSLASH) this.#escaped = true
      else if (byte === QUOTE) {
        this.#inText = false
        return at
      }
    }
    return bytes.length
  }

  /** Takes over what ends before the byte at `at`, if anything does: gives where the next begins. */
  #border(bytes: Uint8Array, byte: number, from: number, at: number): number {
    if (!this.#inList) return this.#depth === 1 ? this.#member(bytes, byte, from, at) : from
    const isBetween = byte === COMMA || byte === CLOSE_LIST || byte === CLOSE_OBJECT
    if (isBetween !== this.#inItem) return from
    if (isBetween) this.#cutOut(bytes, from, at)
    else this.#rest.append(bytes, from, at)
    this.#inItem = !isBetween
    this.#itemLines = 0
    return at
  }

  /** Finds the list by its name. */
  #member(bytes: Uint8Array, byte: number, from: number, at: number): number {
    if (byte === QUOTE) {
      const place = this.#rest.length + at - from
      this.#key = { from: place, to: place, named: false }
    } else if (byte === COLON || byte === COMMA) {
      this.#key.named = byte === COLON
    } else if (byte === OPEN_LIST && this.#key.named) {
      this.#rest.append(bytes, from, at)
      this.#inList = isText(this.#rest.view(this.#key.from, this.#key.to), this.#options.member)
      this.#items = 0
      if (this.#inList) this.#options.begin()
      return at
    }
    return from
  }

  #cutOut(bytes: Uint8Array, from: number, to: number): void {
    let text = bytes.subarray(from, to)
    if (this.#begun.length > 0) {
      this.#begun.append(bytes, from, to)
      text = this.#begun.view()
    }
    this.#options.item(this.#parsed(text))
    this.#begun.clear()
    this.#items += 1
    this.#rest.append(CUT_OUT, 0, CUT_OUT.length)
    for (let line = 0; line < this.#itemLines; line += 1) this.#rest.append(LINE_BREAK, 0, LINE_BREAK.length)
  }

  #parsed(text: Uint8Array): unknown {
    try {
      return parseLeniently(text)
    } catch (error) {
      if (!(error instanceof MalformedJson)) throw error
      const { member } = this.#options
      const where = `Item ${this.#items + 1} of "${member}"`
      throw new Refusal(400, error.code, `${where}: ${error.message}`, { field: member })
    }
  }

  #step(byte: number): void {
    switch (byte) {
      case QUOTE:
        this.#inText = true
        return
      case OPEN_LIST:
      case OPEN_OBJECT:
        this.#depth += 1
        return
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        this.#depth -= 1
        if (this.#depth < 2) this.#inList = false
        return
    }
  }
}

function isText(json: Uint8Array, text: string): boolean {
  try {
    return parseLeniently(json) === text
  } catch {
    return false
  }
}
