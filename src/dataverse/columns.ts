import type { CallContext } from '../abort.ts'
import { asNumber, asObject, asObjects, asString, type JsonObject, parseObject } from '../json.ts'
import type { Client } from './client.ts'
import { guidLiteral } from './odata.ts'
import type { Table } from './records.ts'
import { errorOf, judge, type Reply, unavailable } from './verdict.ts'

export type ColumnType =
  | 'String'
  | 'Memo'
  | 'Integer'
  | 'BigInt'
  | 'Decimal'
  | 'Double'
  | 'Money'
  | 'Boolean'
  | 'Picklist'
  | 'MultiSelectPicklist'
  | 'State'
  | 'Status'
  | 'DateTime'
  | 'Lookup'
  | 'Customer'
  | 'Owner'
  | 'Uniqueidentifier'
  /** Anything else that Dataverse has (Image, File, …): shown, never written. */
  | 'Other'

/** What our user is proven to be allowed on a secured column; nothing of it without `read`. */
export interface ColumnAccess {
  read: boolean
  create: boolean
  update: boolean
}

/** One column of the live table. Source: EntityDefinitions(...)/Attributes and its casts. */
export interface Column {
  logicalName: string
  type: ColumnType
  requiredLevel: 'None' | 'Recommended' | 'ApplicationRequired' | 'SystemRequired'
  validForCreate: boolean
  validForUpdate: boolean
  /** Column security is on. Absent: whoever may read the row reads the column. */
  secured?: ColumnAccess
  /** Characters; String and Memo. */
  maxLength?: number
  /** String: Text, Email, Phone, Url, …; DateTime: DateOnly or DateAndTime. */
  format?: string
  /** DateTime: UserLocal, DateOnly or TimeZoneIndependent. Only DateOnly is an Edm.Date on the wire. */
  behavior?: string
  /** Picklist: Dynamics fills an absent value itself (DefaultFormValue). Absent = not known. */
  hasDefault?: boolean
  /** Integer, Decimal, Double, Money. */
  min?: number
  max?: number
  /** Picklist, MultiSelectPicklist, State, Status; Boolean has its two labels here as 0 and 1. */
  options?: readonly { value: number; label: string; state?: number }[]
  /** Look-ups: target tables with the navigation property and entity set to bind with. */
  targets?: readonly { table: string; navigationProperty: string; entitySet: string }[]
}

export interface TableDefinition {
  table: Table
  columns: ReadonlyMap<string, Column>
  /** Whether changes of the table can be asked for; absent = not known. */
  changeTracking?: boolean
}

const columnTypes: ReadonlySet<string> = new Set<ColumnType>([
  'String',
  'Memo',
  'Integer',
  'BigInt',
  'Decimal',
  'Double',
  'Money',
  'Boolean',
  'Picklist',
  'MultiSelectPicklist',
  'State',
  'Status',
  'DateTime',
  'Lookup',
  'Customer',
  'Owner',
  'Uniqueidentifier',
])
const requiredLevels: ReadonlySet<string> = new Set<Column['requiredLevel']>([
  'Recommended',
  'ApplicationRequired',
  'SystemRequired',
])

/** Facts of EntityDefinitions about one column, without look-up targets; undefined for other shapes. */
export function columnOf(common: JsonObject, typed: JsonObject | undefined): Column | undefined {
  const logicalName = asString(common.LogicalName)
  if (logicalName === undefined) return undefined
  const attributeType = typeOf(common)
  const level = asString(asObject(common.RequiredLevel)?.Value)
  return {
    logicalName,
    type: isColumnType(attributeType) ? attributeType : 'Other',
    requiredLevel: isRequiredLevel(level) ? level : 'None',
    validForCreate: common.IsValidForCreate === true,
    validForUpdate: common.IsValidForUpdate === true,
    ...(common.IsSecured === true ? { secured: { read: false, create: false, update: false } } : {}),
    ...(typed === undefined ? {} : typedFacts(typed)),
  }
}

