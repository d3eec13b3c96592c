import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { atMost, exactly, type Figure, quantile, residentMb, told } from '../figures.ts'
import type { Load, LoadResult } from '../load.ts'
import { newPeople } from '../people.ts'
import { Helper } from '../processes.ts'
import type { Comparison } from './crowd.ts'
import { API_KEY, World } from './world.ts'

const PEOPLE = 2_000
const EDITED = 500
const EDITS_PER_SECOND = 10
const REQUESTS_PER_SECOND = 40
/** One request in so many is for a person whom nobody has seen. */
const NEW_EVERY = 20
const INTERVAL_SECONDS = 5
const SAMPLE_MS = 2_000
const REST_WITHIN_MS = 120_000

const LINKED_P99_MS = 1_000
const BLOCK_MS = 50
const LAG_SECONDS = 3 * INTERVAL_SECONDS
const GROWTH_MB = 20

interface Sample {
  lagSeconds: number
  residentMb: number
  handles: number
  databaseMb: number
  walMb: number
}

/**
 * The service for long: people in campaigns, and the same people edited on both sides all the time, with every limit
 * in force.
 */
export async function soakFigures(minutes: number, say: (what: string) => void): Promise<Figure[]> {
  const seconds = minutes * 60
  await using world = await World.start({
    limits: 'stock',
    people: PEOPLE,
    intervalSeconds: INTERVAL_SECONDS,
  })
  await world.loaded()
  await world.vitalSigns()
  await using caller = new Caller(world.url)
  const over = new AbortController()
  const sampling = sample(world, say, over.signal)
  const [edits, answers] = await Promise.all([
    world.tell<number>({ task: 'churn', perSecond: EDITS_PER_SECOND, seconds, people: EDITED }),
    caller.send(seconds),
  ])
  over.abort()
  const samples = await sampling
  const { longestBlockMs, p99BlockMs } = await world.vitalSigns()
  const { different, lag } = await rest(world)
  return [
    told('requests; edits', `${answers.latenciesMs.length} (${JSON.stringify(answers.outcomes)}); ${edits}`),
    atMost('a request, p99', quantile(answers.latenciesMs, 0.99), LINKED_P99_MS, 'ms'),
    atMost(
      'longest block of the event loop',
      longestBlockMs,
      BLOCK_MS,
      'ms',
      ` (p99 ${p99BlockMs.toFixed(0)})`,
    ),
    ...growths(samples),
    lagOf(samples),
    atMost('sync_lag_seconds at rest', lag, INTERVAL_SECONDS, 's'),
    exactly('people who differ at rest', different, 0),
  ]
}

function growths(samples: readonly Sample[]): Figure[] {
  const third = Math.ceil(samples.length / 3)
  const most = (of: (one: Sample) => number, some: readonly Sample[]) => Math.max(...some.map(of))
  const [first, last] = [samples.slice(0, third), samples.slice(-third)]
  const between = (of: (one: Sample) => number) =>
    ` (${most(of, first).toFixed(0)} to ${most(of, last).toFixed(0)})`
  const grown = (of: (one: Sample) => number) => most(of, last) - most(of, first)
  const memory = (one: Sample) => one.residentMb
  const handles = (one: Sample) => one.handles
  const database = (one: Sample) => one.databaseMb
  return [
    atMost('growth of memory, last third against first', grown(memory), GROWTH_MB, 'MB', between(memory)),
    atMost('growth of open handles', grown(handles), 5, 'handles', between(handles)),
    told(
      'the database, last third against first',
      `${grown(database).toFixed(1)} MB more${between(database)}`,
    ),
    told('largest WAL', `${most(({ walMb }) => walMb, samples).toFixed(0)} MB`),
  ]
}

function lagOf(samples: readonly Sample[]): Figure {
  const lags = samples.map(({ lagSeconds }) => lagSeconds)
  const [median, most] = [quantile(lags, 0.5), Math.max(...lags)]
  const note = ` (median ${median.toFixed(1)}, longest ${most.toFixed(1)})`
  return atMost('sync_lag_seconds, 95th percentile', quantile(lags, 0.95), LAG_SECONDS, 's', note)
}

async function sample(world: World, say: (what: string) => void, over: AbortSignal): Promise<Sample[]> {
  const samples: Sample[] = []
  while (!over.aborted) {
    await delay(SAMPLE_MS, undefined, { signal: over }).catch(() => {})
    const now: Sample = {
      lagSeconds: await lagSeconds(world),
      residentMb: residentMb(world.pid) ?? Number.NaN,
      handles: readdirSync(`/proc/${world.pid}/fd`).length,
      databaseMb: sizeMb(world, ''),
      walMb: sizeMb(world, '-wal'),
    }
    samples.push(now)
    if (samples.length % 30 === 0) say(JSON.stringify(now))
  }
  return samples
}

function sizeMb({ directory }: World, ending: string): number {
  const file = statSync(join(directory, `sync-person.sqlite${ending}`), { throwIfNoEntry: false })
  return (file?.size ?? 0) / 1e6
}

async function lagSeconds({ url }: World): Promise<number> {
  const response = await fetch(`${url}/metrics`, { headers: { 'x-api-key': API_KEY } })
  return Number(/^sync_lag_seconds (\S+)$/m.exec(await response.text())?.[1])
}

async function rest(world: World): Promise<{ different: number; lag: number }> {
  const until = performance.now() + REST_WITHIN_MS
  for (;;) {
    const { different } = await world.tell<Comparison>({ task: 'compare' })
    const lag = await lagSeconds(world)
    if ((different === 0 && lag === 0) || performance.now() > until) return { different, lag }
    await delay(SAMPLE_MS)
  }
}

/** A campaign engine: mostly people who are linked already. */
class Caller implements AsyncDisposable {
  readonly #load = new Helper('./load.ts', {})
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  send(seconds: number): Promise<LoadResult> {
    const count = REQUESTS_PER_SECOND * seconds
    const people = newPeople('soak', Math.ceil(count / NEW_EVERY))
    // Whoever is new comes back in the next requests.
    const requests = Array.from({ length: count }, (_, index) => people[Math.floor(index / NEW_EVERY)])
    const path = '/v1/flow-actions/sync-person-to-microsoft'
    return this.#load.ask<LoadResult>({
      ...{ urls: [this.#url], path, apiKey: API_KEY, perSecond: REQUESTS_PER_SECOND },
      requests: requests.filter((one) => one !== undefined),
    } satisfies Load)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#load.stop()
  }
}
