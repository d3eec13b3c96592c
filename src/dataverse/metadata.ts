import { type CallContext, createSingleFlight, untilAborted } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Unavailable } from '../errors.ts'
import { asObjects, asString, type JsonObject, parseObject } from '../json.ts'
import type { Log } from '../log.ts'
import type { Client } from './client.ts'
import {
  accessIn,
  type Column,
  columnOf,
  isSecuredAs,
  readColumnAccess,
  type TableDefinition,
} from './columns.ts'
import { WHO_AM_I } from './organisation-check.ts'
import type { Table } from './records.ts'
import type { DataverseSettings } from './settings.ts'
import { errorOf, judge, type Reply, unavailable } from './verdict.ts'

/** Why a definition may no longer be how the table is. */
interface Doubt {
  /** `refusal`: Dataverse refused what the definition allows. `check`: the definition forbids what a person has. */
  because: 'refusal' | 'check'
  /** One of the stable failure codes. */
  code: string
  field?: string
  vendorCode?: string
  vendorRequestId?: string
}

export interface Metadata {
  /**
   * From cache when fresh, from a stale cache when Dataverse cannot be asked, else throws.
   * With `fresh` Dataverse is asked in any case, and what goes wrong is thrown.
   */
  table(table: Table, call: CallContext, options?: { fresh?: boolean }): Promise<TableDefinition>
  /**
   * Another definition than the one that was `used`: decide again with it. undefined: the table is as `used` says, or
   * was looked at too lately to be looked at again, so what was decided stands. Callers share one request, and a
   * table is asked for at most every `metadataRefusalMs` or `metadataCheckMs`. Throws Busy or Unavailable when
   * Dataverse cannot be asked: nothing can be said about the person now.
   */
  reread(used: TableDefinition, doubt: Doubt, call: CallContext): Promise<TableDefinition | undefined>
  /**
   * Whether column security is still as these definitions say. Rows that were read before this is asked hold values
   * and not the nulls of a column that was secured meanwhile. Throws the vendor's errors.
   */
  isSecuredAs(definitions: readonly TableDefinition[], call: CallContext): Promise<boolean>
}

/**
 * Facts of one type live behind a cast. Source: Microsoft Learn, "Query table definitions using the Web API".
 */
const casts = [
  'StringAttributeMetadata?$select=LogicalName,MaxLength,FormatName',
  'MemoAttributeMetadata?$select=LogicalName,MaxLength',
  'IntegerAttributeMetadata?$select=LogicalName,MinValue,MaxValue',
  'DecimalAttributeMetadata?$select=LogicalName,MinValue,MaxValue',
  'DoubleAttributeMetadata?$select=LogicalName,MinValue,MaxValue',
  'MoneyAttributeMetadata?$select=LogicalName,MinValue,MaxValue',
  'DateTimeAttributeMetadata?$select=LogicalName,Format,DateTimeBehavior',
  'BooleanAttributeMetadata?$select=LogicalName&$expand=OptionSet',
  'PicklistAttributeMetadata?$select=LogicalName,DefaultFormValue&$expand=OptionSet,GlobalOptionSet',
  'MultiSelectPicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet,GlobalOptionSet',
  'StateAttributeMetadata?$select=LogicalName&$expand=OptionSet',
  'StatusAttributeMetadata?$select=LogicalName&$expand=OptionSet',
]
const common =
  'LogicalName,AttributeType,AttributeTypeName,RequiredLevel,IsValidForCreate,IsValidForUpdate,IsSecured'
const relationship = 'ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName'

/** The relationships name the abstract table `owner`; rows are bound to one of these two. */
const ownerTargets = [
  { table: 'systemuser', navigationProperty: 'ownerid', entitySet: 'systemusers' },
  { table: 'team', navigationProperty: 'ownerid', entitySet: 'teams' },
] as const

/** A server's own copy of the metadata may be half a minute old. Source: "Compose HTTP requests". */
const latest = { consistency: 'Strong' }

