import { cleanEmail } from './identity.ts'
import type { FieldValue, Person } from './person.ts'
import type { Failure } from './problem.ts'
import type { FieldSelection } from './selection.ts'

export interface PersonReading {
  person: Person
  /** Members that no field of the selection is called by. */
  unknown: string[]
  /** Members whose value cannot be a Marketo value at all. */
  problems: Failure[]
}

/** Marketo's empty token. */
export function isBlank(value: unknown): boolean {
  return typeof value === 'string' && value.trim() === ''
}

/** What exports and some senders write for an empty value. `Null` and `NULL` are names that people have. */
export function isNullText(value: unknown): boolean {
  return typeof value === 'string' && value.trim() === 'null'
}

/**
 * A person from what a campaign sends: Marketo REST names, `marketoId` and `email`.
 * An empty token arrives as "" and counts as absent; types are made to fit later, by the column they go to.
 */
export function toPerson(input: Readonly<Record<string, unknown>>, selection: FieldSelection): PersonReading {
  const known = new Set(['email'])
  for (const field of [...selection.fields.lead, ...selection.fields.contact]) known.add(field.marketo)

  const fields: Record<string, FieldValue> = {}
  const person: Person = { fields }
  const unknown: string[] = []
  const problems: Failure[] = []

  for (const [name, value] of Object.entries(input)) {
    if (name !== 'marketoId' && !known.has(name)) {
      unknown.push(name)
      continue
    }
    if (value === undefined || isBlank(value)) continue
    if (name === 'marketoId') {
      const id = toMarketoId(value)
      if (id !== undefined) person.marketoId = id
      else if (value !== null) problems.push(notA(name, 'a positive whole number below 2^53'))
    } else if (!isFieldValue(value)) {
      problems.push(notA(name, 'a text, a finite number, true, false or null'))
    } else if (name === 'email') {
      const email = typeof value === 'string' ? cleanEmail(value) : undefined
      if (email && typeof value === 'string') {
        // Which characters are removed is said where the column is filled.
        fields[name] = value.trim()
        person.email = email
      } else if (value === null) fields[name] = null
      else if (email === undefined) problems.push(notA(name, 'a text'))
    } else {
      fields[name] = value
    }
  }
  return { person, unknown, problems }
}

function toMarketoId(value: unknown): number | undefined {
  const digits = typeof value === 'string' && /^\d{1,16}$/.test(value.trim())
  const id = digits ? Number(value) : value
  return typeof id === 'number' && Number.isSafeInteger(id) && id > 0 ? id : undefined
}

function isFieldValue(value: unknown): value is FieldValue {
  if (typeof value === 'number') return Number.isFinite(value)
  return value === null || typeof value === 'string' || typeof value === 'boolean'
}

function notA(name: string, what: string): Failure {
  return { code: 'type-mismatch', field: name, marketoField: name, advice: `Send ${name} as ${what}.` }
}
