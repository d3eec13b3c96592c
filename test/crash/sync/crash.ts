import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Sandbox, startSandbox } from '../../../sandbox/index.ts'
import { systemClock } from '../../../src/clock.ts'
import { createLog } from '../../../src/log.ts'
import { createMarketo } from '../../../src/marketo/marketo.ts'
import { defaultSelection } from '../../../src/person/selection.ts'
import { setUpMarketo } from '../../../src/sync/setup.ts'
import type { CrashOptions, CrashReport } from '../crash.ts'
import { Draw } from '../draw.ts'
import { Engine } from '../engine.ts'
import { Fleet } from '../fleet.ts'
import { dieAt, killMoment, sleepAt } from '../kill.ts'
import type { CampaignCall } from '../people.ts'
import { type Store, startStore } from '../store.ts'
import type { Evidence } from './evidence.ts'
import { observer } from './look.ts'
import { Office } from './office.ts'
import { bendSomething } from './trouble.ts'
import { verdict } from './verdict.ts'

const HOST = '127.0.0.1'
const API_KEY = 'crash-key-0123456789-0123456789-0123456'
const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
/** Calls last long enough to be in flight at a kill. */
const REPLY_DELAY_MS = 10
const DEED_GAP_MS_MAX = 40
/** So that no more of them wait at the end than both sides get over. */
const CALLS_PER_BEND = 5
const LOOK_EVERY_MS = 500
/** Two cycles and more. */
const IDLE_MS = 2_500
const SETTINGS = {
  SYNC_INTERVAL_SECONDS: '1',
  REST_DEADLINE_MS: '800',
  WEBHOOK_DEADLINE_MS: '1500',
  DATAVERSE_CALL_TIMEOUT_MS: '500',
  RECOVERY_INTERVAL_SECONDS: '1',
  MARKETO_DAILY_CALLS: '1000000',
}

/** Kills the service in its cycles while both sides are at work, and says which promises were broken. */
export async function crashSync(options: CrashOptions): Promise<CrashReport> {
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-crash-sync-'))
  await using sandbox = await startSandbox({
    host: HOST,
    replyDelayMs: REPLY_DELAY_MS,
    marketo: { limits: { callsPerWindow: 1_000_000, dailyCallsMax: 1_000_000 } },
  })
  await setUp(sandbox)
  const environment = { ...sandbox.environment(), ...sandbox.marketoEnvironment(), ...SETTINGS }
  await using store = await startStore(options.replicas, directory)
  const fleet = new Fleet({
    host: HOST,
    main: MAIN,
    environment: { ...environment, ...store.environment, API_KEYS: `crash:${API_KEY}` },
    replicas: options.replicas,
    directory,
  })
  fleet.start()
  try {
    const report = await play(options, sandbox, fleet, store)
    if (report.broken.length === 0) await rm(directory, { recursive: true })
    return { ...report, directory }
  } finally {
    await fleet.kill()
  }
}

async function setUp({ marketo: { url, service } }: Sandbox): Promise<void> {
  const log = createLog({ level: 'silent' })
  await using marketo = createMarketo({ url, ...service, clock: systemClock, log })
  const signal = AbortSignal.timeout(20_000)
  const options = { schema: marketo.schema, selection: defaultSelection(), say: () => {} }
  if (!(await setUpMarketo(options, { signal }))) throw new Error('Marketo could not be set up')
}

