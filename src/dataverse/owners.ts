import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Rejected } from '../errors.ts'
import { asObjects, asString, type JsonObject, parseObject } from '../shape.ts'
import type { Client } from './client.ts'
import { anyOf, bareGuid, guidLiteral, isGuid, stringLiteral } from './odata.ts'
import type { Owner, Owners } from './records.ts'
import type { DataverseSettings } from './settings.ts'
import { errorOf, judge, type Reply, unavailable } from './verdict.ts'

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
