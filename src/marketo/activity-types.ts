import type { CallContext } from '../abort.ts'
import { asObject, asObjects, asString, type JsonObject } from '../shape.ts'
import { createKept, type Kept } from './kept.ts'
import type { NewActivityType, Schema, SchemaOptions } from './schema.ts'
import { rowsOf, unavailable } from './verdict.ts'
import { readId } from './wire-values.ts'

interface ActivityType {
  apiName: string
  /** draft, approved, or approved with draft. */
  status: string
  id: number | undefined
}

/** Custom activities: what is made or changed is a draft until it is approved. Source: Adobe, "Activities". */
export function createActivityTypes(
  options: SchemaOptions,
): Pick<Schema, 'ensureActivityType' | 'activityType'> {
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
