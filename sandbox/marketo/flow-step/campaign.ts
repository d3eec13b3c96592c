import type { Person } from '../people.ts'
import type { Subscription } from '../subscription.ts'
import { fillIn, tokensOf } from '../tokens.ts'
import { stamp, type Value } from '../value.ts'
import { picklistOf, type Scalar, type Service } from './service.ts'

export const CAMPAIGN_TYPES = ['trigger', 'batch'] as const

/** A smart campaign with the service's step in its flow, and who goes through it. */
export interface Campaign {
  name: string
  type: (typeof CAMPAIGN_TYPES)[number]
  /** Absent: everybody. */
  personIds?: readonly number[]
  /** Of the step, by apiName; texts may hold tokens. */
  attributes?: Readonly<Record<string, Scalar>>
  /** The step's choices: who gets other attributes. */
  choices?: readonly { personIds: readonly number[]; attributes: Readonly<Record<string, Scalar>> }[]
  /** Which service, by apiName; absent: the one that was installed last. */
  service?: string
  /** People a call; default 100. Adobe does not say. */
  chunkSize?: number
  /** How long a call may take to be accepted; default 30 s. Adobe does not say. */
  timeoutMs?: number
  /** Of a trigger campaign. */
  trigger?: { triggerName: string; name: string }
  program?: { id: number; name: string }
  /** My Tokens by name, without `my.`. */
  tokens?: Readonly<Record<string, string>>
  /** Empty mapped fields; default null. Adobe does not say. */
  empties?: 'null' | 'omit'
  /** Where My Tokens and headers travel; default context. Adobe does not say. */
  strays?: (typeof STRAYS)[number]
}

export const STRAYS = ['context', 'top', 'person'] as const
export const EMPTIES = ['null', 'omit'] as const
export const CHUNK_SIZE = 100
const CHUNK_SIZE_MAX = 10_000

export type FlowValues = Readonly<Record<string, Scalar>>

/** Why the campaign cannot be started, as a sentence. */
export function campaignProblem(
  marketo: Subscription,
  service: Service,
  campaign: Campaign,
): string | undefined {
  const { personIds = [], attributes = {}, choices = [], chunkSize = CHUNK_SIZE } = campaign
  const stranger = personIds.find((id) => !marketo.people.has(id))
  if (stranger !== undefined) return `the sandbox has no person ${stranger}`
  if (new Set(personIds).size < personIds.length) return 'a person is named twice'
  if (!Number.isInteger(chunkSize) || chunkSize < 1 || chunkSize > CHUNK_SIZE_MAX) {
    return `chunkSize is a whole number from 1 to ${CHUNK_SIZE_MAX}`
  }
  return [attributes, ...choices.map((choice) => choice.attributes)]
    .flatMap((values) => Object.entries(values))
    .map(([name, value]) => attributeProblem(service, name, value))
    .find((problem) => problem !== undefined)
}

function attributeProblem(service: Service, name: string, value: Scalar): string | undefined {
  const attribute = service.definition.flowAttributes.find(({ apiName }) => apiName === name)
  if (!attribute) return `the service has no flow attribute ${name}`
  if (!attribute.hasPicklist || !attribute.enforcePicklistSelect || value === '') return undefined
  const isListed = picklistOf(service, name).some(({ submittedValue }) => submittedValue === value)
  return isListed ? undefined : `"${value}" is not in the picklist of ${name}`
}

/** Each person's values of the step: their choice's, else the default ones, tokens filled in. */
export function flowValuesFor(
  marketo: Subscription,
  campaign: Campaign,
  campaignId: number,
): (id: number, person: Person) => FlowValues {
  const { attributes = {}, choices = [], name, program, tokens = {} } = campaign
  const chosen = new Map<number, FlowValues>()
  // The first choice that fits a person is theirs.
  for (const choice of choices.toReversed()) {
    for (const id of choice.personIds) chosen.set(id, choice.attributes)
  }
  const scope: Record<string, Value> = {
    'campaign.id': campaignId,
    'campaign.Name': name,
    ...(program && { 'program.id': program.id, 'program.Name': program.name }),
    ...Object.fromEntries(Object.entries(tokens).map(([token, value]) => [`my.${token}`, value])),
  }
  const tokensFor = tokensOf(marketo.schema, scope, stamp(marketo.now()))
  return (id, person) => {
    const values = chosen.get(id) ?? attributes
    if (!Object.values(values).some(holdsToken)) return values
    const find = tokensFor(person)
    return Object.fromEntries(
      Object.entries(values).map(([key, value]) => [
        key,
        holdsToken(value) ? fillIn(value, 'None', find) : value,
      ]),
    )
  }
}

function holdsToken(value: Scalar): value is string {
  return typeof value === 'string' && value.includes('{{')
}
