import type { FastifyPluginAsync } from 'fastify'
import { type CallContext, withDeadline } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Unavailable } from '../errors.ts'
import { problemResponse } from '../problem.ts'
import type { Store } from '../store/port.ts'
import type { SyncStore } from '../store/sync-port.ts'
import { refuseBlocked, type SyncControl, type SyncRun } from './control.ts'
import type { FieldReport } from './field-report.ts'
import { NoBody, NoQuery, PreviewQuery } from './schemas.ts'
import { statusBody, type Usage } from './status.ts'

export interface SyncEndpointOptions {
  run: SyncRun
  store: Pick<SyncStore, 'readState' | 'backlog'>
  requests: Pick<Store, 'readWaiting'>
  fields: (call: CallContext) => Promise<FieldReport>
  usage: () => Usage
  intervalSeconds: number
  clock: Clock
  /** Until an endpoint that asks the vendors gives up. */
  deadlineMs: number
  /** Aborts when the service stops. */
  stopping: AbortSignal
}

/** Status of the background sync, and its few levers. None of them writes a field of anybody. */
export function syncEndpoint(options: SyncEndpointOptions): FastifyPluginAsync {
  const { run, store, clock, stopping } = options
  const asking = <T>(work: (call: CallContext) => Promise<T>) =>
    withDeadline(clock, options.deadlineMs, stopping, (signal) =>
      work({ signal, lane: 'background' }).catch((cause: unknown) => {
        throw cause === signal.reason ? new Unavailable('cancelled at the deadline', { cause }) : cause
      }),
    )

  return async (scope) => {
    scope.get('/v1/sync/status', { schema: statusDocs }, async () => {
      const engine = run.kind === 'on' ? await run.control.status() : undefined
      const { cursors, paused } = await store.readState()
      const { usage, intervalSeconds } = options
      return statusBody({
        ...(engine && { engine }),
        ...(run.kind === 'off' && { blocked: run.blocked }),
        paused,
        cursors,
        backlog: await store.backlog(),
        waiting: await options.requests.readWaiting(),
        usage: usage(),
        intervalSeconds,
        now: clock.now(),
      })
    })

    scope.get('/v1/sync/fields', { schema: fieldsDocs }, async () => asking(options.fields))

    scope.post('/v1/sync/pause', { schema: pauseDocs }, async () => {
      await controlOf(run).pause()
      return { paused: true }
    })

    scope.post('/v1/sync/resume', { schema: resumeDocs }, async () => {
      await controlOf(run).resume()
      return { paused: false }
    })

    scope.post<{ Querystring: { limit: number } }>(
      '/v1/sync/preview',
      { schema: previewDocs },
      async ({ query: { limit } }) => {
        const control = controlOf(run)
        const { blocked } = await control.status()
        if (blocked) throw refuseBlocked(blocked)
        return asking((call) => control.preview(limit, call))
      },
    )
  }
}

function controlOf(run: SyncRun): SyncControl {
  if (run.kind === 'off') throw refuseBlocked(run.blocked)
  return run.control
}

const tags = ['sync']
const NOT_RUNNING = {
  409: problemResponse('The background sync is not running; code and advice give the reason.'),
}
const STRAY_INPUT = { 400: problemResponse('The request has an unknown member.') }
const FAULT = { 500: problemResponse('An internal error of the service.') }
const VENDOR_AWAY = {
  503: problemResponse('Dynamics, Marketo or the database of this service cannot be reached at the moment.'),
}
const levers = { tags, querystring: NoQuery, body: NoBody }

const statusDocs = {
  summary: 'Status of the background sync',
  description:
    'Streams with cursor, age and lag, backlog, last cycle, counts, calls used. While the sync is off, it gives the reason.',
  operationId: 'readSyncStatus',
  tags,
  response: { 200: { description: 'Its state.', $ref: 'SyncStatus#' }, ...FAULT },
}

const fieldsDocs = {
  summary: 'The field selection compared with both live schemas',
  description:
    'Reads the columns of Dynamics and the fields of Marketo. If a side cannot be reached, the answer says so and shows the rest.',
  operationId: 'readSyncFields',
  tags,
  response: { 200: { description: 'Fields by record type.', $ref: 'SyncFields#' }, ...FAULT, ...VENDOR_AWAY },
}

const pauseDocs = {
  ...levers,
  summary: 'Pause the background sync',
  description:
    'Starts no further cycles, also after a restart. Changes queue up; the flow action keeps working.',
  operationId: 'pauseSync',
  response: {
    200: { description: 'The background sync is paused.', $ref: 'SyncPaused#' },
    ...STRAY_INPUT,
    ...NOT_RUNNING,
    ...FAULT,
  },
}

const resumeDocs = {
  ...levers,
  summary: 'Resume the background sync',
  description: 'The next cycle starts at once.',
  operationId: 'resumeSync',
  response: {
    200: { description: 'The background sync is not paused.', $ref: 'SyncPaused#' },
    ...STRAY_INPUT,
    ...NOT_RUNNING,
    ...FAULT,
  },
}

const previewDocs = {
  summary: 'What the next cycle would do',
  description: 'Reads both sides and decides as a cycle does. Nothing is written and no cursor moves.',
  operationId: 'previewSync',
  tags,
  querystring: PreviewQuery,
  body: NoBody,
  response: {
    200: { description: 'Counts, and the first items with the fields concerned.', $ref: 'SyncPreview#' },
    ...STRAY_INPUT,
    ...NOT_RUNNING,
    ...FAULT,
    ...VENDOR_AWAY,
  },
}
