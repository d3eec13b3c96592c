import { type Figure, quantile, told } from '../figures.ts'
import type { Load, LoadRequest, LoadResult } from '../load.ts'
import { newPeople } from '../people.ts'
import { Helper } from '../processes.ts'
import { API_KEY, World } from './world.ts'

const PER_SECOND = 50
const KNOWN = 100
const CONCURRENCY = 4

/**
 * What the flow action's callers notice of an initial sync in the same process: with the limits of a subscription,
 * with none, and without any sync.
 */
export async function meanwhile(people: number, seconds: number): Promise<Figure[]> {
  const calm = await alone(seconds)
  const paced = await beside('stock', people, seconds)
  const flatOut = await beside('lifted', people, seconds)
  const row = (whom: string, of: keyof Latencies) =>
    told(
      `${whom} during an initial sync, median and p99`,
      `${spread(paced[of])} (limits lifted ${spread(flatOut[of])}; no sync ${spread(calm[of])})`,
    )
  return [row('a linked person', 'linked'), row('a new person, the sandbox being as busy,', 'fresh')]
}

async function alone(seconds: number): Promise<Latencies> {
  await using world = await World.start({ limits: 'lifted', people: 0, intervalSeconds: 0 })
  await using caller = new Caller(world.url)
  return await caller.both(seconds)
}

async function beside(limits: 'stock' | 'lifted', people: number, seconds: number): Promise<Latencies> {
  await using world = await World.start({ limits, people })
  await using caller = new Caller(world.url)
  const latencies = await caller.both(seconds)
  if (await world.isLoaded()) throw new Error('the initial sync ended too early to measure beside it')
  return latencies
}

interface Latencies {
  /** Of people who are linked already, so that nobody else is asked. */
  linked: number[]
  /** Of people whom nobody has seen. */
  fresh: number[]
}

function spread(latenciesMs: readonly number[]): string {
  return `${[0.5, 0.99].map((share) => quantile(latenciesMs, share).toFixed(1)).join(' and ')} ms`
}

/** A campaign engine. */
class Caller implements AsyncDisposable {
  readonly #load = new Helper('./load.ts', {})
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  async both(seconds: number): Promise<Latencies> {
    const requests = PER_SECOND * seconds
    const known = newPeople('known', KNOWN)
    await this.#send(known, { concurrency: CONCURRENCY })
    const again = Array.from({ length: requests }, (_, index) => known[index % KNOWN]).filter((one) => !!one)
    const linked = await this.#send(again, { perSecond: PER_SECOND })
    return { linked, fresh: await this.#send(newPeople('fresh', requests), { perSecond: PER_SECOND }) }
  }

  async #send(requests: readonly LoadRequest[], pace: Pick<Load, 'perSecond' | 'concurrency'>) {
    const path = '/v1/flow-actions/sync-person-to-microsoft'
    const load: Load = { urls: [this.#url], path, apiKey: API_KEY, requests, ...pace }
    const { latenciesMs, outcomes } = await this.#load.ask<LoadResult>(load)
    const unexpected = Object.keys(outcomes).filter((name) => !/^200 (?:created|exists)$/.test(name))
    if (unexpected.length > 0) throw new Error(`unexpected answers: ${JSON.stringify(outcomes)}`)
    return latenciesMs
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#load.stop()
  }
}
