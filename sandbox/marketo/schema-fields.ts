import type { Success } from './envelope.ts'
import { fieldNotFound, invalidValue, MarketoError, missingParameter } from './errors.ts'
import { pageOf } from './parameters.ts'
import { perRecord, type RecordResult, recordsOf } from './records.ts'
import type { Members } from './request.ts'
import type { DataType, Field, Schema } from './schema.ts'

const FIELDS_MAX = 100
/** What a custom field can be. Adobe, "Leads", Create Lead Fields. */
const CREATABLE: readonly DataType[] = ['boolean', 'currency', 'date', 'datetime', 'email', 'float']
const ALSO_CREATABLE: readonly DataType[] = ['integer', 'percent', 'phone', 'score', 'string', 'url']

/** Get Lead Fields, paged. */
export function readFields(schema: Schema, query: URLSearchParams): Success {
  const { result, ...page } = pageOf(schema.fields(), query)
  return { ...page, result: result.map(show) }
}

/** Get Lead Field by Name. */
export function readField(schema: Schema, name: string): Success {
  const field = schema.field(name)
  if (!field) throw fieldNotFound(name)
  return { result: [show(field)] }
}

/** Create Lead Fields: a result for each, in order. */
export function createFields(schema: Schema, body: Members): RecordResult[] {
  const input = recordsOf(body, FIELDS_MAX)
  const made = schema.fields().filter(({ isApiCreated }) => isApiCreated)
  if (made.length + input.length > FIELDS_MAX) {
    throw new MarketoError('1003', `At most ${FIELDS_MAX} fields can be created`)
  }
  return input.map((record) => perRecord(() => createField(schema, record)))
}

function createField(schema: Schema, { name, displayName, dataType, description }: Members): RecordResult {
  if (typeof name !== 'string' || name === '') throw missingParameter('name')
  if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name)) throw invalidValue(name, 'name')
  if (typeof displayName !== 'string' || displayName === '') throw missingParameter('displayName')
  const known = [...CREATABLE, ...ALSO_CREATABLE].find((each) => each === dataType)
  if (!known) throw invalidValue(dataType, 'dataType')
  const taken = schema.fields().some((field) => field.name.toLowerCase() === name.toLowerCase())
  if (taken) throw new MarketoError('1017', `Object already exists: '${name}'`)
  schema.add({
    name,
    displayName,
    dataType: known,
    isApiCreated: true,
    ...(typeof description === 'string' && { description }),
  })
  return { name, status: 'created' }
}

function show({ name, displayName, description, dataType, length, isCustom, isApiCreated }: Field): object {
  return {
    displayName,
    name,
    ...(description !== undefined && { description }),
    dataType,
    ...(length !== undefined && { length }),
    isHidden: false,
    isHtmlEncodingInEmail: true,
    isSensitive: false,
    isCustom,
    isApiCreated,
  }
}
