import {
  type ParsedTokenInfo,
  Tokenizer,
  TokenizerError,
  TokenParser,
  TokenParserError,
  TokenType,
} from '@streamparser/json'
import type { JsonLimits } from '../json.ts'
import { Refusal } from '../problem.ts'

interface ListReaderLimits {
  json: JsonLimits
  /** Bytes of one item, and of everything beside the list. */
  itemBytesMax: number
  /** In the list. */
  itemsMax: number
}

export interface ListReaderOptions {
  /** Name of the list in the outermost object. Absent: there is none. */
  member?: string
  /** A list of this name begins; of several the last one counts. */
  begin: () => void
  item: (value: unknown) => void
  limits: ListReaderLimits
}

/** Of a text, in bytes: longer ones are put together from pieces. */
const TEXT_BUFFER_BYTES = 4_096

/**
 * Reads an object with one long list while its bytes arrive: each item is handed over by itself, so that neither the
 * whole text nor the whole value is ever in memory. A member that comes twice is no fault; the last one counts.
 * Memory and the time for each byte are bounded by the limits, whatever the bytes are.
 */
export class ListReader {
  readonly #options: ListReaderOptions
  readonly #tokens: Tokenizer
  /** The object, with a 0 for each item. */
  readonly #rest = new TokenParser({ paths: ['$'] })
  /** One item after the other. */
  readonly #item = new TokenParser({ paths: ['$'], separator: '' })
  #value: unknown
  #items = 0
  /** Brackets that are open. */
  #depth = 0
  #isObject = false
  /** The latest text, which is a name when a colon comes after it. */
  #text = ''
  /** Bytes that arrived; of the latest token the first byte, and about the last. */
  #received = 0
  #at = 0
  #readTo = 0
  /** First byte of the list, and of the item, while they are read. */
  #listFrom: number | undefined
  #itemFrom: number | undefined
  /** Bytes of lists that ended. */
  #listBytes = 0

