import type { Reply } from '../outcome.ts'
import { DataverseError, doesNotExist, uriError } from './errors.ts'
import type { Organisation } from './organisation.ts'
import { jsonReply, type Request } from './request.ts'
import { isTableName, TABLE_NAMES, type Table, tableOfSet } from './table.ts'

/** What privileges call a table where it is not its schema name. */
const CALLED: Readonly<Record<string, string>> = { systemuser: 'User' }
/** Of tables that the sandbox does not keep as rows: definitions, and currencies. */
const OF_DEFINITIONS = [
  ...['prvReadEntity', 'prvReadAttribute', 'prvReadRelationship', 'prvReadOptionSet'],
  'prvReadTransactionCurrency',
]
const VERBS = ['Create', 'Read', 'Write', 'Delete', 'Append', 'AppendTo', 'Assign', 'Share'] as const
type Verb = (typeof VERBS)[number]

function privilege(verb: Verb, table: Pick<Table, 'name' | 'schemaName'>): string {
  return `prv${verb}${CALLED[table.name] ?? table.schemaName}`
}

/** Throws 403 when the application user's role lacks what the operation needs. Others lack nothing. */
export function checkPrivilege(
  { security, ids }: Organisation,
  verb: Verb,
  table: Table,
  userId: string,
): void {
  const name = privilege(verb, table)
  if (userId !== ids.applicationUser || !security.denied.has(name)) return
  throw new DataverseError(
    403,
    '0x80040220',
    `Principal user (Id=${userId}, type=8, roleCount=1, privilegeCount=99) is missing ${name} privilege (Id=${idOf(name)}) on OTC=${table.objectTypeCode} for entity '${table.name}'.`,
  )
}

/** "RetrieveUserPrivileges function": what the roles of a user give. */
export function userPrivileges(organisation: Organisation, userId: string): Reply {
  const { tables, security, ids, origin } = organisation
  const names = TABLE_NAMES.flatMap((name) => {
    const table = tables.get(name)
    return table ? VERBS.map((verb) => privilege(verb, table)) : []
  })
  const held = [...names, ...OF_DEFINITIONS].filter(
    (name) => userId !== ids.applicationUser || !security.denied.has(name),
  )
  return jsonReply(200, {
    '@odata.context': `${origin}/api/data/v9.2/$metadata#Microsoft.Dynamics.CRM.RetrieveUserPrivilegesResponse`,
    RolePrivileges: held.map((name) => ({
      Depth: userId === ids.applicationUser && security.ownOnly.has(name) ? 'Basic' : 'Global',
      PrivilegeId: idOf(name),
      BusinessUnitId: ids.businessUnit,
      PrivilegeName: name,
    })),
  })
}

/** "RetrievePrincipalAccess function": `Target=@t` with `@t={'@odata.id':'leads(<guid>)'}`. */
export function principalAccess(organisation: Organisation, request: Request, userId: string): Reply {
  const target = [...request.query.values()].find((value) => value.includes('@odata.id')) ?? ''
  const [, set = '', id = ''] = /['"/](\w+)\(([0-9a-f-]{36})\)/i.exec(target) ?? []
  const table = tableOfSet(organisation.tables, set)
  if (!table) throw uriError("The parameter 'Target' names no row.")
  if (!organisation.rows.get(table.name, id.toLowerCase())) throw doesNotExist(table.name, id)
  const { security, ids, origin } = organisation
  const rights = ['Read', 'Write', 'Append', 'AppendTo', 'Create', 'Delete', 'Share', 'Assign'] as const
  const held = rights.filter(
    (verb) => userId !== ids.applicationUser || !security.denied.has(privilege(verb, table)),
  )
  return jsonReply(200, {
    '@odata.context': `${origin}/api/data/v9.2/$metadata#Microsoft.Dynamics.CRM.RetrievePrincipalAccessResponse`,
    AccessRights: held.length === 0 ? 'None' : held.map((verb) => `${verb}Access`).join(', '),
  })
}

/** `prvReadLead` and so on; throws a sentence for what no table has. */
export function checkPrivilegeName(name: string): string {
  const [, called = ''] =
    /^prv(?:Create|Read|Write|Delete|AppendTo|Append|Assign|Share)(\w+)$/.exec(name) ?? []
  const known = called === 'User' || isTableName(called.toLowerCase()) || OF_DEFINITIONS.includes(name)
  if (!known) throw new Error(`no such privilege: ${name}`)
  return name
}

function idOf(name: string): string {
  return `8a0b1c2d-0000-4000-8000-${Buffer.from(name).toString('hex').padEnd(12, '0').slice(-12)}`
}
