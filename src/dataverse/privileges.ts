import type { CallContext } from '../abort.ts'
import { asObjects, asString, parseObject } from '../shape.ts'
import type { Client } from './client.ts'
import { guidLiteral } from './odata.ts'
import { unavailable } from './verdict.ts'

/** From the own records to those of the whole organization. Source: Microsoft Learn, "PrivilegeDepth EnumType". */
const LEVELS = ['Basic', 'Local', 'Deep', 'Global'] as const
export type PrivilegeLevel = (typeof LEVELS)[number]

/**
 * What the roles of a user give, by the privilege's name such as prvReadLead, at the highest level. Source: Microsoft
 * Learn, "RetrieveUserPrivileges function".
 */
export async function readPrivileges(
  client: Client,
  userId: string,
  call: CallContext,
): Promise<ReadonlyMap<string, PrivilegeLevel>> {
  const path = `systemusers(${guidLiteral(userId)})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges`
  const reply = await client.send({ method: 'GET', path, name: 'read own privileges' }, call)
  const listed = asObjects(parseObject(reply.body)?.RolePrivileges)
  if (listed === undefined) throw unavailable(reply, 'the privileges of the user are not readable')
  const held = new Map<string, PrivilegeLevel>()
  for (const { PrivilegeName, Depth } of listed) {
    const name = asString(PrivilegeName)
    const level = LEVELS.find((known) => known === Depth)
    if (name === undefined || level === undefined) continue
    const before = held.get(name)
    if (before === undefined || LEVELS.indexOf(before) < LEVELS.indexOf(level)) held.set(name, level)
  }
  return held
}