interface Kept {
  definition: TableDefinition
  /** Epoch ms of the reply. */
  readAtMs: number
  /** Epoch ms; from then on Dataverse is asked again. */
  freshUntilMs: number
}

/** Definitions from memory for an hour, from one $batch after that, from an old copy when that fails. */
export function createMetadata(options: {
  client: Client
  /** Takes in who the organisation is, before its tables are believed. */
  whoAmI?: (reply: Reply) => Promise<void>
  settings: DataverseSettings
  clock: Clock
  log: Log
  closing: AbortSignal
}): Metadata {
  const { client, settings, clock, log, closing } = options
  const kept = new Map<Table, Kept>()

  const load = (table: Table) => async (signal: AbortSignal) => {
    const old = kept.get(table)
    try {
      const read = await readDefinition(client, table, { signal }, options.whoAmI)
      // What says the same is the same, so that a change is seen by comparing.
      const definition = old && isSame(old.definition, read) ? old.definition : read
      const readAtMs = clock.now()
      kept.set(table, { definition, readAtMs, freshUntilMs: readAtMs + settings.metadataTtlMs })
      return definition
    } catch (error) {
      if (old === undefined) throw error
      log.warn({ event: 'old-definition', table, error: error instanceof Error ? error.name : 'unknown' })
      kept.set(table, { ...old, freshUntilMs: clock.now() + settings.metadataRetryMs })
      throw error
    }
  }
  const flights = {
    lead: createSingleFlight(load('lead'), closing),
    contact: createSingleFlight(load('contact'), closing),
  }

  const refusedAtMs = new Map<Table, number>()
  /** Whether the table may be asked for once more; a clock that was set back forbids nothing. */
  const mayReread = (table: Table, { because }: Doubt): boolean => {
    const now = clock.now()
    const isCheck = because === 'check'
    const lastMs = (isCheck ? kept.get(table)?.readAtMs : refusedAtMs.get(table)) ?? Number.NEGATIVE_INFINITY
    const leastMs = isCheck ? settings.metadataCheckMs : settings.metadataRefusalMs
    if (now >= lastMs && now - lastMs < leastMs) return false
    if (!isCheck) refusedAtMs.set(table, now)
    return true
  }

  const rereads = new Map<Table, Promise<TableDefinition>>()
  const begin = (used: TableDefinition, doubt: Doubt): Promise<TableDefinition> => {
    const { table } = used
    const reading = flights[table]
      .start()
      .then((definition) => {
        log.warn({ event: 'table-reread', table, ...doubt, changed: differences(used, definition) })
        return definition
      })
      .finally(() => rereads.delete(table))
    rereads.set(table, reading)
    return reading
  }

  return {
    async table(table, call, { fresh = false } = {}) {
      const known = fresh ? undefined : kept.get(table)
      if (known !== undefined && clock.now() < known.freshUntilMs) return known.definition
      return untilGivenUp(flights[table].start(), call).catch((error: unknown) => {
        if (known !== undefined && !call.signal.aborted) return known.definition
        throw error
      })
    },

    async reread(used, doubt, call) {
      const { table } = used
      const known = kept.get(table)?.definition
      if (known !== undefined && known !== used) return known
      const running = rereads.get(table)
      if (running === undefined && !mayReread(table, doubt)) return undefined
      const definition = await untilGivenUp(running ?? begin(used, doubt), call)
      return definition === used ? undefined : definition
    },
    isSecuredAs: (definitions, call) => isSecuredAs(client, definitions, call),
  }
}

/** The reading goes on for others. */
function untilGivenUp<T>(reading: Promise<T>, { signal }: CallContext): Promise<T> {
  return untilAborted(reading, signal).catch((error: unknown) => {
    if (signal.aborted && error === signal.reason) {
      throw new Unavailable('cancelled while the table definition was read', { cause: error })
    }
    throw error
  })
}

function isSame(one: TableDefinition, other: TableDefinition): boolean {
  return textOf(one) === textOf(other)
}

