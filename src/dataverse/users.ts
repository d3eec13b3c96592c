import { type CallContext, createSingleFlight } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Unavailable } from '../errors.ts'
import type { Log } from '../event-log.ts'
import { asObjects, asString, parseObject } from '../shape.ts'
import type { Client } from './client.ts'
import type { DataverseSettings } from './settings.ts'
import { unavailable } from './verdict.ts'

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
