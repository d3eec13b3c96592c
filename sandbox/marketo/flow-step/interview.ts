import {
  iconProblem,
  instructionsProblem,
  parseJson,
  readPicklist,
  readStatus,
  type ServiceStatus,
} from './answers.ts'
import { readDefinition, type ServiceDefinition } from './definition.ts'
import type { OptionalPath } from './document.ts'
import type { Received } from './exchange.ts'
import type { FieldMapping } from './field-mapping.ts'
import type { Provider } from './provider.ts'
import { type Picklist, picklistsOf } from './service.ts'

/** Questions that Marketo asks a provider; what is wrong with an answer goes to `violations`, as sentences. */

export interface Asked<T> {
  /** Absent when there is a violation. */
  found?: T
  violations: readonly string[]
}

/** Also the check of the credentials, and asked every night. */
export async function askStatus(provider: Provider): Promise<Asked<ServiceStatus>> {
  const parsed = parseJson(await provider.get('/status'))
  if ('problem' in parsed) return wrong('status', [parsed.problem])
  const status = readStatus(parsed.value)
  return Array.isArray(status) ? wrong('status', status) : { found: status, violations: [] }
}

export async function askDefinition(provider: Provider): Promise<Asked<ServiceDefinition>> {
  const parsed = parseJson(await provider.get('/getServiceDefinition'))
  if ('problem' in parsed) return wrong('getServiceDefinition', [parsed.problem])
  const { definition, violations } = readDefinition(parsed.value)
  return definition ? { found: definition, violations } : wrong('getServiceDefinition', violations)
}

/** One question after the other; `mapping` goes along once there is one. */
export async function askPicklists(
  provider: Provider,
  definition: ServiceDefinition,
  offers: ReadonlySet<OptionalPath>,
  mapping?: FieldMapping,
): Promise<Asked<readonly Picklist[]>> {
  const found: Picklist[] = []
  const violations: string[] = []
  for (const { name, kind } of picklistsOf(definition)) {
    if (!offers.has('/getPicklist')) {
      violations.push(`${name} has a picklist, and the document no /getPicklist`)
      continue
    }
    const context = mapping && { fieldMappingContext: contextOf(definition, mapping) }
    const question = Buffer.from(JSON.stringify({ name, type: kind, ...context }))
    const parsed = parseJson(await provider.post('/getPicklist', question))
    const choices = 'problem' in parsed ? [parsed.problem] : readPicklist(parsed.value)
    if (areChoices(choices)) found.push({ name, kind, choices })
    else violations.push(...wrong(`getPicklist of ${name}`, choices).violations)
  }
  return { found, violations }
}

function areChoices(read: readonly (string | object)[]): read is Picklist['choices'] {
  return read.every((each) => typeof each === 'object')
}

/** The same words as in the schema reqFieldMapping: without a name of the service where the admin maps freely. */
function contextOf({ isOutgoingFree, isIncomingFree }: ServiceDefinition, mapping: FieldMapping) {
  const side = (names: Readonly<Record<string, string>>, isFree: boolean) =>
    Object.entries(names).map(([serviceAttribute, marketoAttribute]) => ({
      marketoAttribute,
      ...(!isFree && { serviceAttribute }),
    }))
  return {
    invocation: side(mapping.outgoing, isOutgoingFree),
    callback: side(mapping.incoming, isIncomingFree),
  }
}

export interface Looks {
  /** Media types and sizes. */
  icons: Readonly<Record<string, { type: string; bytes: number }>>
  /** The page, as HTML. */
  instructions?: string
}

/** Icons and instructions, as far as the document offers them. */
export async function askLooks(
  provider: Provider,
  offers: ReadonlySet<OptionalPath>,
): Promise<{ looks: Looks; violations: string[] }> {
  const icons: Record<string, { type: string; bytes: number }> = {}
  const violations: string[] = []
  const look = async (path: OptionalPath, problemOf: (received: Received) => string) => {
    const received = await provider.look(path)
    const problem = problemOf(received)
    if (problem === '') return received
    violations.push(`GET ${path} ${problem}`)
    return undefined
  }
  for (const path of ['/brandIcon', '/serviceIcon'] as const) {
    const received = offers.has(path) ? await look(path, iconProblem) : undefined
    if (received) icons[path.slice(1)] = { type: received.type, bytes: received.body.length }
  }
  const page = offers.has('/providerInstructions')
    ? await look('/providerInstructions', instructionsProblem)
    : undefined
  return { looks: { icons, ...(page && { instructions: page.body.toString('utf8') }) }, violations }
}

function wrong(where: string, problems: readonly string[]): { violations: string[] } {
  return { violations: problems.map((problem) => `${where}: ${problem}`) }
}
