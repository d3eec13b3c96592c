import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import packageJson from '../package.json' with { type: 'json' }
import { chunksDoor } from './action/flow-step/chunks-door.ts'
import { flowStepDoor } from './action/flow-step/door.ts'
import { createFlowStepWork } from './action/flow-step/flow-step.ts'
import { flowStepOpenDoor } from './action/flow-step/open-door.ts'
import { statusChecks } from './action/flow-step/status-checks.ts'
import { tokenDoor } from './http/token-door.ts'
import { createCallbackSender } from './marketo/callback.ts'
import type { Parts, Stores } from './service.ts'
import type { ChunkStore } from './store/chunk-port.ts'

/** Status and choices are asked by Marketo while a marketer waits. */
const ASKED_TIMEOUT_MS = 5_000
/** At most half of what a request may take to arrive. */
const UPLOAD_WAIT_MS = 5_000

export interface FlowStepParts {
  doors: readonly FastifyPluginAsync[]
  /** Without an API key. */
  openDoors: readonly FastifyPluginAsync[]
  /** Works until the signal aborts. */
  run(stopping: AbortSignal): Promise<void>
  /** Ends callbacks that are under way. */
  halt(): void
}

export interface FlowStepJoints {
  chunks: ChunkStore
  storeFault: () => Promise<string | undefined>
  recoveryIntervalSeconds: number
  wakeWorker: () => void
  callerOf: (request: FastifyRequest) => string
  stopping: AbortSignal
}

/** Marketo's Self-Service Flow Step: its doors, the work behind them, and the way back. */
export function buildFlowStep(parts: Parts, stores: Stores, joints: FlowStepJoints): FlowStepParts {
  const { config, clock, random, log, selection, metrics } = parts
  const { dataverse, marketo, store, jobs } = stores
  const { chunks, storeFault, recoveryIntervalSeconds, wakeWorker, callerOf, stopping } = joints
  const ended = metrics.counter(
    'flow_step_chunks_total',
    'Chunks of the flow step by how their callback ended.',
  )
  const sender = createCallbackSender({
    hosts: config.callbackHosts,
    // Plain http is on this machine: the sandbox.
    allowLoopback: (config.marketo?.url ?? config.dataverseUrl).startsWith('http:'),
    clock,
    log,
  })
  const work = createFlowStepWork({
    ...{ store, chunks, sender, selection, clock, random, log, wakeWorker },
    ended: (result) => ended.add({ result }),
    settings: { ...config, recoveryIntervalSeconds },
  })
  const checks = statusChecks({
    ...{ storeFault, jobs, chunks, dataverse, schema: marketo?.schema, clock, stopping },
    keptMs: config.statusCacheSeconds * 1_000,
  })
  return {
    doors: [
      flowStepDoor({
        admit: stores.pairing.admit,
        ...{ flowStep: work, sender, users: dataverse.users, selection, checks, callerOf, clock, stopping },
        limits: { ...config.flowStepChunk, uploadWaitMs: UPLOAD_WAIT_MS, json: config.json },
        deprecatedOn: config.flowStepDeprecatedOn,
        timeoutMs: ASKED_TIMEOUT_MS,
      }),
      chunksDoor({ chunks, wake: () => work.wake(), clock }),
    ],
    openDoors: [
      flowStepOpenDoor({ version: packageJson.version, publicUrl: config.publicUrl }),
      tokenDoor({ path: '/flow-step/oauth/token', keys: config.apiKeys, clock }),
    ],
    run: (signal) => work.run(signal),
    halt: () => work.halt(),
  }
}
