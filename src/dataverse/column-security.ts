import type { CallContext } from '../abort.ts'
import { asNumber, asObjects, asString, type JsonObject, parseObject } from '../shape.ts'
import type { Client } from './client.ts'
import type { ColumnAccess, TableDefinition } from './metadata.ts'
import { guidLiteral } from './odata.ts'
import type { Table } from './records.ts'
import { errorOf, judge, type Reply, unavailable } from './verdict.ts'

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
