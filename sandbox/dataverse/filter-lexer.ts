import { uriError } from './errors.ts'

export type Token =
  | { kind: 'string'; value: string; at: number }
  | { kind: 'number'; value: number; at: number }
  | { kind: 'guid' | 'date' | 'alias' | 'word' | 'json'; text: string; at: number }
  | { kind: 'symbol'; text: '(' | ')' | ',' | '='; at: number }
  | { kind: 'end'; at: number }

const PATTERNS = [
  ['guid', /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-])/iy],
  ['date', /\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2})?)?/y],
  ['number', /-?\d{1,40}(?:\.\d{1,40})?(?:e[+-]?\d{1,4})?(?!\w)/iy],
  ['alias', /@\w+/y],
  ['word', /[a-z_][\w.]*(?:\/[a-z_]\w*)*/iy],
] as const

export function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    const char = text[at] ?? ''
    if (/\s/.test(char)) {
      at += 1
      continue
    }
    const token = nextToken(text, at)
    tokens.push(token.token)
    at = token.end
  }
  tokens.push({ kind: 'end', at })
  return tokens
}

function nextToken(text: string, at: number): { token: Token; end: number } {
  const char = text[at] ?? ''
  if (char === "'") return readString(text, at)
  if (char === '[') return readArray(text, at)
  if (char === '(' || char === ')' || char === ',' || char === '=') {
    return { token: { kind: 'symbol', text: char, at }, end: at + 1 }
  }
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found === undefined) continue
    const end = at + found.length
    if (kind === 'word' && text[end] === "'") {
      const literal = readString(text, end)
      throw uriError(
        `Unrecognized 'Edm.String' literal '${text.slice(at, literal.end)}' at '${at}' in '${text}'.`,
      )
    }
    if (kind === 'number') return { token: { kind, value: Number(found), at }, end }
    return { token: { kind, text: found, at }, end }
  }
  throw uriError(`Syntax error: character '${char}' is not valid at position ${at} in '${text}'.`)
}

function readString(text: string, at: number): { token: Token; end: number } {
  let value = ''
  for (let next = at + 1; next < text.length; next += 1) {
    if (text[next] !== "'") value += text[next]
    else if (text[next + 1] === "'") {
      value += "'"
      next += 1
    } else return { token: { kind: 'string', value, at }, end: next + 1 }
  }
  throw uriError(`There is an unterminated literal at position ${text.length} in '${text}'.`)
}

function readArray(text: string, at: number): { token: Token; end: number } {
  let quoted = false
  for (let next = at; next < text.length; next += 1) {
    if (text[next] === '\\' && quoted) next += 1
    else if (text[next] === '"') quoted = !quoted
    else if (text[next] === ']' && !quoted) {
      return { token: { kind: 'json', text: text.slice(at, next + 1), at }, end: next + 1 }
    }
  }
  throw uriError(`Expression expected at position ${at} in '${text}': the array does not end.`)
}