function textOf({ columns, ...facts }: TableDefinition): string {
  return JSON.stringify([
    facts,
    [...columns.values()].sort((a, b) => (a.logicalName < b.logicalName ? -1 : 1)),
  ])
}

const NAMED_MAX = 5

/** Names of columns that are not as they were, for the log. */
function differences(before: TableDefinition, after: TableDefinition): string {
  const names = new Set([...before.columns.keys(), ...after.columns.keys()])
  const isOther = (name: string) =>
    JSON.stringify(before.columns.get(name)) !== JSON.stringify(after.columns.get(name))
  const changed = before === after ? [] : [...names].filter(isOther)
  return changed.length === 0 ? 'nothing' : changed.slice(0, NAMED_MAX).join(', ')
}

async function readDefinition(
  client: Client,
  table: Table,
  call: CallContext,
  whoAmI?: (reply: Reply) => Promise<void>,
): Promise<TableDefinition> {
  const entity = `EntityDefinitions(LogicalName='${table}')`
  const paths = [
    `${entity}/Attributes?$select=${common}`,
    `${entity}/ManyToOneRelationships?$select=${relationship}`,
    'EntityDefinitions?$select=LogicalName,EntitySetName,ChangeTrackingEnabled',
    ...casts.map((cast) => `${entity}/Attributes/Microsoft.Dynamics.CRM.${cast}`),
  ]
  if (whoAmI) paths.push(WHO_AM_I.path)
  const parts = paths.map((path) => ({ method: 'GET' as const, path, headers: latest }))
  const replies = await client.batch({ name: `describe ${table}`, parts }, call)
  const identity = whoAmI && replies.at(-1)
  if (identity) await whoAmI(identity)
  const described = identity ? replies.slice(0, -1) : replies
  const [attributes = [], relationships = [], entities = [], ...typed] = described.map(rowsOf)
  const entitySets = new Map(entities.map((row) => [asString(row.LogicalName), asString(row.EntitySetName)]))
  const typedByName = new Map(typed.flat().map((row) => [asString(row.LogicalName), row]))
  const columns = attributes
    .map((row) => columnOf(row, typedByName.get(asString(row.LogicalName))))
    .filter((column) => column !== undefined)
    .map((column) => withTargets(column, relationships, entitySets))
  const changeTracking = entities.find((row) => row.LogicalName === table)?.ChangeTrackingEnabled
  const definition = { table, columns: new Map(columns.map((column) => [column.logicalName, column])) }
  const access = await readColumnAccess(client, table, [...accessIn(definition).keys()], call)
  for (const [name, secured] of access) {
    const column = definition.columns.get(name)
    if (column) definition.columns.set(name, { ...column, secured })
  }
  return { ...definition, ...(typeof changeTracking === 'boolean' ? { changeTracking } : {}) }
}

function rowsOf(reply: Reply): JsonObject[] {
  const error = errorOf(judge(reply), reply, 0)
  if (error !== undefined) throw error
  const rows = asObjects(parseObject(reply.body)?.value)
  if (rows === undefined) throw unavailable(reply, 'a table definition is not readable')
  return rows
}

function withTargets(
  column: Column,
  relationships: readonly JsonObject[],
  entitySets: ReadonlyMap<string | undefined, string | undefined>,
): Column {
  if (column.type === 'Owner') return { ...column, targets: ownerTargets }
  if (column.type !== 'Lookup' && column.type !== 'Customer') return column
  const targets = relationships
    .filter((row) => row.ReferencingAttribute === column.logicalName)
    .flatMap((row) => {
      const table = asString(row.ReferencedEntity)
      // Case-sensitive: the schema name of the relationship or column, not its logical name.
      const navigationProperty = asString(row.ReferencingEntityNavigationPropertyName)
      const entitySet = entitySets.get(table)
      if (table === undefined || navigationProperty === undefined || entitySet === undefined) return []
      return [{ table, navigationProperty, entitySet }]
    })
  return { ...column, targets }
}
