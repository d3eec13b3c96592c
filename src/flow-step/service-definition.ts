import type { MarketoType } from '../person/fields.ts'
import type { FieldSelection } from '../person/selection.ts'
import {
  ANSWER,
  ASSIGN_TO,
  FINDS_RECORD,
  inEach,
  SERVICE,
  SYNC_AS,
  sentTo,
  type Words,
  WRITTEN_BACK,
} from './words.ts'

/**
 * What Marketo is told about the step at its installation, and keeps: names and types of what is published may never
 * change, or customers must install the service anew. Source: Adobe, "Self-Service Flow Steps" (service provider
 * interface 1.0.0), schema serviceDefinition.
 */

/** The types that Adobe's interface has. */
type DataType =
  | 'boolean'
  | 'integer'
  | 'date'
  | 'datetime'
  | 'email'
  | 'float'
  | 'score'
  | 'string'
  | 'url'
  | 'text'

const DATA_TYPES: Readonly<Record<MarketoType, DataType>> = {
  string: 'string',
  text: 'text',
  integer: 'integer',
  float: 'float',
  boolean: 'boolean',
  date: 'date',
  datetime: 'datetime',
  email: 'email',
  phone: 'string',
  url: 'url',
  currency: 'float',
  percent: 'integer',
  score: 'score',
}

const FLOW_ATTRIBUTES = [
  { ...attribute('syncAs', SYNC_AS, 'string'), hasPicklist: true, enforcePicklistSelect: true },
  { ...attribute('assignTo', ASSIGN_TO, 'string'), hasPicklist: true, enforcePicklistSelect: false },
]

const ANSWER_ATTRIBUTES = [
  attribute('outcome', ANSWER.outcome, 'string'),
  attribute('recordType', ANSWER.recordType, 'string'),
  attribute('recordId', ANSWER.recordId, 'string'),
  attribute('code', ANSWER.code, 'string'),
  attribute('advice', ANSWER.advice, 'text'),
]

const INCOMING_FIELDS = (['microsoftRecordId', 'microsoftType'] as const).map((name) => ({
  serviceAttribute: String(name),
  suggestedMarketoAttribute: name,
  description: WRITTEN_BACK[name],
  dataType: 'string' as const,
}))

/** Names that an outgoing field may not have: Marketo's own, and whatever else the definition names. */
const TAKEN: ReadonlySet<string> = new Set([
  ...['id', 'success', 'reason', 'errorCode'],
  ...[...FLOW_ATTRIBUTES, ...ANSWER_ATTRIBUTES].map(({ apiName }) => apiName),
  ...INCOMING_FIELDS.map(({ serviceAttribute }) => serviceAttribute),
])

export interface OutgoingField {
  /** The name on the wire. */
  serviceAttribute: string
  /** Marketo REST name. */
  marketo: string
  type: MarketoType
  description: Words
}

/** What is sent for a person: each field that travels to Dynamics, once; without the e-mail nobody is found. */
export function outgoingFields({ fields }: FieldSelection): OutgoingField[] {
  const columnsOf = new Map<string, { type: MarketoType; columns: string[] }>()
  for (const table of ['lead', 'contact'] as const) {
    for (const { marketo, type, column, direction } of fields[table]) {
      // Marketo sends the id of everybody, and takes no mapping for it.
      if (direction === 'to-marketo' || marketo === 'id') continue
      const { columns } = columnsOf.get(marketo) ?? { columns: [] }
      columnsOf.set(marketo, { type, columns: [...columns, `${table}.${column}`] })
    }
  }
  const outgoing = [...columnsOf].map(([marketo, { type, columns }]) => ({
    serviceAttribute: wireName(marketo),
    marketo,
    type,
    description: sentTo(columns.join(', ')),
  }))
  if (columnsOf.has('email')) return outgoing
  return [
    ...outgoing,
    { serviceAttribute: 'email', marketo: 'email', type: 'email', description: FINDS_RECORD },
  ]
}

/** Which Marketo REST name each member of a person on the wire has, the id's included where it travels. */
export function wireNames(selection: FieldSelection): ReadonlyMap<string, string> {
  const names = new Map(outgoingFields(selection).map((one) => [one.serviceAttribute, one.marketo]))
  const { lead, contact } = selection.fields
  const sendsId = [...lead, ...contact].some(({ marketo }) => marketo === 'id')
  return sendsId ? names.set('id', 'id') : names
}

function wireName(marketo: string): string {
  return TAKEN.has(marketo) ? `person_${marketo}` : marketo
}

export function serviceDefinition(selection: FieldSelection) {
  return {
    apiName: 'syncPersonToMicrosoft',
    i18n: inEach((locale) => ({
      name: SERVICE.name[locale],
      filterName: SERVICE.filterName[locale],
      triggerName: SERVICE.triggerName[locale],
      description: SERVICE.description[locale],
    })),
    primaryAttribute: 'syncAs',
    invocationPayloadDef: {
      globalAttributes: [],
      flowAttributes: FLOW_ATTRIBUTES,
      fields: outgoingFields(selection).map(({ serviceAttribute, marketo, type, description }) => ({
        serviceAttribute,
        suggestedMarketoAttribute: marketo,
        description,
        dataType: DATA_TYPES[type],
        required: false,
      })),
      headers: [],
      userDrivenMapping: false,
      programContext: true,
      campaignContext: true,
      triggerContext: true,
      programMemberContext: false,
      subscriptionContext: true,
      myTokenContext: [],
    },
    callbackPayloadDef: { attributes: ANSWER_ATTRIBUTES, fields: INCOMING_FIELDS, userDrivenMapping: false },
  }
}

function attribute(
  apiName: string,
  { name, description }: { name: Words; description: Words },
  dataType: DataType,
) {
  const i18n = inEach((locale) => ({ name: name[locale], description: description[locale] }))
  return { apiName, i18n, dataType }
}
