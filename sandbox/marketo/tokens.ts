import type { Person } from './people.ts'
import type { DataType, Field, Schema } from './schema.ts'
import type { Value } from './value.ts'

/** Request Token Encoding of a webhook. */
export type TokenEncoding = 'None' | 'JSON' | 'Form/Url'
export const TOKEN_ENCODINGS = ['None', 'JSON', 'Form/Url'] as const satisfies TokenEncoding[]

export interface Token {
  value: Value | undefined
  /** Of a person's field; other tokens are text or numbers. */
  dataType?: DataType
}

/** Finds a token by its whole name without braces; undefined = there is none of that name here. */
export type FindToken = (name: string) => Token | undefined

const TOKEN = /\{\{([^{}]+)\}\}/g

/** A token that is not known where the campaign runs stays as it is written. */
export function fillIn(text: string, encoding: TokenEncoding, find: FindToken): string {
  return text.replaceAll(TOKEN, (written: string, inner: string) => {
    const [, name = '', fallback] = /^(.*?)(?::default=(.*))?$/s.exec(inner.trim()) ?? []
    const token = find(name)
    if (!token) return written
    return encode(token.value === undefined && fallback !== undefined ? { value: fallback } : token, encoding)
  })
}

/** Adobe, "Webhooks"; what it leaves open is as observed: numbers and booleans bare, dates without zone, empty is "". */
function encode({ value, dataType }: Token, encoding: TokenEncoding): string {
  const text = typeof value === 'string' && dataType === 'datetime' ? withoutZone(value) : String(value ?? '')
  switch (encoding) {
    case 'None':
      return text
    case 'Form/Url':
      return new URLSearchParams([['', text]]).toString().slice(1)
    case 'JSON':
      return typeof value === 'number' || typeof value === 'boolean' ? text : JSON.stringify(text)
    default:
      return encoding satisfies never
  }
}

function withoutZone(stamp: string): string {
  return stamp.replace('T', ' ').replace('Z', '')
}

/**
 * `lead.` and `company.` know fields by the names that Admin shows, `system.` the time; `others` by whole names. What is
 * returned finds the tokens of a person.
 */
export function tokensOf(
  schema: Schema,
  others: Readonly<Record<string, Value>>,
  now: string,
): (person: Person) => FindToken {
  const fields = new Map<string, Field>()
  for (const field of schema.fields()) {
    fields.set(`${field.ofCompany ? 'company' : 'lead'}.${field.displayName}`.toLowerCase(), field)
  }
  const known = new Map<string, Token>()
  known.set('system.date', { value: now.slice(0, 10), dataType: 'date' })
  known.set('system.datetime', { value: now, dataType: 'datetime' })
  for (const [name, value] of Object.entries(others)) known.set(name.toLowerCase(), { value })
  return (person) => (written) => {
    const name = written.toLowerCase()
    const field = fields.get(name)
    return known.get(name) ?? (field && { value: person[field.name], dataType: field.dataType })
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  t: '\t',
  n: '\n',
  f: '\f',
  r: '\r',
  '\\': '\\',
  '"': '"',
  "'": "'",
}

/** The template editor's own escapes, resolved before any token. undefined = it holds one that is not known, and nothing is sent. */
export function unescapeTemplate(template: string): string | undefined {
  let wrong = false
  const text = template.replaceAll(/\\(.?)/gs, (_, char: string) => {
    const real = ESCAPES[char]
    if (real === undefined) wrong = true
    return real ?? ''
  })
  return wrong ? undefined : text
}
