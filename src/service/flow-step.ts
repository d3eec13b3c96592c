import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import packageJson from '../../package.json' with { type: 'json' }
import { chunksEndpoint } from '../flow-step/chunks-endpoint.ts'
import { flowStepEndpoint } from '../flow-step/endpoint.ts'
import { createFlowStepWork } from '../flow-step/flow-step.ts'
import { flowStepOpenEndpoint } from '../flow-step/open-endpoints.ts'
import { statusChecks } from '../flow-step/status-checks.ts'
import { tokenEndpoint } from '../http/token-endpoint.ts'
import { createCallbackSender } from '../marketo/callback.ts'
import type { ChunkStore } from '../store/chunk-port.ts'
import type { Parts, Stores } from './service.ts'

/** Status and choices are asked by Marketo while a marketer waits. */
const ASKED_TIMEOUT_MS = 5_000
/** At most half of what a request may take to arrive. */
const UPLOAD_WAIT_MS = 5_000

export interface FlowStepParts {
  endpoints: readonly FastifyPluginAsync[]
  /** Without an API key. */
  openEndpoints: readonly FastifyPluginAsync[]
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

/** Marketo's Self-Service Flow Step: its endpoints, the work behind them, and the way back. */
export function buildFlowStep(parts: Parts, stores: Stores, joints: FlowStepJoints): FlowStepParts {
  const { config, clock, random, log, selection, metrics } = parts
  const { dataverse, marketo, store, jobs } = stores
  const { chunks, storeFault, recoveryIntervalSeconds, wakeWorker, callerOf, stopping } = joints
  const ended = metrics.counter(
    'flow_step_chunks_total',
    'Chunks of the flow step by how their callback ended.',
    ['result'],
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
    endpoints: [
      flowStepEndpoint({
        admit: stores.pairing.admit,
        ...{ flowStep: work, sender, users: dataverse.users, selection, checks, callerOf, clock, stopping },
        limits: { ...config.flowStepChunk, uploadWaitMs: UPLOAD_WAIT_MS, json: config.json },
        deprecatedOn: config.flowStepDeprecatedOn,
        timeoutMs: ASKED_TIMEOUT_MS,
      }),
      chunksEndpoint({ chunks, wake: () => work.wake(), clock }),
    ],
    openEndpoints: [
      flowStepOpenEndpoint({ version: packageJson.version, publicUrl: config.publicUrl }),
      tokenEndpoint({ path: '/flow-step/oauth/token', keys: config.apiKeys, clock }),
    ],
    run: (signal) => work.run(signal),
    halt: () => work.halt(),
  }
}
