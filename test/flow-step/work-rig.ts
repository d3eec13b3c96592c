import { createFlowStepWork } from '../../src/flow-step/flow-step.ts'
import type { Submission } from '../../src/flow-step/port.ts'
import { chunkIdOf } from '../../src/flow-step/work.ts'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import { createLog } from '../../src/log.ts'
import { createCallbackSender } from '../../src/marketo/callback.ts'
import { defaultSelection } from '../../src/person/selection.ts'
import type { CallbackResult, Chunk, WantedChunks } from '../../src/store/chunk-port.ts'
import { SqliteChunkStore } from '../../src/store/sqlite/chunk-store.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteStore } from '../../src/store/sqlite/store.ts'
import { until } from '../crash/until.ts'
import { countingRandom, manualClock } from '../dataverse/manual-clock.ts'
import { CallbackReceiver } from '../journeys/callback-receiver.ts'
import { readChunk } from '../store/chunk-contract.ts'
import { deriveRecordId } from '../store/contract.ts'

const PATIENCE_MS = 10_000
const NAMED = { token: 't-1', caller: 'tests', munchkinId: '123-ABC-456' }

/** Lets a test in between a chunk's being put off and the end of the step that did it. */
class ObservedChunks extends SqliteChunkStore {
  afterPutOff: (() => Promise<void>) | undefined
  beforeReadCallback: (() => Promise<void>) | undefined
  /** Tries of callbacks, and those of them that are settled. */
  startedTries = 0
  settledTries = 0

  /** For how long the last claim keeps others away. */
  leaseMs = 0

  override async claimChunks(wanted: WantedChunks, leaseMs: number, now: number): Promise<Chunk[]> {
    this.leaseMs = leaseMs
    const claimed = await super.claimChunks(wanted, leaseMs, now)
    this.startedTries += claimed.filter(({ state }) => state === 'answering').length
    return claimed
  }

  override async rescheduleChunk(chunkId: string, runAt: number): Promise<void> {
    await super.rescheduleChunk(chunkId, runAt)
    const then = this.afterPutOff
    this.afterPutOff = undefined
    await then?.()
  }

  override async readCallback(chunkId: string): Promise<string[]> {
    await this.beforeReadCallback?.()
    return super.readCallback(chunkId)
  }

  override async settleCallback(chunkId: string, result: CallbackResult, now: number): Promise<void> {
    await super.settleCallback(chunkId, result, now)
    this.settledTries += 1
  }
}

/** The work of the flow step over a real store and a real receiver, by a clock that a test moves. */
export async function workRig(
  settings: { callbackGiveUpHours?: number; retentionDays?: number; recoveryIntervalSeconds?: number } = {},
) {
  const database = new Database({ path: ':memory:' })
  const jobs = new SqliteJobs(database)
  const store = new SqliteStore({ database, jobs, deriveRecordId })
  const chunks = new ObservedChunks(database)
  const receiver = await CallbackReceiver.listen()
  const time = manualClock()
  const { clock } = time
  const log = createLog({ level: 'silent' })
  const ended: string[] = []
  const work = createFlowStepWork({
    ...{ store, chunks, clock, log },
    sender: createCallbackSender({ hosts: ['adobe.io'], allowLoopback: true, clock, log }),
    selection: defaultSelection(),
    random: countingRandom(),
    wakeWorker: () => {},
    ended: (result) => ended.push(result),
    settings: {
      ...{ flowStepDeadlineSeconds: 600, callbackGiveUpHours: 24, nullTextIsEmpty: true },
      ...{ recoveryIntervalSeconds: 3_600, retentionDays: 90 },
      ...settings,
    },
  })
  const stopping = new AbortController()
  const running = work.run(stopping.signal)
  const chunkId = chunkIdOf(NAMED)
  const stop = async () => {
    stopping.abort()
    work.halt()
    await running
  }
  return {
    stop,
    ...{ work, chunks, receiver, time, ended, chunkId, stopping: stopping.signal },
    /** Of nobody, so that its callback is due at once. */
    submit: (more: Partial<Submission> = {}) =>
      work.submit({
        ...{ ...NAMED, callbackUrl: receiver.url, callbackKey: 'key' },
        campaign: { id: '7', type: 'trigger' },
        ...{ choices: {}, crowd: { pages: [], people: 0, unreadable: 0 } },
        ...more,
      }),
    /** The chunk, once it is as expected; undefined once it is forgotten, if that is. */
    async chunkWhen(isIt: (chunk: Chunk | undefined) => boolean): Promise<Chunk | undefined> {
      const seen: { chunk?: Chunk | undefined } = {}
      let isSo = false
      const look = async () => {
        seen.chunk = await readChunk(chunks, chunkId)
        isSo = isIt(seen.chunk)
      }
      await until(() => {
        void look()
        return isSo
      }, AbortSignal.timeout(PATIENCE_MS))
      return seen.chunk
    },
    async [Symbol.asyncDispose]() {
      await stop()
      await receiver[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}
