import type { Attribute } from './activity.ts'
import {
  ATTRIBUTE_TYPES,
  type AttributeType,
  type CustomType,
  type Definition,
  showCustomType,
} from './activity-types.ts'
import type { Success } from './envelope.ts'
import { fieldNotFound, invalidValue, leadNotFound, MarketoError, missingParameter } from './errors.ts'
import { instantOf } from './parameters.ts'
import { odd, recordsOf } from './records.ts'
import { isMembers, type Members } from './request.ts'
import type { Subscription } from './subscription.ts'

const ATTRIBUTES_BYTES_MAX = 65_536

/** Create Custom Activity Type: a draft that has to be approved before it can be written. */
export function createType({ types }: Subscription, body: Members): Success {
  const draft: Definition = {
    name: textOf(body, 'name'),
    description: typeof body.description === 'string' ? body.description : '',
    triggerName: textOf(body, 'triggerName'),
    filterName: textOf(body, 'filterName'),
    primaryAttribute: toAttributeType(body.primaryAttribute),
    attributes: [],
  }
  return one(types.create(nameOf(body), draft))
}

/** Create Custom Activity Type Attributes. */
export function createAttributes({ types }: Subscription, apiName: string, body: Members): Success {
  const { attributes } = body
  if (!Array.isArray(attributes) || attributes.length === 0) throw missingParameter('attributes')
  return one(types.addAttributes(apiName, attributes.map(toAttributeType)), true)
}

export function approveType({ types }: Subscription, apiName: string): Success {
  return one(types.approve(apiName))
}

function one(type: CustomType, isDraft?: boolean): Success {
  return { result: [showCustomType(type, isDraft)] }
}

function toAttributeType(value: unknown): AttributeType {
  if (!isMembers(value)) throw missingParameter('primaryAttribute')
  const dataType = textOf(value, 'dataType')
  if (!ATTRIBUTE_TYPES.includes(dataType)) throw invalidValue(dataType, 'dataType')
  return { apiName: nameOf(value), name: textOf(value, 'name'), dataType }
}

function nameOf(members: Members): string {
  const apiName = textOf(members, 'apiName')
  if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(apiName)) throw invalidValue(apiName, 'apiName')
  return apiName
}

function textOf(members: Members, name: string): string {
  const value = members[name]
  if (value === undefined || value === null || value === '') throw missingParameter(name)
  if (typeof value !== 'string') throw invalidValue(value, name)
  return value
}

type Added =
  | { id: number; marketoGUID: string; status: 'added' }
  | { status: 'skipped'; errors: readonly { code: string; message: string }[] }

/** Add Custom Activities: a result for each, in order; a refusal of one is called `errors` here. */
export function addActivities(marketo: Subscription, body: Members): Added[] {
  return recordsOf(body).map((record) => {
    try {
      return odd(addActivity(marketo, record), marketo.knobs)
    } catch (error) {
      if (!(error instanceof MarketoError)) throw error
      return { status: 'skipped', errors: [{ code: error.code, message: error.message }] }
    }
  })
}

function addActivity({ people, types, log }: Subscription, record: Members): Added {
  const { leadId, activityTypeId, primaryAttributeValue, attributes = [] } = record
  const type = types.all().find(({ id }) => id === activityTypeId)
  if (!type?.approved) throw new MarketoError('1013', `Activity type '${activityTypeId}' not found`)
  if (!Number.isInteger(leadId) || !people.has(Number(leadId))) throw leadNotFound(String(leadId))
  const at = instantOf(textOf(record, 'activityDate'), 'activityDate')
  if (!isScalar(primaryAttributeValue) || primaryAttributeValue === '') {
    throw missingParameter('primaryAttributeValue')
  }
  if (!Array.isArray(attributes)) throw invalidValue(attributes, 'attributes')
  if (Buffer.byteLength(JSON.stringify(attributes)) > ATTRIBUTES_BYTES_MAX) {
    throw new MarketoError('1049', 'Activity attributes are too large')
  }
  const { id, guid } = log.append({
    leadId: Number(leadId),
    typeId: type.id,
    at,
    primaryValue: String(primaryAttributeValue),
    attributes: toAttributes(type.approved, attributes),
  })
  return { id, marketoGUID: guid, status: 'added' }
}

function toAttributes({ attributes }: Definition, given: readonly unknown[]): Attribute[] {
  return given.flatMap((each): Attribute[] => {
    if (!isMembers(each)) throw invalidValue(each, 'attributes')
    const known = attributes.find(({ apiName, name }) => apiName === each.apiName || name === each.name)
    if (!known) throw fieldNotFound(String(each.apiName ?? each.name))
    if (each.value === null || each.value === '') return []
    if (!isScalar(each.value) || !suits(known.dataType, each.value)) {
      throw invalidValue(each.value, known.apiName)
    }
    return [{ name: known.name, apiName: known.apiName, value: each.value }]
  })
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function suits(dataType: string, value: string | number | boolean): boolean {
  if (dataType === 'integer') return Number.isInteger(value)
  if (dataType === 'float' || dataType === 'currency') return typeof value === 'number'
  if (dataType === 'boolean') return typeof value === 'boolean'
  return typeof value === 'string'
}
