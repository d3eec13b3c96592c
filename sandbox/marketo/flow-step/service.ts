import type { Choice, ServiceStatus } from './answers.ts'
import type { ServiceDefinition } from './definition.ts'
import type { OptionalPath } from './document.ts'
import type { FieldMapping } from './field-mapping.ts'
import type { Provider } from './provider.ts'

export type Scalar = string | number | boolean

const PICKLIST_KINDS = ['flow', 'global', 'header'] as const
export type PicklistKind = (typeof PICKLIST_KINDS)[number]

export interface Picklist {
  name: string
  kind: PicklistKind
  choices: readonly Choice[]
}

/** An installed service. */
export interface Service {
  id: number
  /** The definition's, unless the admin had to choose another. */
  apiName: string
  definition: ServiceDefinition
  provider: Provider
  mapping: FieldMapping
  activityTypeId: number
  /** Global attributes, sent with every call. */
  admin: Readonly<Record<string, Scalar>>
  /** Travel in the payload. Adobe, service provider interface, known issues. */
  headers: Readonly<Record<string, Scalar>>
  status: ServiceStatus
  picklists: readonly Picklist[]
  offers: ReadonlySet<OptionalPath>
  /** Of the calls that were not answered with 201: how many, by status or failure. */
  statistics: Map<string, number>
}

export function picklistOf({ picklists }: Service, name: string): readonly Choice[] {
  return picklists.find((list) => list.kind === 'flow' && list.name === name)?.choices ?? []
}

/** Whose picklists a definition announces. */
export function picklistsOf(definition: ServiceDefinition): { name: string; kind: PicklistKind }[] {
  const named = (kind: PicklistKind, all: readonly { apiName: string; hasPicklist: boolean }[]) =>
    all.filter(({ hasPicklist }) => hasPicklist).map(({ apiName }) => ({ name: apiName, kind }))
  return [
    ...named('flow', definition.flowAttributes),
    ...named('global', definition.globalAttributes),
    ...named(
      'header',
      definition.headers.map(({ name, hasPicklist }) => ({ apiName: name, hasPicklist })),
    ),
  ]
}

/** A past date in the status. */
export function isDeprecated({ deprecationDate }: ServiceStatus, now: number): boolean {
  return deprecationDate !== undefined && Date.parse(deprecationDate) <= now
}
