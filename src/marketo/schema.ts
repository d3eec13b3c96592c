import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { isVendorError, Rejected } from '../errors.ts'
import { asNumber, asObject, asObjects, asString, type JsonObject } from '../json.ts'
import type { Log } from '../log.ts'
import type { Client } from './client.ts'
import { createKept, type Kept } from './kept.ts'
import type { MarketoSettings } from './settings.ts'
import { type Answer, firstReason, readId, rowsOf, unavailable } from './verdict.ts'

/** One field of a person. Source: Adobe, "Leads" (describe2). */
export interface MarketoField {
  /** REST name. */
  name: string
  /** As Marketo spells it: string, text, integer, float, boolean, date, datetime, email, phone, url, … */
  dataType: string
  /** Characters; of text-like types. */
  length?: number
  updateable: boolean
  /** Whether `leads.json` can be asked by it. */
  searchable: boolean
}

export interface NewField {
  name: string
  displayName: string
  dataType: string
  description: string
}

export interface NewActivityType {
  apiName: string
  name: string
  description: string
  triggerName: string
  filterName: string
  primaryAttribute: { apiName: string; name: string; dataType: string }
  attributes: readonly { apiName: string; name: string; dataType: string }[]
}

export interface ApprovedActivityType {
  id: number
  /** API names of what it takes: an older set-up made fewer. */
  attributes: ReadonlySet<string>
}

type Ensured = 'created' | 'present'

/** The shape of a person and of custom activities. Every verb throws Unauthorized, Rejected, Busy or Unavailable and nothing else. */
export interface Schema {
  /**
   * By REST name; from cache while it is fresh, an older copy when Marketo cannot be asked. With `fresh` asked
   * anew, and never old.
   */
  fields(call: CallContext, fresh?: boolean): Promise<ReadonlyMap<string, MarketoField>>
  /**
   * Makes a custom field unless a field has the name already. Rejected with `marketo-field-type-differs` when a
   * field of another type has it.
   */
  ensureField(field: NewField, call: CallContext): Promise<Ensured>
  /** Makes and approves a custom activity unless it is there; adds attributes that are missing. */
  ensureActivityType(type: NewActivityType, call: CallContext): Promise<Ensured | 'completed'>
  /**
   * Whether Marketo's own CRM sync is on; undefined = it cannot be told now, or with these permissions. Throws
   * nothing but an abort.
   */
  nativeSync(call: CallContext): Promise<boolean | undefined>
  /** An approved custom activity by its API name, cached like `fields`; undefined = there is none. */
  activityType(apiName: string, call: CallContext): Promise<ApprovedActivityType | undefined>
}

export interface SchemaOptions {
  client: Client
  settings: MarketoSettings
  clock: Clock
  log: Log
  closing: AbortSignal
}

export function createSchema(options: SchemaOptions): Schema {
  return { ...createFields(options), ...createActivityTypes(options), ...createNativeSync(options) }
}

/**
 * Companies are closed while a native sync owns them, and so is their description, which costs least to ask for.
 * Source: Adobe, "Companies" and error code 1018.
 */
function createNativeSync({ client, settings }: SchemaOptions): Pick<Schema, 'nativeSync'> {
  const request = {
    path: 'companies/describe.json',
    query: new URLSearchParams(),
    name: 'describe companies',
    permission: 'Read-Only Company',
    timeoutMs: settings.metadataTimeoutMs,
  }
  return {
    async nativeSync(call) {
      try {
        await client.read(request, call)
        return false
      } catch (error) {
        if (error instanceof Rejected && error.detail.code === 'marketo-native-sync-on') return true
        if (isVendorError(error) && !call.signal.aborted) return undefined
        throw error
      }
    },
  }
}

/** Source: Adobe, "Leads" (describe2, create lead fields). */
function createFields(options: SchemaOptions): Pick<Schema, 'fields' | 'ensureField'> {
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

interface ActivityType {
  apiName: string
  /** draft, approved, or approved with draft. */
  status: string
  id: number | undefined
}

/** Custom activities: what is made or changed is a draft until it is approved. Source: Adobe, "Activities". */
function createActivityTypes(options: SchemaOptions): Pick<Schema, 'ensureActivityType' | 'activityType'> {
  const { client, settings } = options
  const { metadataTimeoutMs: timeoutMs } = settings

  const read = async (path: string, call: CallContext, query = new URLSearchParams()) => {
    const permission = 'Read-Only Activity Metadata'
    return client.read(
      { path: `activities/external/${path}`, query, name: 'describe activities', permission, timeoutMs },
      call,
    )
  }
  const write = async (path: string, body: object, call: CallContext) => {
    const json = JSON.stringify(body)
    const permission = 'Read-Write Activity Metadata'
    await client.write(
      { path: `activities/external/${path}`, json, name: 'define an activity', permission, timeoutMs },
      call,
    )
  }
  const load = async (call: CallContext) => rowsOf(await read('types.json', call)).flatMap(readType)
  const kept = createKept({ ...options, what: 'activity types', load })

  const describe = async (
    apiName: string,
    call: CallContext,
    ofDraft: boolean,
  ): Promise<ReadonlySet<string>> => {
    const draft = new URLSearchParams(ofDraft ? { draft: 'true' } : {})
    const answer = await read(`type/${encodeURIComponent(apiName)}/describe.json`, call, draft)
    const described = asObject(answer.items[0])
    const attributes = asObjects(described?.attributes ?? [])
    if (described === undefined || attributes === undefined) {
      throw unavailable('an activity type cannot be read', answer.requestId)
    }
    return new Set(attributes.flatMap(({ apiName }) => asString(apiName) ?? []))
  }

  const approved = new Map<string, Kept<ReadonlySet<string>>>()
  const approvedAttributes = (apiName: string, call: CallContext) => {
    const load = (loading: CallContext) => describe(apiName, loading, false)
    const known = approved.get(apiName) ?? createKept({ ...options, what: 'activity attributes', load })
    approved.set(apiName, known)
    return known.get(call)
  }

  /** What the type lacks is added to its draft, and the draft is approved. */
  const complete = async (
    { apiName, attributes }: NewActivityType,
    present: ReadonlySet<string>,
    isApproved: boolean,
    call: CallContext,
  ): Promise<'present' | 'completed'> => {
    const path = `type/${encodeURIComponent(apiName)}`
    const missing = attributes.filter((attribute) => !present.has(attribute.apiName))
    if (missing.length === 0 && isApproved) return 'present'
    if (missing.length > 0) await write(`${path}/attributes/create.json`, { attributes: missing }, call)
    await write(`${path}/approve.json`, {}, call)
    return 'completed'
  }

  return {
    async ensureActivityType(type, call) {
      const there = (await kept.get(call, true)).find(({ apiName }) => apiName === type.apiName)
      try {
        if (there !== undefined) {
          const isApproved = there.status === 'approved'
          return await complete(type, await describe(there.apiName, call, !isApproved), isApproved, call)
        }
        const { attributes: _, ...head } = type
        await write('type.json', head, call)
        await complete(type, new Set(), false, call)
        return 'created'
      } finally {
        kept.forget()
        approved.clear()
      }
    },

    async activityType(name, call) {
      const type = (await kept.get(call)).find(({ apiName }) => apiName === name)
      if (type?.id === undefined || !type.status.startsWith('approved')) return undefined
      return { id: type.id, attributes: await approvedAttributes(name, call) }
    },
  }
}

function readType(row: JsonObject): ActivityType[] {
  const [apiName, status] = [asString(row.apiName), asString(row.status)]
  return apiName && status ? [{ apiName, status: status.toLowerCase(), id: readId(row.id) }] : []
}
