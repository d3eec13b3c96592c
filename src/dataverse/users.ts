import { type CallContext, createSingleFlight } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Rejected, Unavailable } from '../errors.ts'
import { asObjects, asString, type JsonObject, parseObject } from '../json.ts'
import type { Log } from '../log.ts'
import type { Client } from './client.ts'
import { anyOf, bareGuid, guidLiteral, isGuid, stringLiteral } from './odata.ts'
import type { DataverseSettings } from './settings.ts'
import { errorOf, judge, type Reply, unavailable } from './verdict.ts'

/** A user or team that may own a row. */
interface Owner {
  kind: 'systemuser' | 'team'
  id: string
}

export interface Owners {
  /**
   * `who` is a system user's id or e-mail (internalemailaddress, else domainname), or a team's id.
   * Throws Rejected `owner-not-found`, `owner-disabled` or `owner-ambiguous` (several enabled users match).
   */
  resolve(who: string, call: CallContext): Promise<Owner>
}

/** Somebody who may own a lead. */
export interface User {
  id: string
  name: string
  email?: string
}

export interface Users {
  /**
   * Enabled people by name, `usersMax` at most; an older list when Dynamics cannot be asked. Throws Unauthorized,
   * Rejected, Busy or Unavailable when there is none.
   */
  list(call: CallContext): Promise<readonly User[]>
}

/**
 * Access mode 0 is Read-Write: administrators, support, non-interactive (integration) and delegated users have
 * another. Application users have an application id. Source: Microsoft Learn, "User (SystemUser) table reference".
 */
const people = 'isdisabled eq false and accessmode eq 0 and applicationid eq null'

/** The list from memory for `usersTtlMs`, from one request after that, from an old copy when that fails. */
export function createUsers(options: {
  client: Client
  settings: DataverseSettings
  clock: Clock
  log: Log
  closing: AbortSignal
}): Users {
  const { client, settings, clock, log, closing } = options
  let kept: { users: readonly User[]; freshUntilMs: number } | undefined

  const flight = createSingleFlight(async (signal) => {
    try {
      const users = await readUsers(client, settings.usersMax, { signal })
      kept = { users, freshUntilMs: clock.now() + settings.usersTtlMs }
      return users
    } catch (error) {
      if (kept === undefined) throw error
      log.warn({ event: 'old-users', error: error instanceof Error ? error.name : 'unknown' })
      kept = { ...kept, freshUntilMs: clock.now() + settings.usersRetryMs }
      return kept.users
    }
  }, closing)

  return {
    async list(call) {
      if (kept !== undefined && clock.now() < kept.freshUntilMs) return kept.users
      return flight.join(call.signal).catch((error: unknown) => {
        if (!call.signal.aborted || error !== call.signal.reason) throw error
        if (kept !== undefined) return kept.users
        throw new Unavailable('cancelled while the users were read', { cause: error })
      })
    },
  }
}

async function readUsers(client: Client, limit: number, call: CallContext): Promise<User[]> {
  const columns = 'systemuserid,fullname,internalemailaddress'
  const filter = encodeURIComponent(people)
  const path = `systemusers?$select=${columns}&$filter=${filter}&$orderby=fullname%20asc&$top=${limit}`
  const reply = await client.send({ method: 'GET', path, name: 'list users' }, call)
  const rows = asObjects(parseObject(reply.body)?.value)
  if (rows === undefined) throw unavailable(reply, 'a page of users is not readable')
  return rows.flatMap((row) => {
    const id = asString(row.systemuserid)
    const name = asString(row.fullname)?.trim()
    const email = asString(row.internalemailaddress)?.trim()
    if (id === undefined || !name) return []
    return [{ id: id.toLowerCase(), name, ...(email && { email }) }]
  })
}

/** Enough to tell one match from several. */
const usersMax = 10

/** Owners by id or e-mail; found ones are remembered for `ownerTtlMs`. */
export function createOwners(options: { client: Client; settings: DataverseSettings; clock: Clock }): Owners {
  const { client, settings, clock } = options
  const cache = new Map<string, { owner: Owner; untilMs: number }>()

  const remember = (key: string, owner: Owner) => {
    cache.delete(key)
    const oldest = cache.size >= settings.ownerCacheMax ? cache.keys().next().value : undefined
    if (oldest !== undefined) cache.delete(oldest)
    cache.set(key, { owner, untilMs: clock.now() + settings.ownerTtlMs })
  }

  return {
    async resolve(who, call) {
      const key = bareGuid(who.trim().toLowerCase())
      const cached = cache.get(key)
      if (cached !== undefined && clock.now() < cached.untilMs) return cached.owner
      const owner = isGuid(key) ? await byId(client, key, call) : await byName(client, key, call)
      remember(key, owner)
      return owner
    },
  }
}

/** A user and a team of this id are asked for in one request: ids do not say which table they are of. */
async function byId(client: Client, id: string, call: CallContext): Promise<Owner> {
  const literal = guidLiteral(id)
  const parts = [
    { method: 'GET', path: `systemusers(${literal})?$select=systemuserid,isdisabled` },
    { method: 'GET', path: `teams(${literal})?$select=teamid` },
  ] as const
  const [user, team] = await client.batch({ name: 'find owner', parts }, call)
  const userRow = rowIn(user)
  if (userRow !== undefined) return enabled([userRow])
  if (rowIn(team) !== undefined) return { kind: 'team', id: literal }
  throw notFound()
}

async function byName(client: Client, name: string, call: CallContext): Promise<Owner> {
  const literal = stringLiteral(name)
  const filter = anyOf([
    { column: 'internalemailaddress', literal },
    { column: 'domainname', literal },
  ])
  const columns = 'systemuserid,isdisabled,internalemailaddress'
  const reply = await client.send(
    {
      method: 'GET',
      path: `systemusers?$select=${columns}&$filter=${filter}&$top=${usersMax}`,
      name: 'find owner',
    },
    call,
  )
  const rows = asObjects(parseObject(reply.body)?.value)
  if (rows === undefined) throw unavailable(reply, 'a page of users is not readable')
  const byEmail = rows.filter((row) => asString(row.internalemailaddress)?.toLowerCase() === name)
  return enabled(byEmail.length > 0 ? byEmail : rows)
}

function rowIn(reply: Reply | undefined): JsonObject | undefined {
  if (reply === undefined) throw new RangeError('fewer replies than parts')
  const error = errorOf(judge(reply), reply, 0)
  if (error !== undefined) throw error
  if (reply.status === 404) return undefined
  const row = parseObject(reply.body)
  if (reply.status !== 200 || row === undefined) throw unavailable(reply, 'an owner is not readable')
  return row
}

function enabled(users: readonly JsonObject[]): Owner {
  if (users.length === 0) throw notFound()
  const [user, ...others] = users.filter((row) => row.isdisabled !== true)
  if (user === undefined) {
    throw new Rejected('the owner is disabled', {
      code: 'owner-disabled',
      advice: 'Enable this user in the Power Platform admin center, or assign to another user.',
    })
  }
  const id = asString(user.systemuserid)
  if (others.length > 0 || id === undefined) {
    throw new Rejected('several users match the owner', {
      code: 'owner-ambiguous',
      advice: 'Several enabled users have this address: assign by system user id.',
    })
  }
  return { kind: 'systemuser', id: id.toLowerCase() }
}

function notFound(): Rejected {
  return new Rejected('no such owner', {
    code: 'owner-not-found',
    advice: 'Assign to the id or e-mail address of a Dynamics user, or to the id of an owner team.',
  })
}

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
