import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Call, type Sandbox, startSandbox } from '../../sandbox/index.ts'
import { Draw } from './draw.ts'
import { Engine } from './engine.ts'
import { Fleet } from './fleet.ts'
import { dieAt, killMoment, sleepAt } from './kill.ts'
import { Campaign, type CampaignCall, type CrashPerson } from './people.ts'
import { comeToRest } from './rest.ts'
import { type Store, startStore } from './store.ts'
import { bendSomething } from './trouble.ts'
import { type MadeRow, verdict } from './verdict.ts'

export interface CrashOptions {
  kills: number
  seed: number
  /** More than one share a PostgreSQL, which has its troubles too. */
  replicas: number
  /** The storm goes on until so many people have been sent. */
  people?: number
  /** From the last kill until every accepted request must have its outcome. */
  restWithinMs: number
  signal: AbortSignal
}

export interface CrashReport {
  /** Promises that were broken; empty is what we want. */
  broken: string[]
  numbers: Record<string, number>
  /** The service's data and log, left behind when something broke. */
  directory: string
}

const HOST = '127.0.0.1'
/** Waits that a long run has time for: a batch call may hang for minutes. */
const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
const API_KEY = 'crash-key-0123456789-0123456789-0123456'
/** More senders, and a smaller part of the answers bent, where more people are to be sent. */
const SENDERS = { min: 8, perPerson: 1 / 50, max: 200 }
const BENDS_PER_CALL = { few: 0.2, many: 0.02, manyPeople: 2_000 }
/** Calls to Dynamics last long enough to be in flight at a kill. */
const REPLY_DELAY_MS = 10
/**
 * A webhook's deadline makes the leases of dead work longer than `restWithinMs` allows, so work must be
 * taken up because its process is gone and not because its lease ran out.
 */
const SETTINGS = {
  REST_DEADLINE_MS: '800',
  WEBHOOK_DEADLINE_MS: '28000',
  DATAVERSE_CALL_TIMEOUT_MS: '500',
  RECOVERY_INTERVAL_SECONDS: '1',
}

/** Kills the service again and again while campaigns call it, and says which promises were broken. */
export async function crash(options: CrashOptions): Promise<CrashReport> {
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-crash-'))
  await using sandbox = await startSandbox({ host: HOST, replyDelayMs: REPLY_DELAY_MS })
  await using store = await startStore(options.replicas, directory)
  const fleet = new Fleet({
    host: HOST,
    environment: {
      ...sandbox.environment(),
      ...SETTINGS,
      ...store.environment,
      API_KEYS: `crash:${API_KEY}`,
    },
    ...(options.replicas > 1 && { main: MAIN }),
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

async function play(
  options: CrashOptions,
  sandbox: Sandbox,
  fleet: Fleet,
  store: Store,
): Promise<Omit<CrashReport, 'directory'>> {
  const { dataverse } = sandbox
  const engine = new Engine(fleet, API_KEY)
  const started = performance.now()
  const { people, keyed, ...counts } = await storm(options, sandbox, { fleet, store, engine })

  const stormOver = performance.now()
  const atRest = await comeToRest(engine, people, Date.now() + options.restWithinMs)
  const restMs = Math.round(performance.now() - stormOver)
  const rows = rowsOf(sandbox)
  const judge = () => verdict({ people, answers: engine.answers, rows, ...atRest })
  let broken = judge()
  if (broken.length === 0) {
    // A replay of a request without an outcome would wait for its whole deadline.
    const callsBefore = dataverse.calls.length
    for (const call of keyed) await engine.call(call, false)
    broken = judge()
    const calls = dataverse.calls.length - callsBefore
    if (calls > 0) broken.push(`replays made ${calls} calls to Dynamics`)
  }
  return {
    broken,
    numbers: {
      kills: options.kills,
      ...counts,
      people: people.length,
      'calls sent': engine.sent,
      'calls without an answer': engine.unanswered,
      'calls refused, nothing stored': engine.refused,
      'calls to Dynamics': dataverse.calls.length,
      'creates sent to Dynamics': dataverse.calls.filter(isCreate).length,
      'records made by us': rows.filter(({ byHand }) => !byHand).length,
      'requests with an outcome': atRest.endings.size,
      'keyed requests replayed at the end': keyed.length,
      'seconds of killing': Math.round((stormOver - started) / 1_000),
      'ms from the last answer to rest': restMs,
    },
  }
}

interface Ground {
  fleet: Fleet
  store: Store
  engine: Engine
}

/** Campaigns call, replicas are killed and stopped, the database has its troubles, all at once, to the last kill. */
async function storm(options: CrashOptions, { dataverse }: Sandbox, { fleet, store, engine }: Ground) {
  const draw = new Draw(options.seed)
  const campaign = new Campaign(draw, (person) => void dataverse.seed('lead', handWritten(person)))
  const calm = new AbortController()
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  const keyed: CampaignCall[] = []
  const { people = 0 } = options
  const senders = Math.max(SENDERS.min, Math.min(Math.ceil(people * SENDERS.perPerson), SENDERS.max))
  const bendShare = people < BENDS_PER_CALL.manyPeople ? BENDS_PER_CALL.few : BENDS_PER_CALL.many
  let bends = 0
  let sleeps = 0

  const send = async () => {
    while ((!calm.signal.aborted || campaign.people.length < people) && !signal.aborted) {
      const call = campaign.next()
      if (draw.chance(bendShare)) {
        bendSomething(dataverse, draw)
        bends += 1
      }
      // Twins: the same call at every replica at once.
      const twins = fleet.victims.length > 1 && draw.chance(0.3) ? fleet.victims.length : 1
      const once = call.key === undefined && draw.chance(0.5)
      await Promise.all(Array.from({ length: twins }, () => engine.call(call, once)))
      if (call.key === undefined) continue
      keyed.push(call)
      if (draw.chance(0.2)) await engine.call(call, false)
    }
  }
  const counters: [() => number, ...(() => number)[]] = [
    () => engine.sent,
    () => engine.answers.length,
    () => dataverse.calls.length,
    () => dataverse.commits.length,
  ]
  const kill = async () => {
    for (let kills = 0; kills < options.kills; kills += 1) {
      await dieAt(killMoment(draw, counters), fleet.any(draw), signal)
    }
    calm.abort()
  }
  const sleep = async () => {
    while (fleet.victims.length > 1 && !calm.signal.aborted && !signal.aborted) {
      await sleepAt(killMoment(draw, counters), fleet.any(draw), calm.signal, signal)
      sleeps += 1
    }
  }
  const guarded = (work: () => Promise<void>) =>
    work().catch((error: unknown) => {
      failed.abort(error)
      throw error
    })
  const troubled = store.trouble(calm.signal)
  await Promise.all([kill, sleep, ...Array.from({ length: senders }, () => send)].map(guarded))
  const database = await troubled
  return { people: campaign.people, keyed, 'answers bent by Dynamics': bends, sleeps, ...database }
}

function handWritten({ tag, email }: CrashPerson): Record<string, unknown> {
  return { firstname: tag, lastname: 'Crash', companyname: 'Crash AB', emailaddress1: email }
}

function isCreate({ method, path }: Call): boolean {
  return method === 'POST' && !path.endsWith('$batch')
}

function rowsOf({ dataverse }: Sandbox): MadeRow[] {
  return dataverse.commits
    .filter(({ operation }) => operation === 'create')
    .map(({ id, columns, userId }) => ({
      id,
      tag: String(columns.firstname),
      byHand: userId === dataverse.ids.salesPerson,
    }))
}
