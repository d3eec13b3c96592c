import { askSeldom } from '../abort.ts'
import type { Clock } from '../clock.ts'
import type { Dataverse } from '../dataverse/dataverse.ts'
import type { Jobs } from '../jobs/port.ts'
import type { Schema } from '../marketo/schema.ts'
import type { ChunkStore } from '../store/chunk-port.ts'
import type { StatusCheck } from './status.ts'

export interface Checked {
  /** Why the database takes no writes; undefined = it takes them. */
  storeFault: () => Promise<string | undefined>
  jobs: Pick<Jobs, 'backlog'>
  chunks: Pick<ChunkStore, 'countChunks'>
  dataverse: Pick<Dataverse, 'whoAmI'>
  /** Absent: Marketo is not asked. */
  schema?: Pick<Schema, 'fields'> | undefined
  /** How long what a vendor has said is said again. */
  keptMs: number
  clock: Clock
  /** Aborts when the service stops. */
  stopping: AbortSignal
}

/** Work that is older than this is worth a word. */
const BACKLOG_AGE_MAX_MS = 900_000

/**
 * What can go wrong between Marketo and Dynamics, asked as the work itself would. The vendors are asked seldom: a
 * monitor that looks every second must not use up their quota.
 */
export function statusChecks(checked: Checked): StatusCheck[] {
  const { storeFault, jobs, chunks, dataverse, schema, clock } = checked
  const seldom = { keptMs: checked.keptMs, clock, closing: checked.stopping }
  const askDynamics = askSeldom((call) => dataverse.whoAmI(call), seldom)
  const askMarketo = schema && askSeldom((call) => schema.fields(call, true), seldom)
  return [
    {
      name: 'Store',
      run: async () => {
        const fault = await storeFault()
        if (fault === undefined) return { level: 'info', text: 'Store: available.' }
        return {
          level: 'error',
          text: `Store: ${fault}. No new people are accepted until the operator of the service acts.`,
        }
      },
    },
    {
      name: 'Dynamics',
      run: async (call) => {
        await askDynamics(call)
        return { level: 'info', text: 'Dynamics: reached, and the service can sign in.' }
      },
    },
    {
      name: 'Marketo',
      run: async (call) => {
        if (!askMarketo)
          return {
            level: 'info',
            text: 'Marketo’s REST API: not configured; the flow step does not need it.',
          }
        await askMarketo(call)
        return { level: 'info', text: 'Marketo’s REST API: reached.' }
      },
    },
    {
      name: 'Backlog',
      run: async () => {
        const { waiting, oldestAt = clock.now() } = await jobs.backlog()
        const text = `Backlog: ${waiting} people are waiting${waiting === 0 ? '' : `, the first for ${minutes(clock.now() - oldestAt)} min`}.`
        return { level: clock.now() - oldestAt > BACKLOG_AGE_MAX_MS ? 'warning' : 'info', text }
      },
    },
    {
      name: 'Callbacks',
      run: async () => {
        const { failed } = await chunks.countChunks()
        if (failed === 0) return { level: 'info', text: 'Callbacks: none failed.' }
        return {
          level: 'warning',
          text: `Callbacks: ${failed} failed permanently; the operator can send them again.`,
        }
      },
    },
  ]
}

function minutes(durationMs: number): number {
  return Math.round(durationMs / 60_000)
}
