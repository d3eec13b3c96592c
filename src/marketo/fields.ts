import type { CallContext } from '../abort.ts'
import { Rejected } from '../errors.ts'
import { asNumber, asObject, asString, type JsonObject } from '../shape.ts'
import { createKept } from './kept.ts'
import type { Ensured, MarketoField, NewField, Schema, SchemaOptions } from './schema.ts'
import { type Answer, firstReason, rowsOf, unavailable } from './verdict.ts'

/** Source: Adobe, "Leads" (describe2, create lead fields). */
export function createFields(options: SchemaOptions): Pick<Schema, 'fields' | 'ensureField'> {
  const { client, settings } = options
  const { metadataTimeoutMs: timeoutMs } = settings
  const load = async (call: CallContext) => {
    const query = new URLSearchParams()
    const request = {
      path: 'leads/describe2.json',
      query,
      name: 'describe people',
      permission: 'Read-Only Person',
    }
    return readDescription(await client.read({ ...request, timeoutMs }, call))
  }
  const kept = createKept({ ...options, what: 'fields', load })

  /** undefined = there is no such field. */
  const compare = async ({ name, dataType }: NewField, call: CallContext): Promise<'present' | undefined> => {
    const there = (await kept.get(call, true)).get(name)
    if (there === undefined || there.dataType === dataType) return there && 'present'
    throw new Rejected('a Marketo field has another type', {
      code: 'marketo-field-type-differs',
      field: name,
      advice: `Marketo has a field of this name and of type ${there.dataType} instead of ${dataType}: rename or hide that field.`,
    })
  }

  const create = async (field: NewField, call: CallContext): Promise<Ensured> => {
    const { name, displayName, dataType, description } = field
    const answer = await client.write(
      {
        path: 'leads/schema/fields.json',
        json: JSON.stringify({ input: [{ name, displayName, dataType, description }] }),
        name: 'create a field',
        permission: 'Read-Write Schema Custom Field',
        timeoutMs,
      },
      call,
    )
    kept.forget()
    const { status, reasons } = asObject(answer.items[0]) ?? {}
    if (status === 'created') return 'created'
    if (status !== 'skipped') throw unavailable('no result for a new field', answer.requestId)
    // Somebody else may have made it in between.
    const present = await compare(field, call)
    if (present !== undefined) return present
    const reason = firstReason(reasons)
    throw new Rejected('Marketo refuses a field', {
      code: 'marketo-field-refused',
      field: name,
      advice: 'Create this field manually in Marketo (Admin, Field Management), or look up the vendor code.',
      ...(reason === undefined ? {} : { vendorCode: reason.code }),
    })
  }

  return {
    fields: (call, fresh) => kept.get(call, fresh),
    ensureField: async (field, call) => (await compare(field, call)) ?? create(field, call),
  }
}

/** A field that cannot be read is left out: one of them is no reason to know none. */
function readDescription(answer: Answer): ReadonlyMap<string, MarketoField> {
  const person = rowsOf(answer).find(({ fields }) => Array.isArray(fields))
  const fields: readonly unknown[] = Array.isArray(person?.fields) ? person.fields : []
  const { searchableFields } = person ?? {}
  const searchable = new Set(Array.isArray(searchableFields) ? searchableFields.filter(isSingle).flat() : [])
  const read = fields.flatMap((field) => readField(asObject(field) ?? {}, searchable))
  if (read.length === 0) throw unavailable('a person without fields', answer.requestId)
  return new Map(read.map((field) => [field.name, field]))
}

/** Each searchable key is a list of fields; `leads.json` takes those of one field. */
function isSingle(key: unknown): boolean {
  return Array.isArray(key) && key.length === 1
}

function readField(field: JsonObject, searchable: ReadonlySet<unknown>): MarketoField[] {
  const [name, dataType, length] = [asString(field.name), asString(field.dataType), asNumber(field.length)]
  if (!name || !dataType) return []
  const facts = { updateable: field.updateable === true, searchable: searchable.has(name) }
  return [{ name, dataType, ...(length === undefined ? {} : { length }), ...facts }]
}
