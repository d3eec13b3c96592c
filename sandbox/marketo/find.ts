import type { Success } from './envelope.ts'
import {
  fieldNotFound,
  fieldsNotFound,
  leadNotFound,
  missingParameter,
  notSearchable,
  tooManyResults,
  tooManyValues,
} from './errors.ts'
import { listOf, pageOf, required } from './parameters.ts'
import type { Person } from './people.ts'
import type { Subscription } from './subscription.ts'

const VALUES_MAX = 300
const MATCHES_MAX = 1000
const DEFAULT_FIELDS = ['id', 'email', 'firstName', 'lastName', 'createdAt', 'updatedAt']

/** Get Leads by Filter Type. Throws the vendor's refusal. */
export function findLeads(marketo: Subscription, query: URLSearchParams): Success {
  const { schema, people } = marketo
  const filterType = required(query, 'filterType')
  const filter = schema.field(filterType)
  if (!filter) throw fieldNotFound(filterType)
  if (!filter.searchable) throw notSearchable(filterType)
  const values = listOf(query, 'filterValues')
  if (values.length === 0) throw missingParameter('filterValues')
  if (values.length > VALUES_MAX) throw tooManyValues(VALUES_MAX)
  const fields = fieldsOf(marketo, query)
  const found = people.find(filterType, values)
  if (found.length > MATCHES_MAX) throw tooManyResults()
  const { result, ...page } = pageOf(found, query)
  return { ...page, result: result.map((id) => show(people.get(id) ?? {}, fields)) }
}

/** Get Lead by Id. */
export function findLead(marketo: Subscription, id: string, query: URLSearchParams): Success {
  const { people } = marketo
  const fields = fieldsOf(marketo, query)
  const person = /^\d{1,10}$/.test(id) ? people.get(Number(id)) : undefined
  if (!person) throw leadNotFound(id)
  return { result: [show(person, fields)] }
}

function fieldsOf({ schema, knobs }: Subscription, query: URLSearchParams): readonly string[] {
  const asked = listOf(query, 'fields')
  const unknown = asked.filter((name) => !schema.field(name))
  if (unknown.length > 0) throw fieldsNotFound(unknown, knobs.unknownFieldWords)
  return asked.length === 0 ? DEFAULT_FIELDS : [...new Set(['id', ...asked])]
}

/** Empty fields are explicit nulls. */
function show(person: Person, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(fields.map((name) => [name, person[name] ?? null]))
}
