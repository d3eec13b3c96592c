import type { Success } from './envelope.ts'
import {
  fieldNotFound,
  invalidPagingToken,
  leadNotFound,
  missingParameter,
  notSearchable,
  tooManyResults,
  tooManyValues,
} from './errors.ts'
import type { People, Person } from './people.ts'
import type { Field, Schema } from './schema.ts'

const VALUES_MAX = 300
const MATCHES_MAX = 1000
const PAGE_MAX = 300
const DEFAULT_FIELDS = ['id', 'email', 'firstName', 'lastName', 'createdAt', 'updatedAt']

/** Get Leads by Filter Type. Throws the vendor's refusal. */
export function findLeads(schema: Schema, people: People, query: URLSearchParams): Success {
  const filterType = query.get('filterType') ?? ''
  if (filterType === '') throw missingParameter('filterType')
  const filter = schema.field(filterType)
  if (!filter) throw fieldNotFound(filterType)
  if (!filter.searchable) throw notSearchable(filterType)
  const values = listOf(query, 'filterValues')
  if (values.length === 0) throw missingParameter('filterValues')
  if (values.length > VALUES_MAX) throw tooManyValues(VALUES_MAX)
  const fields = fieldsOf(schema, query)
  const found = matching(people, filter, values)
  if (found.length > MATCHES_MAX) throw tooManyResults()
  const from = readPagingToken(query.get('nextPageToken'))
  const size = pageSize(query.get('batchSize'))
  const to = from + size
  return {
    result: found.slice(from, to).map((person) => show(person, fields)),
    ...(to < found.length && { nextPageToken: pagingToken(to) }),
  }
}

/** Get Lead by Id. */
export function findLead(schema: Schema, people: People, id: string, query: URLSearchParams): Success {
  const fields = fieldsOf(schema, query)
  const person = /^\d{1,10}$/.test(id) ? people.get(Number(id)) : undefined
  if (!person) throw leadNotFound(id)
  return { result: [show(person, fields)] }
}

/** Text is compared as a case-insensitive database compares it. */
function matching(people: People, { name }: Field, values: readonly string[]): Person[] {
  const wanted = new Set(values.map((value) => value.toLowerCase()))
  return people.all().filter((person) => {
    const value = person[name]
    return value !== undefined && wanted.has(String(value).toLowerCase())
  })
}

function fieldsOf(schema: Schema, query: URLSearchParams): readonly string[] {
  const asked = listOf(query, 'fields')
  const unknown = asked.find((name) => !schema.field(name))
  if (unknown !== undefined) throw fieldNotFound(unknown)
  return asked.length === 0 ? DEFAULT_FIELDS : [...new Set(['id', ...asked])]
}

/** Empty fields are explicit nulls. */
function show(person: Person, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(fields.map((name) => [name, person[name] ?? null]))
}

/** Comma-separated and repeated forms both occur; a comma inside a value cannot be said. */
function listOf(query: URLSearchParams, name: string): string[] {
  return query
    .getAll(name)
    .flatMap((list) => list.split(',').map((item) => item.trim()))
    .filter((item) => item !== '')
}

function pageSize(text: string | null): number {
  const asked = Number(text ?? PAGE_MAX)
  return Number.isInteger(asked) && asked > 0 ? Math.min(asked, PAGE_MAX) : PAGE_MAX
}

/** Opaque to the client, and shaped like the real ones. */
function pagingToken(offset: number): string {
  return `${Buffer.from(`offset ${offset}`).toString('hex').toUpperCase()}====`
}

function readPagingToken(token: string | null): number {
  if (token === null || token === '') return 0
  const offset = /^offset (\d+)$/.exec(Buffer.from(token.replace(/=+$/, ''), 'hex').toString())?.[1]
  if (offset === undefined) throw invalidPagingToken()
  return Number(offset)
}
