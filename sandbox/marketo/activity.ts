import type { Cause } from './cause.ts'
import { stamp } from './value.ts'

export interface Attribute {
  name: string
  /** Of a custom activity. */
  apiName?: string
  value: string | number | boolean
}

/** One changed value, as texts; an empty one is not there. */
export interface ValueChange {
  fieldId: number
  name: string
  displayName: string
  oldValue?: string
  newValue?: string
}

/** What happened to a person; the log adds when, and a key. */
export interface Fact {
  leadId: number
  typeId: number
  /** When it happened, if that was not now. */
  at?: number
  campaignId?: number
  primaryId?: number
  primaryValue?: string
  /** Of Change Data Value, and who made it. */
  change?: ValueChange
  cause?: Cause
  attributes?: readonly Attribute[]
}

export interface Activity extends Fact {
  guid: string
  at: number
  /** When readers see it first. */
  visibleAt: number
  /** Not unique: activities of several services share the numbers. Adobe, "Activities". */
  id: number
}

/** Ids of the types that the sandbox writes by itself. Source: Adobe, "Data streams". */
export const TYPE = {
  newLead: 12,
  changeDataValue: 13,
  changeScore: 22,
  mergeLeads: 32,
  deleteLead: 37,
  callWebhook: 110,
} as const

/** One activity of a reply. */
export interface WireActivity {
  id: number
  marketoGUID: string
  leadId: number
  activityDate: string
  activityTypeId: number
  campaignId?: number
  primaryAttributeValueId?: number
  primaryAttributeValue?: string
  fields?: readonly object[]
  attributes: readonly Attribute[]
}

/** As Get Lead Activities shows it: of Change Data Value, everything is an attribute. */
export function toWire(activity: Activity): WireActivity {
  const { change, primaryId = change?.fieldId, primaryValue = change?.displayName } = activity
  return {
    ...wireHead(activity),
    ...(primaryId !== undefined && { primaryAttributeValueId: primaryId }),
    ...(primaryValue !== undefined && { primaryAttributeValue: primaryValue }),
    attributes: change ? changeAttributes(activity, change) : (activity.attributes ?? []),
  }
}

/** As Get Lead Changes shows it: the field by its REST name, and less of the cause. */
export function toChangeWire(activity: Activity): WireActivity {
  const { change, cause, leadId } = activity
  if (!change) return toWire(activity)
  const { fieldId: id, name, newValue = null, oldValue } = change
  return {
    ...wireHead(activity),
    fields: [{ id, name, newValue, ...(oldValue !== undefined && { oldValue }) }],
    attributes: [
      ...named({ Source: cause?.source, Reason: cause?.reason }),
      { name: 'Lead ID', value: leadId },
    ],
  }
}

function wireHead({ id, guid, leadId, at, typeId, campaignId }: Activity) {
  return {
    id,
    marketoGUID: guid,
    leadId,
    activityDate: stamp(at),
    activityTypeId: typeId,
    ...(campaignId !== undefined && { campaignId }),
  }
}

function changeAttributes({ cause }: Activity, { oldValue, newValue }: ValueChange): Attribute[] {
  return named({
    'New Value': newValue,
    'Old Value': oldValue,
    Reason: cause?.reason,
    Source: cause?.source,
    'Request Id': cause?.api?.requestId,
    'API Method Name': cause?.api?.method,
    'Modifying User': cause?.api?.user,
  })
}

/** Empty attributes are left out. */
export function named(values: Readonly<Record<string, Attribute['value'] | undefined>>): Attribute[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : { name, value },
  )
}
