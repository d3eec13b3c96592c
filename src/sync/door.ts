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

export interface SyncDoorOptions {
  run: SyncRun
  store: Pick<SyncStore, 'readState' | 'backlog'>
  requests: Pick<Store, 'readWaiting'>
  fields: (call: CallContext) => Promise<FieldReport>
  usage: () => Usage
  intervalSeconds: number
  clock: Clock
  /** Until a door that asks the vendors gives up. */
  deadlineMs: number
  /** Aborts when the service stops. */
  stopping: AbortSignal
}

/** How the background sync is doing, and its few levers. None of them writes a field of anybody. */
export function syncDoor(options: SyncDoorOptions): FastifyPluginAsync {
  const { run, store, clock, stopping } = options
  const asking = <T>(work: (call: CallContext) => Promise<T>) =>
    withDeadline(clock, options.deadlineMs, stopping, (signal) =>
      work({ signal, lane: 'background' }).catch((cause: unknown) => {
        throw cause === signal.reason ? new Unavailable('given up at the deadline', { cause }) : cause
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
const NOT_RUNNING = { 409: problemResponse('There is no background sync to ask: code and advice say why.') }
const STRAY_INPUT = { 400: problemResponse('The request has a member that is not known here.') }
const FAULT = { 500: problemResponse('An internal error of the service.') }
const VENDOR_AWAY = {
  503: problemResponse('Dynamics, Marketo or the database of this service cannot be asked now.'),
}
const levers = { tags, querystring: NoQuery, body: NoBody }

const statusDocs = {
  summary: 'How the background sync is doing',
  description:
    'Streams with cursor, age and lag, backlog, last cycle, counts, calls used. While the sync is off it says why.',
  operationId: 'readSyncStatus',
  tags,
  response: { 200: { description: 'Its state.', $ref: 'SyncStatus#' }, ...FAULT },
}

const fieldsDocs = {
  summary: 'The field selection against both live schemas',
  description:
    'Asks Dynamics and Marketo for their columns and fields. A side that cannot be asked is named, and the rest is shown.',
  operationId: 'readSyncFields',
  tags,
  response: { 200: { description: 'Per record type.', $ref: 'SyncFields#' }, ...FAULT, ...VENDOR_AWAY },
}

const pauseDocs = {
  ...levers,
  summary: 'Stop the cycles; changes queue up',
  description: 'Lasts over restarts. The flow action goes on.',
  operationId: 'pauseSync',
  response: {
    200: { description: 'Paused, or it was.', $ref: 'SyncPaused#' },
    ...STRAY_INPUT,
    ...NOT_RUNNING,
    ...FAULT,
  },
}

const resumeDocs = {
  ...levers,
  summary: 'Begin the cycles again and catch up',
  description: 'The next cycle starts at once.',
  operationId: 'resumeSync',
  response: {
    200: { description: 'Not paused (any more).', $ref: 'SyncPaused#' },
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
