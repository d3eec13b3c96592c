import type { Logger } from 'pino'
import type { Clock, Random } from '../clock.ts'
import type { CallbackSender } from '../marketo/callback.ts'
import type { FieldSelection } from '../person/selection.ts'
import type { ChunkStore } from '../store/chunk-port.ts'
import type { Store } from '../store/port.ts'
import { Advance } from './advance.ts'
import { AnswerChunk } from './answer-chunk.ts'
import { Expansion } from './expansion.ts'
import { FlowStepWork } from './work.ts'

export interface FlowStepOptions {
  store: Store
  chunks: ChunkStore
  sender: Pick<CallbackSender, 'send'>
  selection: FieldSelection
  clock: Clock
  random: Random
  log: Logger
  /** There are new requests for the worker. */
  wakeWorker: () => void
  /** Told of every chunk that ended. */
  ended: (result: 'done' | 'failed') => void
  settings: {
    /** From a chunk's arrival until its callback, whether everybody is final or not. */
    flowStepDeadlineSeconds: number
    /** From the first try of a callback until it is recorded as failed. */
    callbackGiveUpHours: number
    nullTextIsEmpty: boolean
    recoveryIntervalSeconds: number
    retentionDays: number
  }
}

/** Waits between the tries of a callback. */
const CALLBACK_BACKOFF = { baseMs: 2_000, maxMs: 300_000 }
const CHUNK_CONCURRENCY_MAX = 16
/** A lease ends so long after its process died; while that lives it holds on, twice missed is not yet too late. */
const CHUNK_LEASE_MS = 15_000
const CHUNK_HOLD_INTERVAL_MS = 4_000
/** 10,000 people are asked for every second, ten almost at once. */
const LOOK_MS = { min: 50, perOpenPerson: 0.5, max: 1_000 }
/** Each trigger chunk may add such a page to the same transaction; of batch chunks only one does. */
const EXPANSION_PAGE_MAX = { trigger: 25, batch: 200 }
const CALLBACK_PAGE_MAX = 500
const PRUNE_INTERVAL_MS = 3_600_000
const PRUNE_PAGE_MAX = 20

/** Builds the work behind the flow step's endpoints; does nothing until the first submission or tick. */
export function createFlowStepWork(options: FlowStepOptions): FlowStepWork {
  const { store, chunks, sender, selection, clock, random, log, wakeWorker, ended, settings } = options
  const expansion = new Expansion({
    ...{ store, chunks, selection, clock, random, wakeWorker },
    nullTextIsEmpty: settings.nullTextIsEmpty,
    pageMax: EXPANSION_PAGE_MAX,
  })
  const answers = new AnswerChunk({
    ...{ chunks, sender, clock, random, log, ended },
    limits: {
      backoff: CALLBACK_BACKOFF,
      giveUpMs: settings.callbackGiveUpHours * 3_600_000,
      pageMax: CALLBACK_PAGE_MAX,
    },
  })
  return new FlowStepWork({
    chunks,
    advance: new Advance({ chunks, expansion, answers, clock, lookMs: LOOK_MS }),
    clock,
    log,
    limits: {
      deadlineMs: settings.flowStepDeadlineSeconds * 1_000,
      concurrencyMax: CHUNK_CONCURRENCY_MAX,
      leaseMs: CHUNK_LEASE_MS,
      holdIntervalMs: CHUNK_HOLD_INTERVAL_MS,
      intervalMs: settings.recoveryIntervalSeconds * 1_000,
      retentionMs: settings.retentionDays * 86_400_000,
      pruneIntervalMs: PRUNE_INTERVAL_MS,
      prunePageMax: PRUNE_PAGE_MAX,
    },
  })
}