async function play(options: CrashOptions, sandbox: Sandbox, fleet: Fleet, store: Store) {
  const engine = new Engine(fleet, API_KEY)
  const started = performance.now()
  const { office, bends, ...counts } = await storm(options, sandbox, { fleet, store, engine })
  const stormOver = performance.now()
  const look = observer(sandbox, office, engine)
  const broken = await comeToRest(Date.now() + options.restWithinMs, look, engine)
  const restMs = Math.round(performance.now() - stormOver)
  if (broken.length === 0) {
    const before = writesOf(sandbox)
    await delay(IDLE_MS)
    const writes = writesOf(sandbox) - before
    if (writes > 0) broken.push(`idle cycles wrote ${writes} times`)
  }
  const conflicts = (await look()).conflicts.length
  return {
    broken,
    numbers: {
      kills: options.kills,
      ...counts,
      'people and records entered': office.subjects.length,
      'edits by humans': office.edits.length,
      'conflicts in the log': conflicts,
      'campaign calls sent': engine.sent,
      'answers bent': bends,
      'calls to Dynamics': sandbox.dataverse.calls.length,
      'calls to Marketo': sandbox.marketo.calls.length,
      'seconds of killing': Math.round((stormOver - started) / 1_000),
      'ms from the last edit to rest': restMs,
    },
  }
}

/** Both sides are at work and the service is killed, until the last kill. */
async function storm(
  { kills, seed, signal }: CrashOptions,
  sandbox: Sandbox,
  { fleet, store, engine }: { fleet: Fleet; store: Store; engine: Engine },
) {
  const draw = new Draw(seed)
  const { dataverse, marketo } = sandbox
  const calm = new AbortController()
  const failed = new AbortController()
  const ends = AbortSignal.any([signal, failed.signal])
  const guarded = <T>(work: Promise<T>) =>
    work.catch((error: unknown) => {
      failed.abort(error)
      throw error
    })
  const calls: Promise<void>[] = []
  const office = new Office(sandbox, draw, (call: CampaignCall) =>
    calls.push(guarded(engine.call(call, false))),
  )
  let bends = 0
  const work = async () => {
    while (!calm.signal.aborted && !ends.aborted) {
      office.goOn()
      const calls = dataverse.calls.length + marketo.calls.length
      if (draw.chance(0.15) && bends * CALLS_PER_BEND < calls) {
        bendSomething(sandbox, draw)
        bends += 1
      }
      await delay(draw.between(1, DEED_GAP_MS_MAX))
    }
  }
  const counters: [() => number, ...(() => number)[]] = [
    () => dataverse.calls.length,
    () => marketo.calls.length,
    () => dataverse.commits.length,
    () => marketo.log().length,
  ]
  const kill = async () => {
    for (let killed = 0; killed < kills; killed += 1) {
      await dieAt(killMoment(draw, counters), fleet.any(draw), ends)
    }
    calm.abort()
  }
  let sleeps = 0
  const sleep = async () => {
    while (fleet.victims.length > 1 && !calm.signal.aborted && !ends.aborted) {
      await sleepAt(killMoment(draw, counters), fleet.any(draw), calm.signal, ends)
      sleeps += 1
    }
  }
  const troubled = store.trouble(calm.signal)
  await Promise.all([guarded(kill()), guarded(sleep()), guarded(work())])
  await Promise.all(calls)
  return { office, bends, sleeps, ...(await troubled) }
}

/** What is broken at the deadline; nothing as soon as nothing is and nothing waits to be worked off. */
async function comeToRest(
  deadline: number,
  look: () => Promise<Evidence>,
  engine: Engine,
): Promise<string[]> {
  for (;;) {
    await delay(LOOK_EVERY_MS)
    const status = (await engine.read('/v1/sync/status')) ?? {}
    const { live, initial } = status.backlog as { live: number; initial: number }
    const broken = verdict(await look())
    if (live + initial > 0) broken.push(`${live + initial} links wait to be worked off`)
    if (broken.length === 0 || Date.now() >= deadline) return broken
  }
}

/** By the service, to both sides. */
function writesOf({ dataverse, marketo }: Sandbox): number {
  const { applicationUser } = dataverse.ids
  return (
    dataverse.commits.filter(({ userId }) => userId === applicationUser).length +
    marketo.log().filter(({ cause, change }) => cause?.api !== undefined && change !== undefined).length
  )
}
