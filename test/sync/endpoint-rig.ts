import type { TestContext } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { recordUrl } from '../../src/flow-action/answer.ts'
import { API_KEY_NAME } from '../../src/http/auth.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteLeases } from '../../src/store/sqlite/leases.ts'
import { SqliteSyncStore } from '../../src/store/sqlite/sync-store.ts'
import type { Counts, PerWay, SyncControl, SyncRun, SyncStatus } from '../../src/sync/control.ts'
import { syncSchemas } from '../../src/sync/endpoint-schemas.ts'
import { type SyncEndpointOptions, syncEndpoint } from '../../src/sync/endpoints.ts'
import { findingsEndpoint } from '../../src/sync/findings-endpoints.ts'
import { createEdge, WITH_KEY } from '../http/edge.ts'

export const NOW = Date.parse('2026-03-02T08:20:00Z')
const ORGANISATION = 'https://contoso.crm4.dynamics.com'

export function counts(more: Partial<Counts> = {}): PerWay<Counts> {
  const none = () => ({ new: 0, updated: 0, skipped: 0, failed: 0 })
  return {
    toDynamics: { lead: { ...none(), ...more }, contact: none() },
    toMarketo: { lead: none(), contact: none() },
  }
}

/** The endpoints' side of an engine: it says what it was told to say, and keeps what it was asked. */
export function scriptedControl(status: Partial<SyncStatus> = {}) {
  const asked: string[] = []
  const control: SyncControl = {
    status: async () => ({
      since: NOW - 3_600_000,
      totals: counts(),
      streams: {},
      initialSync: { state: 'done', rowsRead: 0 },
      ...status,
    }),
    pause: async () => void asked.push('pause'),
    resume: async () => void asked.push('resume'),
    preview: async (itemsMax) => {
      asked.push(`preview ${itemsMax}`)
      const actions = { create: 0, link: 0, update: 1 }
      const none = { create: 0, link: 0, update: 0 }
      return {
        streams: [{ stream: 'marketo-changes', changes: 1, more: false }],
        counts: { toDynamics: { lead: actions, contact: none }, toMarketo: { lead: none, contact: none } },
        items: [
          {
            way: 'toDynamics',
            action: 'update',
            recordType: 'lead',
            recordId: '6f1c0d5e-0c1f-5c43-9d0a-3b8c5f1b2a10',
            marketoId: 4711,
            fields: ['title'],
          },
        ],
      }
    },
  }
  return { control, asked }
}

/** The endpoints over the real store, without a network. */
export async function openEndpoints(
  t: TestContext,
  run: SyncRun,
  options: Partial<SyncEndpointOptions> = {},
) {
  const database = new Database({ path: ':memory:' })
  t.after(() => database[Symbol.dispose]())
  const store = new SqliteSyncStore(database, new SqliteLeases(systemClock))
  const clock = { ...systemClock, now: () => NOW }
  const { app, log } = await createEdge(t, {
    schemas: syncSchemas,
    endpoints: [
      syncEndpoint({
        run,
        store,
        requests: { readWaiting: async () => [{ code: 'vendor-busy', requests: 2, oldestAt: NOW - 5_000 }] },
        clock,
        fields: async () => ({
          marketo: { reached: true },
          dynamics: { reached: true },
          fields: { lead: [], contact: [] },
          systemFields: [],
        }),
        usage: () => ({ dynamics: { calls: 3, throttled: 0, pausedForMs: 0 } }),
        intervalSeconds: 60,
        deadlineMs: 1_000,
        stopping: new AbortController().signal,
        ...options,
      }),
      findingsEndpoint({
        run,
        store,
        clock,
        recordUrl: recordUrl.bind(undefined, ORGANISATION),
        callerOf: (request) => request.getDecorator<string>(API_KEY_NAME),
      }),
    ],
  })
  const ask = async (method: 'GET' | 'POST', url: string, body?: object) => {
    const answer = await app.inject({ method, url, headers: WITH_KEY, ...(body && { payload: body }) })
    return { status: answer.statusCode, body: answer.json(), text: answer.body }
  }
  /** A linked lead with a person. */
  const link = async (recordId: string, marketoId: number) => {
    const replica = {
      marketoId,
      marketoSeenAt: 0,
      sent: [],
      stopped: false,
      priority: 0,
      attempts: 0,
      epoch: 1,
    } as const
    const saved = await store.save({
      now: NOW,
      newLinks: [{ link: { recordType: 'lead', recordId }, replica }],
    })
    return saved.kind === 'saved' ? (saved.linkIds[0] ?? 0) : 0
  }
  return { app, ask, store, link, log }
}
