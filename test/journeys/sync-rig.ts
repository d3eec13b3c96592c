import assert from 'node:assert/strict'
import { mock } from 'node:test'
import type { Sandbox, SandboxOptions } from '../../sandbox/index.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import { createMarketo } from '../../src/marketo/marketo.ts'
import { defaultSelection, parseSelection } from '../../src/person/selection.ts'
import { setUpMarketo } from '../../src/sync/setup.ts'
import { listeningLog } from '../dataverse/rig.ts'
import { type Rig, type Settings, startRig } from './rig.ts'

export type Json = Record<string, unknown>

export interface SyncRig extends Rig {
  dataverse: Sandbox['dataverse']
  marketo: Sandbox['marketo']
  /** One whole cycle, after a pause of `afterMs` in which the quota of calls recovers. Gives its summary. */
  cycle(afterMs?: number): Promise<Json>
  /** Begins a cycle and does not wait for its end. */
  beginCycle(): Promise<void>
  /** Resolves when no cycle runs. */
  idle(): Promise<void>
  /** The service's clock, and nobody else's, is wrong by that much from now on. */
  mistime(ms: number): void
  status(): Promise<Json>
  /** Open failures of a record, or of the set-up; what a reader acts upon. */
  failuresOf(recordId?: string): Promise<Json[]>
  /** Conflicts of a record, with their values, oldest first. */
  conflictsOf(recordId: string): Promise<unknown[]>
  /** A record that sales enters, and the person that the next cycle makes of it. */
  pair(table: 'lead' | 'contact', columns: Json): Promise<Pair>
  /** What both sides wrote, by whoever, while `run` ran. */
  writesDuring(run: () => Promise<unknown>): Promise<{ toDynamics: Json[]; toMarketo: string[] }>
}

export interface Pair {
  id: string
  marketoId: number
  lead(): Json
  person(): Json
}

/** No other wait of the service is as long. */
const INTERVAL_SECONDS = 7_777
/** A window of Marketo's quota. */
const WINDOW_MS = 21_000
const PAGE = 300

let shiftMs = 0
const now = Date.now.bind(Date)
/** Service and sandbox share the process's time, which passes when a test says so. */
mock.method(Date, 'now', () => now() + shiftMs)

/** For a service that starts no cycles of its own here. */
export const passingClock: Clock = { ...systemClock, now: () => Date.now() }

export function pass(ms: number): void {
  shiftMs += ms
}

export interface SyncRigOptions {
  settings?: Settings
  sandbox?: SandboxOptions
  /** Before the service starts; the set-up was run. */
  prepare?: (sandbox: Sandbox) => void | Promise<void>
  /** Default true. */
  setUp?: boolean
  /** Default true: resolves when the first cycle has ended. */
  settled?: boolean
}

/** The whole service with its background sync, set up, with its first cycle behind it. */
export async function startSyncRig(options: SyncRigOptions = {}): Promise<SyncRig> {
  const { settings = {}, setUp = true } = options
  const turns = turnsOfCycles()
  const rig = await startRig(
    { SYNC_INTERVAL_SECONDS: String(INTERVAL_SECONDS), ...settings },
    options.sandbox,
    { clock: turns.clock },
    async (sandbox) => {
      if (setUp) await setUpSandbox(sandbox, settings.FIELDS_FILE)
      await options.prepare?.(sandbox)
      return sandbox.marketoEnvironment()
    },
  )
  if (options.settled !== false) await turns.idle()
  const { dataverse, marketo } = rig.sandbox
  const get = async (path: string) => {
    const { status, body } = await rig.request('GET', path)
    assert.equal(status, 200, path)
    return body
  }
  const { restart } = rig
  const status = () => get('/v1/sync/status')
  const cycle = async (afterMs = WINDOW_MS) => {
    pass(afterMs)
    await turns.begin()
    await turns.idle()
    return (await status()).lastCycle as Json
  }
  return Object.assign(rig, {
    dataverse,
    marketo,
    cycle,
    status,
    beginCycle: turns.begin,
    idle: turns.idle,
    async restart(more?: Settings) {
      turns.forget()
      await restart(more)
    },
    mistime: turns.mistime,
    async failuresOf(recordId?: string) {
      const { failures } = await get(`/v1/sync/failures?limit=${PAGE}`)
      return (failures as Json[]).filter((one) => one.recordId === recordId)
    },
    async conflictsOf(recordId: string) {
      const { conflicts } = await get(`/v1/sync/conflicts?limit=${PAGE}&values=shown`)
      return (conflicts as { [name: string]: Json }[])
        .filter((one) => String(one.recordId) === recordId)
        .map(({ field, winner, marketo, dynamics }) => [field, winner, marketo?.value, dynamics?.value])
        .reverse()
    },
    async pair(table: 'lead' | 'contact', columns: Json) {
      const id = dataverse.seed(table, columns)
      await cycle()
      const found = marketo.people().filter((one) => one.microsoftRecordId === id)
      assert.equal(found.length, 1, 'one person for the record')
      const marketoId = Number(found[0]?.id)
      return {
        id,
        marketoId,
        lead: () => ({ ...dataverse.row(table, id) }),
        person: () => ({ ...marketo.person(marketoId) }),
      }
    },
    async writesDuring(run: () => Promise<unknown>) {
      const [commits, log] = [dataverse.commits.length, marketo.log().length]
      await run()
      const { applicationUser } = dataverse.ids
      return {
        toDynamics: dataverse.commits
          .slice(commits)
          .filter(({ userId }) => userId === applicationUser)
          .map(({ columns }) => ({ ...columns })),
        toMarketo: marketo
          .log()
          .slice(log)
          .filter(({ cause }) => cause?.api !== undefined)
          .flatMap(({ change }) => change?.name ?? []),
      }
    },
  })
}

/** As `npm run setup -- --mapped-fields` does it. */
export async function setUpSandbox({ marketo: { url, service } }: Sandbox, fieldsFile?: string) {
  await using marketo = createMarketo({ url, ...service, clock: systemClock, log: listeningLog().log })
  const selection = fieldsFile === undefined ? defaultSelection() : parseSelection(fieldsFile).selection
  assert.ok(selection, 'a field selection that is one')
  const call = { signal: AbortSignal.timeout(20_000) }
  assert.equal(await setUpMarketo({ schema: marketo.schema, selection, say: () => {} }, call), true)
}

/** A clock whose wait between two cycles ends when a test says so; all other waits are real. */
function turnsOfCycles() {
  let idle = Promise.withResolvers<() => void>()
  let wrongByMs = 0
  const clock: Clock = {
    ...systemClock,
    now: () => Date.now() + wrongByMs,
    sleep(ms, signal) {
      if (ms !== INTERVAL_SECONDS * 1_000 || signal?.aborted) return systemClock.sleep(ms, signal)
      const wait = Promise.withResolvers<void>()
      signal?.addEventListener('abort', () => wait.reject(signal.reason), { once: true })
      idle.resolve(wait.resolve)
      return wait.promise
    },
  }
  return {
    clock,
    mistime(ms: number) {
      wrongByMs = ms
    },
    /** The next cycle is that of another process. */
    forget() {
      idle = Promise.withResolvers()
    },
    idle: async () => void (await idle.promise),
    async begin() {
      const wake = await idle.promise
      idle = Promise.withResolvers()
      wake()
    },
  }
}