  constructor(options: ListReaderOptions) {
    this.#options = options
    const { numberLengthMax } = options.limits.json
    this.#tokens = new BoundedTokenizer((text) => {
      if (text.length <= numberLengthMax) return Number(text)
      throw this.#refuse('number-too-long', `has a number of more than ${numberLengthMax} characters`)
    })
    this.#tokens.onToken = (token) => this.#take(token)
    this.#rest.onValue = ({ value }) => {
      this.#value = value
    }
    this.#item.onValue = ({ value }) => this.#takeItem(value)
  }

  /** Throws Refusal. The bytes may be used again afterwards. */
  feed(bytes: Uint8Array): void {
    this.#received += bytes.length
    this.#worded(() => this.#tokens.write(bytes))
    this.#checkBytes(this.#received)
  }

  /** The object, with a 0 for each item. Throws Refusal. */
  end(): unknown {
    this.#worded(() => this.#tokens.end())
    if (this.#rest.isEnded) return this.#value
    if (this.#depth === 0) throw new Refusal(400, 'empty-body', 'The body is empty.')
    throw this.#refuse('malformed-json', 'ends too early')
  }

  #take({ token, value, offset }: ParsedTokenInfo): void {
    this.#at = offset
    this.#checkBytes(offset + String(value).length)
    this.#readTo = offset + String(value).length
    const opens = token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET
    const closes = token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET
    const separates = token === TokenType.COMMA || token === TokenType.COLON
    if (this.#depth === 0) this.#isObject = token === TokenType.LEFT_BRACE
    const isBetween = this.#listFrom !== undefined && this.#depth === 2
    if (isBetween && !closes && !separates) this.#beginItem(offset)
    if (opens) this.#open()
    if (token === TokenType.COLON) this.#checkName()
    if (token === TokenType.STRING) this.#text = String(value)
    const parser = this.#itemFrom === undefined ? this.#rest : this.#item
    parser.write({ token, value })
    if (closes) this.#depth -= 1
    if (token === TokenType.LEFT_BRACKET) this.#beginList(offset)
    else if (this.#depth < 2) this.#endList(offset)
  }

  #open(): void {
    const { depthMax } = this.#options.limits.json
    this.#depth += 1
    if (this.#depth > depthMax) throw this.#refuse('too-deep', `is nested more than ${depthMax} levels deep`)
  }

  #checkName(): void {
    const { keyLengthMax } = this.#options.limits.json
    if (this.#text.length <= keyLengthMax) return
    throw this.#refuse('key-too-long', `has a member name of more than ${keyLengthMax} characters`)
  }

  /** What has been accepted so far is well formed: a text before a list in an object is its name. */
  #beginList(offset: number): void {
    const { member, begin } = this.#options
    if (this.#listFrom !== undefined || this.#depth !== 2 || !this.#isObject || this.#text !== member) return
    this.#listFrom = offset
    this.#items = 0
    begin()
  }

  #endList(offset: number): void {
    if (this.#listFrom !== undefined) this.#listBytes += offset - this.#listFrom
    this.#listFrom = undefined
  }

  #beginItem(offset: number): void {
    const { itemsMax } = this.#options.limits
    this.#itemFrom = offset
    if (this.#items < itemsMax) return
    throw new Refusal(400, 'too-many-people', `The chunk has more than ${itemsMax} people.`, {
      field: String(this.#options.member),
      advice: 'Raise FLOW_STEP_PEOPLE, or send smaller chunks.',
    })
  }

  #takeItem(value: unknown): void {
    this.#options.item(value)
    this.#items += 1
    this.#itemFrom = undefined
    this.#rest.write({ token: TokenType.NUMBER, value: 0 })
  }

  /** Of the item, of what comes between two items, or of what is beside the list. */
  #checkBytes(upTo: number): void {
    const { itemBytesMax } = this.#options.limits
    const from = this.#itemFrom ?? (this.#listFrom === undefined ? this.#listBytes : this.#readTo)
    if (upTo - from <= itemBytesMax) return
    throw new Refusal(413, 'person-too-large', `${this.#where()} has more than ${itemBytesMax} bytes.`, {
      field: String(this.#options.member),
      advice: 'Raise FLOW_STEP_PERSON_BYTES, or map fewer fields in the flow step.',
    })
  }

  #where(): string {
    if (this.#listFrom === undefined) return 'The body'
    return `Item ${this.#items + 1} of "${this.#options.member}"`
  }

  #refuse(code: string, what: string): Refusal {
    return new Refusal(400, code, `${this.#where()} ${what} (byte ${this.#at + 1}).`)
  }

  #worded(run: () => void): void {
    try {
      run()
    } catch (error) {
      if (error instanceof TokenizerError || error instanceof TokenParserError) {
        throw this.#refuse('malformed-json', 'is not valid JSON')
      }
      if (error instanceof TypeError && 'code' in error && error.code === NOT_UTF8) {
        throw this.#refuse('not-utf8', 'is not valid UTF-8')
      }
      throw error
    }
  }
}

/** A whole value of any kind, read with the same tolerance. Throws Refusal. */
export function readTolerantly(bytes: Uint8Array, json: JsonLimits): unknown {
  const limits = { json, itemBytesMax: bytes.length, itemsMax: 0 }
  const reader = new ListReader({ begin: () => {}, item: () => {}, limits })
  reader.feed(bytes)
  return reader.end()
}

/** Of Node's TextDecoder. */
const NOT_UTF8 = 'ERR_ENCODING_INVALID_ENCODED_DATA'

class BoundedTokenizer extends Tokenizer {
  readonly #toNumber: (text: string) => number

  constructor(toNumber: (text: string) => number) {
    super({ stringBufferSize: TEXT_BUFFER_BYTES })
    this.#toNumber = toNumber
  }

  protected override parseNumber(text: string): number {
    return this.#toNumber(text)
  }
}
