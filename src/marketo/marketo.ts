import type { Clock } from '../clock.ts'
import { createAgent } from '../exchange.ts'
import type { Quota } from '../limits/port.ts'
import type { Log } from '../log.ts'
import { type ActivityLog, createActivityLog, createSyncLeads, type SyncLeads } from './bulk-write.ts'
import { type Changes, createChanges } from './changes.ts'
import { createClient, createSender } from './client.ts'
import { Limiter } from './limiter.ts'
import { createPeople, gatherPeople, type People, type ReadPerson } from './people.ts'
import { createSchema, type Schema } from './schema.ts'
import { defaultSettings, type MarketoSettings } from './settings.ts'
import { createIdentity, createTokens } from './token.ts'

export interface MarketoOptions {
  /** Origin of the instance, such as https://123-ABC-456.mktorest.com; a path is ignored. */
  url: string
  /** Of a custom service with an API-only user. */
  clientId: string
  clientSecret: string
  settings?: Partial<MarketoSettings>
  /** Where several replicas share the vendor's limits; without it this process has them to itself. */
  quota?: Quota
  clock: Clock
  log: Log
}

interface MarketoStats {
  /** Requests sent that Marketo counts. */
  calls: number
  /** Of these, refused with 606, 607 or 615. */
  throttled: number
  /** Since 00:00 US Central, or since the start of the process. */
  callsToday: number
  /** This service's share of the subscription's calls a day. */
  dailyCallsMax: number
  /** What the background may still use of it today. */
  backgroundCallsLeft: number
  inFlight: number
  queued: number
  concurrency: number
  /** What is left until another call may start; 0 when it may. */
  pausedForMs: number
}

export interface Marketo extends AsyncDisposable {
  people: People
  /** For people who are asked for one by one. */
  readPerson: ReadPerson
  syncLeads: SyncLeads
  changes: Changes
  schema: Schema
  activityLog: ActivityLog
  stats(): MarketoStats
  /** Ends every call as Unavailable or Busy and closes the connections. Idempotent. */
  close(): Promise<void>
}

/** Builds this room; opens nothing until the first call. */
export function createMarketo(options: MarketoOptions): Marketo {
  const { clientId, clientSecret, clock, log } = options
  const settings = { ...defaultSettings, ...options.settings }
  const { origin, host } = new URL(options.url)
  const closing = new AbortController()
  // One connection more than calls: slow calls must not keep a new token waiting.
  const dispatcher = createAgent({
    ...settings,
    concurrencyMax: settings.concurrencyMax + 1,
    // Each exchange has its own time; this only must not be shorter than any of them.
    headersTimeoutMs: Math.max(
      settings.callTimeoutMs,
      settings.writeTimeoutMs,
      settings.feedTimeoutMs,
      settings.feedStartTimeoutMs,
      settings.metadataTimeoutMs,
    ),
  })
  const ask = createIdentity({ origin, clientId, clientSecret, dispatcher, settings, clock, log })
  const tokens = createTokens({ ask, settings, clock, log, closing: closing.signal })
  const limiter = new Limiter({
    settings,
    clock,
    closing: closing.signal,
    ...(options.quota && { shared: { quota: options.quota, name: host, log } }),
  })
  const sender = createSender({ origin, dispatcher, limiter, settings, clock, log })
  const client = createClient({ sender, tokens, settings })
  const close = () => {
    closing.abort(new Error('the connection to Marketo was closed'))
    return dispatcher.destroy()
  }

  const people = createPeople({ client, settings })

  return {
    people,
    readPerson: gatherPeople({ people, settings, clock }),
    syncLeads: createSyncLeads({ client, settings }),
    changes: createChanges({ client, settings, log }),
    schema: createSchema({ client, settings, clock, log, closing: closing.signal }),
    activityLog: createActivityLog({ client, settings }),
    stats: () => ({
      ...sender.stats,
      callsToday: limiter.callsToday,
      dailyCallsMax: settings.dailyCallsMax,
      backgroundCallsLeft: limiter.backgroundCallsLeft,
      inFlight: limiter.inFlight,
      queued: limiter.queued,
      concurrency: limiter.budget.concurrency,
      pausedForMs: limiter.waitMs(),
    }),
    close,
    [Symbol.asyncDispose]: close,
  }
}
