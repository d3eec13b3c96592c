import type { Cause } from './cause.ts'
import {
  fieldNotFound,
  fieldsNotFound,
  invalidValue,
  leadNotFound,
  MarketoError,
  notSearchable,
} from './errors.ts'
import { odd, perRecord, type RecordResult, recordsOf } from './records.ts'
import type { Members } from './request.ts'
import type { Subscription } from './subscription.ts'

const ACTIONS = ['createOrUpdate', 'createOnly', 'updateOnly', 'createDuplicate'] as const
type Action = (typeof ACTIONS)[number]

interface Sync {
  marketo: Subscription
  action: Action
  lookupField: string
  cause: Cause
  /** Who was there when the call came, or was made by it. */
  isKnown: (id: number) => boolean
}

/**
 * Sync Leads in two steps, as two calls that run at once take them: what is returned writes, a result for each record
 * in order, and knows nobody whom another call made in between. So both make the same person. Throws the refusal of
 * the whole call. Source: Adobe, "Leads".
 */
export function beginSync(marketo: Subscription, body: Members): (cause: Cause) => RecordResult[] {
  const { action: asked = 'createOrUpdate', lookupField = 'email' } = body
  const action = ACTIONS.find((known) => known === asked)
  if (!action) throw invalidValue(asked, 'action')
  if (typeof lookupField !== 'string') throw invalidValue(lookupField, 'lookupField')
  const records = recordsOf(body)
  checkLookup(marketo, action, lookupField)
  if (marketo.knobs.unknownField === 'call') refuseUnknownFields(marketo, records)
  const newest = marketo.people.newestId
  const made = new Set<unknown>()
  const isKnown = (id: number) => id <= newest || made.has(id)
  return (cause) =>
    records.map((record) => {
      const result = perRecord(() => syncLead({ marketo, action, lookupField, cause, isKnown }, record))
      made.add(result.id)
      return odd(result, marketo.knobs)
    })
}

function checkLookup({ schema }: Subscription, action: Action, lookupField: string): void {
  const field = schema.field(lookupField)
  if (!field) throw fieldNotFound(lookupField)
  if (!field.searchable) throw notSearchable(lookupField)
  if (lookupField === 'id' && action !== 'updateOnly') {
    throw new MarketoError('1003', `Lookup field 'id' is not allowed with action '${action}'`)
  }
}

function refuseUnknownFields({ schema, knobs }: Subscription, records: readonly Members[]): void {
  const names = new Set(records.flatMap((record) => Object.keys(record)))
  const unknown = [...names].filter((name) => !schema.field(name))
  if (unknown.length > 0) throw fieldsNotFound(unknown, knobs.unknownFieldWords)
}

function syncLead(sync: Sync, record: Members): RecordResult {
  const { marketo, action, lookupField, cause } = sync
  const { id, ...others } = record
  if (id !== undefined && lookupField !== 'id') {
    throw new MarketoError('1003', `Field 'id' is not allowed with action '${action}'`)
  }
  const found = action === 'createDuplicate' ? [] : lookUp(sync, record)
  const [first] = found
  if (first === undefined) {
    if (action === 'updateOnly') throw leadNotFound(String(record[lookupField]))
    return { id: marketo.create(others, cause), status: 'created' }
  }
  if (action === 'createOnly') throw new MarketoError('1005', 'Lead already exists')
  if (found.length > 1) throw new MarketoError('1007', 'Multiple lead match lookup criteria')
  refuseCompanyFields(marketo, first, others)
  marketo.update(first, others, cause)
  return { id: first, status: 'updated' }
}

function lookUp({ marketo, action, lookupField, isKnown }: Sync, record: Members): number[] {
  const value = record[lookupField]
  if ((typeof value === 'string' && value !== '') || typeof value === 'number') {
    return marketo.people.find(lookupField, [value]).filter(isKnown)
  }
  if (action === 'createOnly') return []
  throw new MarketoError('1003', `Value for lookup field '${lookupField}' is missing`)
}

/** A person that belongs to a company takes company values from there. Adobe, "Sync architecture". */
function refuseCompanyFields({ people, schema }: Subscription, id: number, record: Members): void {
  if (people.get(id)?.externalCompanyId === undefined) return
  const field = Object.keys(record).find(
    (name) => name !== 'externalCompanyId' && schema.field(name)?.ofCompany === true,
  )
  if (field !== undefined) {
    throw new MarketoError('1021', `Company field '${field}' cannot be updated by sync lead`)
  }
}
