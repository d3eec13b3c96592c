import type { CallContext } from '../abort.ts'
import type { Clock, Random } from '../clock.ts'
import { createAgent } from '../exchange.ts'
import type { Quota } from '../limits/port.ts'
import type { Log } from '../log.ts'
import { type Changes, createChanges } from './changes.ts'
import { createClient, createSender, type SenderStats } from './client.ts'
import { createMsal, type EntraOptions } from './entra.ts'
import { gatherRecords } from './gathered-records.ts'
import { Limiter } from './limiter.ts'
import { createMetadata, type Metadata } from './metadata.ts'
import {
  type Identity,
  identityIn,
  OrganisationCheck,
  type Recognise,
  WHO_AM_I,
} from './organisation-check.ts'
import { createRecords, type Records } from './records.ts'
import { createRows, type Rows } from './rows.ts'
import { type DataverseSettings, defaultSettings } from './settings.ts'
import { createTokens } from './token.ts'
import {
  createOwners,
  createUsers,
  type Owners,
  type PrivilegeLevel,
  readPrivileges,
  type Users,
} from './users.ts'
import type { Reply } from './verdict.ts'

export interface DataverseOptions {
  /** Origin of the organisation, without a path: https://contoso.crm4.dynamics.com. */
  url: string
  entra: Omit<EntraOptions, 'resource'>
  settings?: Partial<DataverseSettings>
  /** Where several replicas share the vendor's limits; without it this process has them to itself. */
  quota?: Quota
  /** Asked for the organisation before any call leaves; absent: any organisation will do. */
  recognise?: Recognise
  clock: Clock
  random: Random
  log: Log
}

interface DataverseStats extends SenderStats {
  inFlight: number
  /** Calls that wait for a slot, in both lanes. */
  queued: number
  concurrency: number
  spacingMs: number
  /** Operations that a batch of rows may hold at this moment. */
  batchSize: number
  /** What is left of a Retry-After; 0 when calls may start. */
  pausedForMs: number
}

export interface Dataverse extends AsyncDisposable {
  records: Records
  /** The same for many people at a time: calls that come together share one $batch. */
  gathered: Records
  rows: Rows
  changes: Changes
  owners: Owners
  users: Users
  metadata: Metadata
  /** Who our application user is. Source: Microsoft Learn, "WhoAmI function". */
  whoAmI(call: CallContext): Promise<Identity>
  /** What the roles of a user give, by the privilege's name. */
  privileges(userId: string, call: CallContext): Promise<ReadonlyMap<string, PrivilegeLevel>>
  stats(): DataverseStats
  /** Ends every call as Unavailable and closes the connections. Idempotent. */
  close(): Promise<void>
}

/** Builds this room; opens nothing until the first call. Throws an Error when the credential is unusable. */
export function createDataverse(options: DataverseOptions): Dataverse {
  const { clock, random, log, entra } = options
  const settings = { ...defaultSettings, ...options.settings }
  const { origin, host } = new URL(options.url)
  const closing = new AbortController()
  const dispatcher = createAgent(settings)
  const acquire = createMsal({ ...entra, resource: origin }, { dispatcher, settings, clock, log })
  const tokens = createTokens({ acquire, settings, clock, log, closing: closing.signal })
  const limiter = new Limiter({
    settings,
    clock,
    closing: closing.signal,
    ...(options.quota && { shared: { quota: options.quota, name: host, log } }),
  })
  const sender = createSender({ origin, dispatcher, limiter, settings, clock, log })
  const direct = createClient({ sender, tokens, settings, clock, random })
  const { recognise } = options
  const check =
    recognise && new OrganisationCheck({ client: direct, recognise, clock, closing: closing.signal })
  const client = check?.guard(direct) ?? direct
  const close = () => {
    closing.abort(new Error('the connection to Dataverse was closed'))
    return dispatcher.destroy()
  }

  return {
    records: createRecords({ client, settings }),
    gathered: gatherRecords({ client, limiter, settings, clock }),
    rows: createRows({ client, limiter, settings }),
    changes: createChanges({ client, origin, settings }),
    owners: createOwners({ client, settings, clock }),
    users: createUsers({ client, settings, clock, log, closing: closing.signal }),
    metadata: createMetadata({
      client,
      ...(check && { whoAmI: (reply: Reply) => check.accept(reply) }),
      settings,
      clock,
      log,
      closing: closing.signal,
    }),
    async whoAmI(call) {
      const reply = await direct.send({ ...WHO_AM_I, name: 'who am I' }, call)
      await check?.accept(reply)
      return identityIn(reply)
    },
    privileges: (userId, call) => readPrivileges(direct, userId, call),
    stats: () => ({
      ...sender.stats,
      inFlight: limiter.inFlight,
      queued: limiter.queued,
      concurrency: limiter.pace.concurrency,
      spacingMs: limiter.pace.spacingMs,
      batchSize: limiter.pace.batchSize,
      pausedForMs: limiter.pausedForMs,
    }),
    close,
    [Symbol.asyncDispose]: close,
  }
}