/** Choices columns are of type Virtual, as other kinds are; their type's name says which. */
function typeOf({ AttributeType, AttributeTypeName }: JsonObject): string | undefined {
  const name = asString(asObject(AttributeTypeName)?.Value)
  return name === 'MultiSelectPicklistType' ? 'MultiSelectPicklist' : asString(AttributeType)
}

function isColumnType(type: string | undefined): type is ColumnType {
  return type !== undefined && columnTypes.has(type)
}

function isRequiredLevel(level: string | undefined): level is Column['requiredLevel'] {
  return level !== undefined && requiredLevels.has(level)
}

function typedFacts(typed: JsonObject): Partial<Column> {
  const maxLength = asNumber(typed.MaxLength)
  const format = asString(asObject(typed.FormatName)?.Value) ?? asString(typed.Format)
  const min = asNumber(typed.MinValue)
  const max = asNumber(typed.MaxValue)
  const behavior = asString(asObject(typed.DateTimeBehavior)?.Value)
  const defaultValue = typed.DefaultFormValue
  const options = optionsOf(typed)
  return {
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(format === undefined ? {} : { format }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(behavior === undefined ? {} : { behavior }),
    // -1 and null stand for no default.
    ...(defaultValue === undefined ? {} : { hasDefault: (asNumber(defaultValue) ?? -1) !== -1 }),
    ...(options === undefined ? {} : { options }),
  }
}

function optionsOf(typed: JsonObject): Column['options'] {
  // A choice has its own option set or shares a global one; the other member is null.
  const set = asObject(typed.OptionSet) ?? asObject(typed.GlobalOptionSet)
  if (set === undefined) return undefined
  const listed = asObjects(set.Options) ?? [set.FalseOption, set.TrueOption].map(asObject)
  return listed.flatMap((option) => {
    const value = asNumber(option?.Value)
    if (option === undefined || value === undefined) return []
    const state = asNumber(option.State)
    return [{ value, label: labelOf(option.Label), ...(state === undefined ? {} : { state }) }]
  })
}

function labelOf(label: unknown): string {
  const text = asObject(label)
  const inOurLanguage = asString(asObject(text?.UserLocalizedLabel)?.Label)
  return inOurLanguage ?? asString(asObjects(text?.LocalizedLabels)?.[0]?.Label) ?? ''
}

/**
 * What our user is proven to be allowed on secured columns. Source: Microsoft Learn, "Column-level security with
 * code", FieldPermission and AttributeMaskingRule table references.
 */

/** The profile of all system administrators. */
const ADMINISTRATORS = '572329c1-a042-4e22-be47-367c6374ea45'
const ALLOWED = 4
const NOTHING: ColumnAccess = { read: false, create: false, update: false }
const profileId = '$select=fieldsecurityprofileid'

/** Secured columns of a table by logical name. What cannot be read proves nothing. */
export async function readColumnAccess(
  client: Client,
  table: Table,
  secured: readonly string[],
  call: CallContext,
): Promise<ReadonlyMap<string, ColumnAccess>> {
  if (secured.length === 0) return new Map()
  const ofTable = `$filter=${encodeURIComponent(`entityname eq '${table}'`)}`
  const granted = 'attributelogicalname,canread,cancreate,canupdate,_fieldsecurityprofileid_value'
  const [me, permissions, masks] = await ask(client, call, [
    'WhoAmI',
    `fieldpermissions?$select=${granted}&${ofTable}`,
    `attributemaskingrules?$select=attributelogicalname&${ofTable}`,
  ])
  const userId = me && asString(parseObject(me.body)?.UserId)
  const rows = rowsIn(permissions)
  if (userId === undefined || rows === undefined) return new Map(secured.map((name) => [name, NOTHING]))
  const profiles = await profilesOf(client, userId, call)
  const masked = maskedColumns(masks)
  const own = rows.filter((row) => profiles.has(asString(row._fieldsecurityprofileid_value)?.toLowerCase()))
  return new Map(
    secured.map((name) => {
      const given = own.filter((row) => row.attributelogicalname === name)
      const may = (grant: string) =>
        profiles.has(ADMINISTRATORS) || given.some((row) => asNumber(row[grant]) === ALLOWED)
      // Unmasked values are documented for reads of rows, not for the change feed: a masked column is not read at all.
      const read = may('canread') && masked?.has(name) === false
      return [name, { read, create: read && may('cancreate'), update: read && may('canupdate') }]
    }),
  )
}

/** Whether the columns are secured, and open to us, as these definitions say. Past every cache. */
export async function isSecuredAs(
  client: Client,
  definitions: readonly TableDefinition[],
  call: CallContext,
): Promise<boolean> {
  const paths = definitions.map(
    ({ table }) =>
      `EntityDefinitions(LogicalName='${table}')/Attributes?$select=LogicalName&$filter=IsSecured%20eq%20true`,
  )
  const replies = await ask(client, call, paths)
  for (const [index, definition] of definitions.entries()) {
    const secured = rowsIn(replies[index])?.flatMap((row) => asString(row.LogicalName) ?? [])
    if (secured === undefined) return false
    const access = await readColumnAccess(client, definition.table, secured, call)
    if (signature(access) !== signature(accessIn(definition))) return false
  }
  return true
}

export function accessIn({ columns }: TableDefinition): Map<string, ColumnAccess> {
  return new Map(
    [...columns.values()].flatMap(({ logicalName, secured }) => (secured ? [[logicalName, secured]] : [])),
  )
}

function signature(access: ReadonlyMap<string, ColumnAccess>): string {
  const entries = [...access].map(([name, { read, create, update }]) => `${name} ${read} ${create} ${update}`)
  return entries.sort().join('\n')
}

/** Directly, and by the teams that the user belongs to. */
async function profilesOf(
  client: Client,
  userId: string,
  call: CallContext,
): Promise<Set<string | undefined>> {
  const user = `systemusers(${guidLiteral(userId)})`
  const [direct, teams] = await ask(client, call, [
    `${user}/systemuserprofiles_association?${profileId}`,
    `${user}/teammembership_association?$select=teamid&$expand=teamprofiles_association(${profileId})`,
  ])
  const byTeam = (rowsIn(teams) ?? []).flatMap((team) => asObjects(team.teamprofiles_association) ?? [])
  const ids = [...(rowsIn(direct) ?? []), ...byTeam].map((row) => asString(row.fieldsecurityprofileid))
  return new Set(ids.map((id) => id?.toLowerCase()))
}

/** undefined = it cannot be told. An organisation without masking rules has no such table. */
function maskedColumns(reply: Reply | undefined): Set<string | undefined> | undefined {
  if (reply !== undefined && judge(reply).kind === 'refused') return new Set()
  return rowsIn(reply) && new Set(rowsIn(reply)?.map((row) => asString(row.attributelogicalname)))
}

/** One reply for each path, undefined for what we may not read. Throws what says nothing about permissions. */
async function ask(
  client: Client,
  call: CallContext,
  paths: readonly string[],
): Promise<(Reply | undefined)[]> {
  // A server's own copy of metadata and permissions may be half a minute old. Source: "Compose HTTP requests".
  const parts = paths.map((path) => ({ method: 'GET' as const, path, headers: { consistency: 'Strong' } }))
  const replies = await client.batch({ name: 'read column security', parts }, call)
  return replies.map((reply) => {
    const verdict = judge(reply)
    if (verdict.kind === 'forbidden') return undefined
    const error = verdict.kind === 'refused' ? undefined : errorOf(verdict, reply, 0)
    if (error !== undefined) throw error
    return reply
  })
}

function rowsIn(reply: Reply | undefined): JsonObject[] | undefined {
  if (reply === undefined || reply.status >= 300) return undefined
  const rows = asObjects(parseObject(reply.body)?.value)
  if (rows === undefined) throw unavailable(reply, 'a list is not readable')
  return rows
}
