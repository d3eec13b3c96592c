import { unknownProperty, uriError } from './errors.ts'
import { type Token, tokenize } from './filter-lexer.ts'
import { type Column, columnOfProperty, isLookup, type Table, type Value } from './table.ts'

export type Comparison = 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le'
export type TextTest = 'contains' | 'startswith' | 'endswith'

export type Filter =
  | { kind: 'compare'; column: Column; operator: Comparison; value: Value }
  | { kind: 'text'; column: Column; test: TextTest; value: string }
  | { kind: 'in'; column: Column; values: readonly Value[] }
  | { kind: 'and' | 'or'; left: Filter; right: Filter }
  | { kind: 'not'; inner: Filter }

const COMPARISONS: readonly Comparison[] = ['eq', 'ne', 'gt', 'ge', 'lt', 'le']
const TEXT_TESTS: readonly TextTest[] = ['contains', 'startswith', 'endswith']
const DEPTH_MAX = 100

/** `aliases` are the other query options, for `@p1`. Throws 400 as the vendor words it. */
export function parseFilter(text: string, table: Table, aliases: ReadonlyMap<string, string>): Filter {
  return new Parser(text, table, aliases).parse()
}

class Parser {
  readonly #text: string
  readonly #table: Table
  readonly #aliases: ReadonlyMap<string, string>
  readonly #tokens: Token[]
  #next = 0
  #depth = 0

  constructor(text: string, table: Table, aliases: ReadonlyMap<string, string>) {
    this.#text = text
    this.#table = table
    this.#aliases = aliases
    this.#tokens = tokenize(text)
  }

  parse(): Filter {
    const filter = this.#or()
    if (this.#peek().kind !== 'end') throw this.#syntaxError(this.#peek())
    return filter
  }

  #or(): Filter {
    let left = this.#and()
    while (this.#word('or')) left = { kind: 'or', left, right: this.#and() }
    return left
  }

  #and(): Filter {
    let left = this.#unary()
    while (this.#word('and')) left = { kind: 'and', left, right: this.#unary() }
    return left
  }

  #unary(): Filter {
    this.#depth += 1
    if (this.#depth > DEPTH_MAX) throw uriError('The recursion limit of the $filter expression is exceeded.')
    const filter = this.#word('not') ? { kind: 'not' as const, inner: this.#unary() } : this.#primary()
    this.#depth -= 1
    return filter
  }

  #primary(): Filter {
    if (this.#symbol('(')) {
      const inner = this.#or()
      this.#expect(')')
      return inner
    }
    const token = this.#take()
    if (token.kind !== 'word') throw this.#syntaxError(token)
    if (token.text === 'Microsoft.Dynamics.CRM.In') return this.#in()
    const test = TEXT_TESTS.find((name) => name === token.text)
    if (test && this.#symbol('(')) return this.#textTest(test)
    return this.#comparison(this.#column(token.text))
  }

  #comparison(column: Column): Filter {
    const token = this.#take()
    const operator = COMPARISONS.find((name) => token.kind === 'word' && token.text === name)
    if (!operator) throw this.#syntaxError(token)
    return { kind: 'compare', column, operator, value: this.#fit(column, this.#literal()) }
  }

  #textTest(test: TextTest): Filter {
    const name = this.#take()
    if (name.kind !== 'word') throw this.#syntaxError(name)
    const column = this.#column(name.text)
    this.#expect(',')
    const token = this.#resolve(this.#take())
    if (token.kind !== 'string') throw this.#syntaxError(token)
    this.#expect(')')
    return { kind: 'text', column, test, value: token.value }
  }

  /** `Microsoft.Dynamics.CRM.In(PropertyName='a',PropertyValues=["x","y"])`, literal or by alias. */
  #in(): Filter {
    this.#expect('(')
    const name = this.#argument('PropertyName')
    this.#expect(',')
    const values = this.#argument('PropertyValues')
    this.#expect(')')
    if (name.kind !== 'string' || values.kind !== 'json') throw this.#syntaxError(values)
    const column = columnOfProperty(this.#table, name.value) ?? this.#table.columns.get(name.value)
    if (!column) throw unknownProperty(name.value, this.#table.name)
    return { kind: 'in', column, values: this.#array(values.text, column) }
  }

  #argument(name: string): Token {
    if (!this.#word(name)) throw this.#syntaxError(this.#peek())
    this.#expect('=')
    return this.#resolve(this.#take())
  }

  #array(text: string, column: Column): Value[] {
    let parsed: unknown
    try {
      parsed = JSON.parse(text)
    } catch {
      throw uriError(`The value '${text}' is no valid collection.`)
    }
    const items: unknown[] = Array.isArray(parsed) ? parsed : []
    // The documents write numbers as strings here.
    return items.map((item) => (column.options || column.type === 'Integer' ? Number(item) : String(item)))
  }

  #literal(): Token {
    return this.#resolve(this.#take())
  }

  #resolve(token: Token): Token {
    if (token.kind !== 'alias') return token
    const [resolved] = tokenize(this.#aliases.get(token.text) ?? 'null')
    return resolved ?? token
  }

  #fit(column: Column, token: Token): Value {
    if (token.kind === 'word') {
      if (token.text === 'null') return null
      if (token.text === 'true' || token.text === 'false') {
        if (column.type === 'Boolean') return token.text === 'true'
        throw this.#incompatible(column, 'Edm.Boolean')
      }
      throw this.#syntaxError(token)
    }
    const isGuidColumn = isLookup(column) || column.type === 'Uniqueidentifier'
    const isText = column.type === 'String' || column.type === 'Memo'
    if (token.kind === 'string') {
      if (isText) return token.value
      throw this.#incompatible(column, 'Edm.String')
    }
    if (token.kind === 'guid') {
      if (isGuidColumn) return token.text.toLowerCase()
      throw this.#incompatible(column, 'Edm.Guid')
    }
    if (token.kind === 'date') {
      if (column.type === 'DateTime') return token.text
      throw this.#incompatible(column, 'Edm.DateTimeOffset')
    }
    if (token.kind === 'number') {
      if (!isText && !isGuidColumn && column.type !== 'DateTime' && column.type !== 'Boolean')
        return token.value
      throw this.#incompatible(column, 'Edm.Int32')
    }
    throw this.#syntaxError(token)
  }

  #incompatible(column: Column, edm: string): Error {
    return uriError(
      `A binary operator with incompatible types was detected. Found operand types '${column.type}' and '${edm}' for property '${column.name}'.`,
    )
  }

  #column(name: string): Column {
    const column = columnOfProperty(this.#table, name)
    if (!column) throw unknownProperty(name, this.#table.name)
    return column
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', at: this.#text.length }
  }

  #take(): Token {
    const token = this.#peek()
    this.#next += 1
    return token
  }

  #word(word: string): boolean {
    const token = this.#peek()
    if (token.kind !== 'word' || token.text !== word) return false
    this.#next += 1
    return true
  }

  #symbol(symbol: string): boolean {
    const token = this.#peek()
    if (token.kind !== 'symbol' || token.text !== symbol) return false
    this.#next += 1
    return true
  }

  #expect(symbol: string): void {
    if (!this.#symbol(symbol)) throw this.#syntaxError(this.#peek())
  }

  #syntaxError(token: Token): Error {
    return uriError(`Syntax error at position ${token.at} in '${this.#text}'.`)
  }
}
