import { type Attribute, named } from '../activity.ts'
import type { Cause } from '../cause.ts'
import { isMembers, type Members } from '../request.ts'
import type { Subscription } from '../subscription.ts'
import { type Effect, effectOf } from './callback-values.ts'
import type { FlowValues } from './campaign.ts'
import { at, isText, listOf } from './look.ts'
import type { Service } from './service.ts'

/** What a callback is an answer to. */
export interface Answered {
  marketo: Subscription
  service: Service
  campaignId: number
  /** Of the flow step inside its campaign. */
  stepId: number
  people: ReadonlyMap<number, FlowValues>
}

/** What a callback said, counted. */
export interface Tally {
  succeeded: number
  failed: number
  /** Items without a usable `leadData.id`: failed, whoever they were. */
  nameless: number
  /** Ids of the chunk that the callback left out. */
  missing: readonly number[]
  /** Ids that are not of the chunk, and ids that were there before: ignored. */
  strangers: readonly number[]
  repeated: readonly number[]
  /** Names that no definition declares, or that are not mapped: ignored. */
  ignored: readonly string[]
  /** Of the whole chunk: all its items are ignored. */
  errorCode?: string
  errorMessage?: string
}

/** Writes what an accepted callback says: each person's fields first, then their one activity. */
export function applyCallback(answered: Answered, callback: Members): Tally {
  const { people } = answered
  const { errorCode, errorMessage } = callback
  const open = new Set(people.keys())
  const lists = { strangers: [] as number[], repeated: [] as number[], ignored: new Set<string>() }
  const tally = { succeeded: 0, failed: 0, nameless: 0 }
  for (const item of isText(errorCode) ? [] : listOf(callback.objectData)) {
    const id = at(item, ['leadData', 'id'])
    if (typeof id !== 'number' || !Number.isInteger(id)) tally.nameless += 1
    else if (!people.has(id)) lists.strangers.push(id)
    else if (!open.delete(id)) lists.repeated.push(id)
    else if (applyPerson(answered, id, withDefaults(item, callback), lists.ignored)) tally.succeeded += 1
    else tally.failed += 1
  }
  return {
    ...tally,
    ...{ ...lists, ignored: [...lists.ignored], missing: [...open] },
    ...(isText(errorCode) && { errorCode }),
    ...(isText(errorCode) && isText(errorMessage) && { errorMessage }),
  }
}

/** Every person once, and nobody else. */
export function isComplete({ missing, nameless, strangers, repeated, errorCode }: Tally): boolean {
  const others = nameless + strangers.length + repeated.length
  return errorCode === undefined && missing.length + others === 0
}

interface Said {
  lead: Members
  activity: Members
}

/** What a person's item leaves out the callback's defaults fill in. */
function withDefaults(item: unknown, { defaultValues }: Members): Said {
  const members = (value: unknown) => (isMembers(value) ? value : {})
  return {
    lead: { ...members(at(defaultValues, ['leadDefaults'])), ...members(at(item, ['leadData'])) },
    activity: { ...members(at(defaultValues, ['activityDefaults'])), ...members(at(item, ['activityData'])) },
  }
}

/** Returns whether the service succeeded with the person. */
function applyPerson(answered: Answered, id: number, said: Said, ignored: Set<string>): boolean {
  const { marketo } = answered
  const activity = attributesOf(answered, said.activity, ignored)
  const isSuccess = activity.some(({ apiName, value }) => apiName === 'success' && value === true)
  if (!marketo.people.has(id)) return isSuccess
  writeFields(answered, id, said.lead, ignored)
  const { service, campaignId, people } = answered
  const { primaryAttribute, flowAttributes } = service.definition
  const flow = people.get(id) ?? {}
  const chosen = flowAttributes.flatMap(({ apiName, name, dataType }) =>
    apiName === primaryAttribute
      ? []
      : attribute(apiName, name, effectOf(dataType, flow[apiName], undefined)),
  )
  marketo.log.append({
    leadId: id,
    typeId: service.activityTypeId,
    campaignId,
    primaryValue: String(flow[primaryAttribute] ?? ''),
    attributes: [...chosen, ...activity],
  })
  return isSuccess
}

function writeFields(answered: Answered, id: number, lead: Members, ignored: Set<string>): void {
  const { marketo, service, campaignId, stepId } = answered
  const { definition, mapping } = service
  const cause: Cause = {
    source: `${definition.name} (${service.id})`,
    reason: `Smart Campaign: ${campaignId}, Step Seq ID: ${stepId}`,
    campaignId,
  }
  for (const [name, value] of Object.entries(lead)) {
    if (name === 'id') continue
    const target = Object.hasOwn(mapping.incoming, name) ? mapping.incoming[name] : undefined
    const field = target === undefined ? undefined : marketo.schema.field(target)
    if (!field) {
      ignored.add(name)
      continue
    }
    const declared = definition.incoming.find(({ serviceAttribute }) => serviceAttribute === name)
    const present = marketo.people.get(id)?.[field.name]
    const effect = effectOf(declared?.dataType ?? freeTypeOf(field.dataType), value, present)
    if (effect.kind === 'nothing') continue
    try {
      marketo.update(id, { [field.name]: written(effect, field.length) }, cause)
    } catch {
      // A value that the field's own type refuses is left unwritten, and nobody is told.
    }
  }
}

function written(effect: Exclude<Effect, { kind: 'nothing' }>, lengthMax: number | undefined): unknown {
  if (effect.kind === 'clear') return null
  return typeof effect.value === 'string' ? effect.value.slice(0, lengthMax) : effect.value
}

/** Where the admin maps freely, the type is that of Marketo's field. */
function freeTypeOf(dataType: string): Parameters<typeof effectOf>[0] {
  switch (dataType) {
    case 'boolean':
    case 'date':
    case 'datetime':
    case 'score':
    case 'text':
      return dataType
    case 'integer':
    case 'percent':
    case 'reference':
      return 'integer'
    case 'float':
    case 'currency':
      return 'float'
    default:
      return 'string'
  }
}

/** The callback's attributes and those of every activity. */
function attributesOf({ service }: Answered, said: Members, ignored: Set<string>): Attribute[] {
  const declared = [
    ...service.definition.callbackAttributes,
    { apiName: 'success', name: 'Success', dataType: 'boolean' } as const,
    { apiName: 'reason', name: 'Reason', dataType: 'string' } as const,
    { apiName: 'errorCode', name: 'Error Code', dataType: 'string' } as const,
  ]
  for (const name of Object.keys(said)) {
    if (!declared.some(({ apiName }) => apiName === name)) ignored.add(name)
  }
  return declared.flatMap(({ apiName, name, dataType }) =>
    attribute(apiName, name, effectOf(dataType, said[apiName], undefined)),
  )
}

function attribute(apiName: string, name: string, effect: Effect): Attribute[] {
  if (effect.kind !== 'write') return []
  return named({ [name]: effect.value }).map((each) => ({ ...each, apiName }))
}
