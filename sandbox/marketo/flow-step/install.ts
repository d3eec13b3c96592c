import type { ActivityTypes, AttributeType } from '../activity-types.ts'
import type { Subscription } from '../subscription.ts'
import { parseJson, type ServiceStatus } from './answers.ts'
import { type Credentials, signWith } from './credentials.ts'
import type { AttributeDefinition, ServiceDefinition } from './definition.ts'
import { type DocumentFindings, type InstallDocument, readDocument } from './document.ts'
import { type Bounds, exchange } from './exchange.ts'
import { type FieldMapping, type MappingChanges, mapFields } from './field-mapping.ts'
import { askDefinition, askLooks, askPicklists, askStatus, type Looks } from './interview.ts'
import { Provider } from './provider.ts'
import type { Picklist, Scalar, Service } from './service.ts'

/** What an admin does in Service Providers ▸ Add New Service. */
export interface Installation {
  /** Of the OpenAPI document, as JSON. */
  url: string
  credentials: Credentials
  mapping?: MappingChanges
  /** Where a service of the definition's name is there already. */
  apiName?: string
  /** Values of the service's global attributes and headers. */
  admin?: Readonly<Record<string, Scalar>>
  headers?: Readonly<Record<string, Scalar>>
  /** Of each question; default 30 s. */
  timeoutMs?: number
}

export interface InstallReport extends Looks {
  installed: boolean
  /** Every way in which the provider is not what Adobe's interface asks for. */
  violations: readonly string[]
  serviceId?: number
  /** The document's title. */
  title?: string
  status?: ServiceStatus
  definition?: ServiceDefinition
  picklists: readonly Picklist[]
  mapping?: FieldMapping
  /** Suggested Marketo fields that are not there, or of another type. */
  unmatched: readonly string[]
}

const TIMEOUT_MS = 30_000

/** In Marketo's order, as far as the answers carry; a service that violates anything is not installed. */
export async function install(
  marketo: Subscription,
  installation: Installation,
  nextId: () => number,
  signal: AbortSignal,
): Promise<{ report: InstallReport; service?: Service }> {
  const bounds = { signal, timeoutMs: installation.timeoutMs ?? TIMEOUT_MS }
  const { document, violations } = await fetchDocument(installation.url, bounds)
  const report: InstallReport = { installed: false, violations, icons: {}, picklists: [], unmatched: [] }
  if (!document) return { report }
  const titled = { ...report, title: document.title }
  const sign = signWith(document.scheme, installation.credentials)
  if (typeof sign === 'string') return { report: { ...titled, violations: [...violations, sign] } }
  const provider = new Provider({ ...bounds, baseUrl: document.baseUrl, sign })
  const status = await askStatus(provider)
  const { looks, violations: aboutLooks } = await askLooks(provider, document.offers)
  const definition = await askDefinition(provider)
  const seen = { ...titled, ...looks, ...(status.found && { status: status.found }) }
  const so = [...violations, ...status.violations, ...aboutLooks, ...definition.violations]
  if (!definition.found) return { report: { ...seen, violations: so } }
  return settle({
    marketo,
    installation,
    nextId,
    provider,
    document,
    definition: definition.found,
    report: { ...seen, definition: definition.found, violations: so },
  })
}

async function fetchDocument(url: string, bounds: Bounds): Promise<DocumentFindings> {
  const headers = { accept: 'application/json' }
  const parsed = parseJson(await exchange({ method: 'GET', url, headers }, bounds))
  if ('problem' in parsed) return { violations: [`the document: ${parsed.problem}`] }
  return readDocument(parsed.value, url)
}

interface Candidate {
  marketo: Subscription
  installation: Installation
  nextId: () => number
  provider: Provider
  document: InstallDocument
  definition: ServiceDefinition
  report: InstallReport
}

/** The second half: what hangs on the definition. */
async function settle(candidate: Candidate): Promise<{ report: InstallReport; service?: Service }> {
  const { marketo, installation, provider, document, definition } = candidate
  const mapped = mapFields(marketo.schema, definition, installation.mapping)
  const picklists = await askPicklists(provider, definition, document.offers)
  const apiName = installation.apiName ?? definition.apiName
  const { admin = {}, headers = {} } = installation
  const violations = [
    ...candidate.report.violations,
    ...picklists.violations,
    ...mapped.violations,
    ...unknown(definition, admin, headers),
    ...(marketo.types.has(apiName) ? [`there is a service ${apiName}: give this one another apiName`] : []),
  ]
  const { mapping, unmatched } = mapped
  const report = { ...candidate.report, violations, picklists: picklists.found ?? [], mapping, unmatched }
  if (violations.length > 0 || !report.status) return { report }
  const service: Service = {
    ...{ id: candidate.nextId(), apiName, definition, provider, mapping, admin, headers },
    activityTypeId: addActivityType(marketo.types, apiName, definition),
    status: report.status,
    picklists: report.picklists,
    offers: document.offers,
    statistics: new Map(),
  }
  return { report: { ...report, installed: true, serviceId: service.id }, service }
}

function unknown(
  { globalAttributes, headers: declared }: ServiceDefinition,
  admin: Readonly<Record<string, Scalar>>,
  headers: Readonly<Record<string, Scalar>>,
): string[] {
  const globals = globalAttributes.map(({ apiName }) => apiName)
  const names = declared.map(({ name }) => name)
  return [
    ...Object.keys(admin).flatMap((name) =>
      globals.includes(name) ? [] : [`there is no global attribute ${name}`],
    ),
    ...Object.keys(headers).flatMap((name) => (names.includes(name) ? [] : [`there is no header ${name}`])),
  ]
}

/** Each service's calls are activities of a type of its own. */
function addActivityType(types: ActivityTypes, apiName: string, definition: ServiceDefinition): number {
  const { name, description, triggerName, filterName, primaryAttribute } = definition
  const described = [...definition.flowAttributes, ...definition.callbackAttributes].map(toAttributeType)
  const primary = described.find((each) => each.apiName === primaryAttribute)
  if (!primary) throw new Error(`${primaryAttribute} is no flow attribute`)
  const attributes = [...described.filter((each) => each !== primary), ...OF_EACH_ACTIVITY]
  types.create(apiName, { name, description, triggerName, filterName, primaryAttribute: primary, attributes })
  return types.approve(apiName).id
}

const OF_EACH_ACTIVITY: readonly AttributeType[] = [
  { apiName: 'success', name: 'Success', dataType: 'boolean' },
  { apiName: 'reason', name: 'Reason', dataType: 'string' },
  { apiName: 'errorCode', name: 'Error Code', dataType: 'string' },
]

function toAttributeType({ apiName, name, dataType }: AttributeDefinition): AttributeType {
  return { apiName, name, dataType }
}
