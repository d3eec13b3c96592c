import { isMembers } from '../request.ts'
import {
  aboutAttributes,
  aboutFields,
  aboutFlags,
  aboutHeaders,
  aboutLocales,
  aboutTokens,
} from './definition-problems.ts'
import { at, isText, isUrl, listOf, show } from './look.ts'

const FIELD_TYPES = [
  ...([
    'boolean',
    'integer',
    'date',
    'datetime',
    'email',
    'float',
    'score',
    'string',
    'url',
    'text',
  ] as const),
] as const
export type FieldType = (typeof FIELD_TYPES)[number]

/** A choice in the campaign, in the service's set-up, or a result. */
export interface AttributeDefinition {
  apiName: string
  /** In English. */
  name: string
  dataType: FieldType
  hasPicklist: boolean
  enforcePicklistSelect: boolean
}

export interface FieldDefinition {
  serviceAttribute: string
  suggestedMarketoAttribute?: string
  dataType: FieldType
  required: boolean
}

const CONTEXTS = ['program', 'campaign', 'trigger', 'programMember', 'subscription'] as const
type Context = (typeof CONTEXTS)[number]

export interface ServiceDefinition {
  apiName: string
  name: string
  filterName: string
  triggerName: string
  description: string
  primaryAttribute: string
  globalAttributes: readonly AttributeDefinition[]
  flowAttributes: readonly AttributeDefinition[]
  headers: readonly { name: string; hasPicklist: boolean }[]
  outgoing: readonly FieldDefinition[]
  isOutgoingFree: boolean
  contexts: ReadonlySet<Context>
  myTokens: readonly string[]
  callbackAttributes: readonly AttributeDefinition[]
  incoming: readonly FieldDefinition[]
  isIncomingFree: boolean
}

/** Always in the activity, so that no service may declare them. */
const RESERVED = ['success', 'reason', 'errorCode']
const LOCALISED = ['name', 'filterName', 'triggerName', 'description']

export interface DefinitionFindings {
  /** Absent when there are violations. */
  definition?: ServiceDefinition
  violations: readonly string[]
}

/** Demands of Adobe's serviceDefinition, its reserved names and those that its texts add. */
export function readDefinition(value: unknown): DefinitionFindings {
  const violations = isMembers(value)
    ? problemsOf(value)
    : [`the definition is ${show(value)}, not an object`]
  return violations.length > 0 ? { violations } : { violations, definition: toDefinition(value) }
}

function problemsOf(value: unknown): string[] {
  const [invocation, callback] = ['invocationPayloadDef', 'callbackPayloadDef']
  const required = ['apiName', 'primaryAttribute'].filter((name) => !isText(at(value, [name])))
  const objects = [invocation, callback].filter((name) => !isMembers(at(value, [name])))
  const caBundle = at(value, ['caBundle'])
  return [
    ...required.map((name) => `${name} is ${show(at(value, [name]))}: it must be a text`),
    ...objects.map((name) => `${name} is ${show(at(value, [name]))}: it must be an object`),
    ...(caBundle === undefined || isUrl(caBundle) ? [] : [`caBundle is ${show(caBundle)}: it must be a URL`]),
    ...aboutLocales(value, 'i18n', LOCALISED),
    ...['globalAttributes', 'flowAttributes'].flatMap((name) =>
      aboutAttributes(value, [invocation, name], FIELD_TYPES),
    ),
    ...aboutAttributes(value, [callback, 'attributes'], FIELD_TYPES),
    ...[invocation, callback].flatMap((side) => aboutFields(value, [side, 'fields'], FIELD_TYPES)),
    ...aboutHeaders(value, [invocation, 'headers']),
    ...aboutTokens(value, [invocation, 'myTokenContext']),
    ...aboutFlags(value, invocation, ['userDrivenMapping', ...CONTEXTS.map((name) => `${name}Context`)]),
    ...aboutFlags(value, callback, ['userDrivenMapping']),
    ...aboutNames(value),
  ]
}

/** Flow and callback attributes share one activity; the primary one is the marketer's choice. */
function aboutNames(value: unknown): string[] {
  const flow = namesIn(value, ['invocationPayloadDef', 'flowAttributes'])
  const callback = namesIn(value, ['callbackPayloadDef', 'attributes'])
  const primary = at(value, ['primaryAttribute'])
  const known = isText(primary)
  const all = [...flow, ...namesIn(value, ['invocationPayloadDef', 'globalAttributes']), ...callback]
  return [
    ...all.filter((name) => RESERVED.includes(name)).map((name) => `the attribute ${name} is Marketo's own`),
    ...flow
      .filter((name) => callback.includes(name))
      .map((name) => `${name} is a flow attribute and a callback attribute`),
    ...(known && !flow.includes(primary) ? [`primaryAttribute ${primary} is no flow attribute`] : []),
    ...(known && callback.includes(primary) ? [`primaryAttribute ${primary} is a callback attribute`] : []),
  ]
}

function namesIn(value: unknown, path: readonly string[]): string[] {
  return listOf(at(value, path)).flatMap((each) => {
    const name = at(each, ['apiName'])
    return isText(name) ? name : []
  })
}

function toDefinition(value: unknown): ServiceDefinition {
  const english = (name: string) => String(at(value, ['i18n', 'en_US', name]))
  const invocation = at(value, ['invocationPayloadDef'])
  const callback = at(value, ['callbackPayloadDef'])
  const attributes = (side: unknown, name: string) => listOf(at(side, [name])).map(toAttribute)
  const fields = (side: unknown) => listOf(at(side, ['fields'])).map(toField)
  return {
    apiName: String(at(value, ['apiName'])),
    name: english('name'),
    filterName: english('filterName'),
    triggerName: english('triggerName'),
    description: english('description'),
    primaryAttribute: String(at(value, ['primaryAttribute'])),
    globalAttributes: attributes(invocation, 'globalAttributes'),
    flowAttributes: attributes(invocation, 'flowAttributes'),
    headers: listOf(at(invocation, ['headers'])).map((each) => ({
      name: String(at(each, ['name'])),
      hasPicklist: at(each, ['hasPicklist']) === true,
    })),
    outgoing: fields(invocation),
    isOutgoingFree: at(invocation, ['userDrivenMapping']) === true,
    contexts: new Set(CONTEXTS.filter((name) => at(invocation, [`${name}Context`]) === true)),
    myTokens: listOf(at(invocation, ['myTokenContext'])).map(String),
    callbackAttributes: attributes(callback, 'attributes'),
    incoming: fields(callback),
    isIncomingFree: at(callback, ['userDrivenMapping']) === true,
  }
}

function toAttribute(value: unknown): AttributeDefinition {
  const apiName = String(at(value, ['apiName']))
  return {
    apiName,
    name: String(at(value, ['i18n', 'en_US', 'name']) ?? apiName),
    dataType: typeOf(value),
    hasPicklist: at(value, ['hasPicklist']) === true,
    enforcePicklistSelect: at(value, ['enforcePicklistSelect']) === true,
  }
}

function toField(value: unknown): FieldDefinition {
  const suggested = at(value, ['suggestedMarketoAttribute'])
  return {
    serviceAttribute: String(at(value, ['serviceAttribute'])),
    dataType: typeOf(value),
    required: at(value, ['required']) === true,
    ...(isText(suggested) && { suggestedMarketoAttribute: suggested }),
  }
}

function typeOf(value: unknown): FieldType {
  return FIELD_TYPES.find((known) => known === at(value, ['dataType'])) ?? 'string'
}
