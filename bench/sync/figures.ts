import { atLeast, atMost, exactly, type Figure, told } from '../figures.ts'
import { calls, idleDay } from './calls.ts'
import type { Comparison } from './crowd.ts'
import { lag } from './lag.ts'
import { meanwhile } from './meanwhile.ts'
import { throughput } from './throughput.ts'
import { type Ran, World } from './world.ts'

export interface Sizes {
  /** People of the first world. */
  people: number
  /** People of the large initial sync. */
  manyPeople: number
  lagSeconds: number
  /** Of load on the flow action for linked people, and again for new ones. */
  loadSeconds: number
}

export const FULL: Sizes = { people: 20_000, manyPeople: 200_000, lagSeconds: 90, loadSeconds: 10 }
export const QUICK: Sizes = { people: 10_000, manyPeople: 30_000, lagSeconds: 20, loadSeconds: 4 }

const MEMORY_MB = 256
const GROWTH_PERCENT = 10
const BLOCK_MS = 50
const PER_SECOND = 2_000

interface Loaded extends Ran {
  peakMb: number
}

/** The numbers of the background sync: the service in its own process, both vendors in another, without delay. */
export async function syncFigures(sizes: Sizes, say: (what: string) => void): Promise<Figure[]> {
  const figures: Figure[] = []
  say(`background sync: ${sizes.people} people`)
  const few = await small(sizes, figures)
  say(`background sync: ${sizes.manyPeople} people`)
  figures.push(...(await large(sizes, few)))
  say('background sync: lag')
  figures.push(...(await lag(sizes.lagSeconds)))
  say('background sync: the flow action beside it')
  figures.push(...(await meanwhile(sizes.manyPeople, sizes.loadSeconds)))
  return figures
}

async function small({ people }: Sizes, figures: Figure[]): Promise<Loaded> {
  await using world = await World.start({ limits: 'lifted', people })
  const few = await load(world)
  await world.rest()
  figures.push(...(await idleDay(world)), ...(await calls(world)), ...(await throughput(world, people)))
  return few
}

async function large({ people, manyPeople }: Sizes, few: Loaded): Promise<Figure[]> {
  await using world = await World.start({ limits: 'lifted', people: manyPeople })
  const many = await load(world)
  await world.rest()
  const { linked, different } = await world.tell<Comparison>({ task: 'compare' })
  const name = `initial sync of ${manyPeople}`
  const growth = (100 * many.peakMb) / few.peakMb - 100
  const note = ` (${few.peakMb.toFixed(0)} to ${many.peakMb.toFixed(0)} MB)`
  const seconds = many.tookMs / 1_000
  const cpu = ` (${seconds.toFixed(0)} s, CPU ${(many.cpuMs / manyPeople).toFixed(2)} ms a record)`
  const block = ` (p99 ${many.p99BlockMs.toFixed(0)} ms)`
  const { marketo, dynamics } = many.calls
  return [
    atMost(`${name}, peak resident memory`, many.peakMb, MEMORY_MB, 'MB'),
    atMost(`growth of that from ${people} to ${manyPeople}`, growth, GROWTH_PERCENT, '%', note),
    atLeast(name, manyPeople / seconds, PER_SECOND, 'records/s', cpu),
    told(`${name}, calls`, `${marketo} to Marketo, ${dynamics} to Dynamics`),
    atMost(`${name}, longest block of the event loop`, many.longestBlockMs, BLOCK_MS, 'ms', block),
    exactly(`${name}, not linked or different`, manyPeople - linked + different, 0),
  ]
}

async function load(world: World): Promise<Loaded> {
  const ran = await world.firstCycle()
  const { peakResidentMb } = await world.vitalSigns()
  return { ...ran, peakMb: peakResidentMb }
}
