import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { traitsOf } from './traits.ts'
import type { Trouble } from './wire.ts'
import { World, type WorldOptions, type WorldResult } from './world.ts'

export interface SyncTotals
  extends Pick<
    WorldResult,
    | 'hours'
    | 'edits'
    | 'conflicts'
    | 'unknown'
    | 'busy'
    | 'crashes'
    | 'writes'
    | 'created'
    | 'campaigns'
    | 'firstTimes'
    | 'unlogged'
    | 'wronged'
    | 'broken'
  > {
  worlds: number
}

const TROUBLE: Trouble = {
  busy: 0.02,
  cut: 0.01,
  lostAfter: 0.01,
  lostBefore: 0.01,
  late: 0.01,
  lateMsMax: 0,
  slow: 0.01,
}

/** Everything goes wrong at once: an edit every few seconds, one write in thirty with an unknown outcome. */
export const HARD_SYNC_WORLD: Omit<WorldOptions, 'seed' | 'stamped'> = {
  everyMs: 5_000,
  people: { min: 40, max: 100 },
  upheavals: true,
  stormHours: 22,
  storms: 5,
  trouble: TROUBLE,
  crashAtVerb: 0.001,
  lateEntries: { share: 0.02, msMax: 240_000 },
}

/** Virtual hours of one such world, its rests included. */
export const WORLD_HOURS = 25

interface Share {
  firstSeed: number
  step: number
  worlds: number
}

/** Plays hard worlds with consecutive seeds on every core; those with an odd seed have a stamp column. */
export async function playSyncWorlds(firstSeed: number, worlds: number): Promise<SyncTotals> {
  const step = Math.min(availableParallelism(), worlds)
  const shares = Array.from({ length: step }, (_, index) =>
    inWorker({ firstSeed: firstSeed + index, step, worlds: Math.ceil((worlds - index) / step) }),
  )
  return (await Promise.all(shares)).reduce(addUp, nothing())
}

function inWorker(share: Share): Promise<SyncTotals> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

async function playShare({ firstSeed, step, worlds }: Share): Promise<SyncTotals> {
  let totals = nothing()
  for (let played = 0; played < worlds; played += 1) {
    const seed = firstSeed + played * step
    const traits = traitsOf(seed)
    const world = [`seed ${seed}`, ...traits.map((trait) => trait.name)].join(', ')
    const named = (problems: string[]) => problems.map((problem) => `${world}, ${problem}`)
    try {
      const result = await new World({ ...HARD_SYNC_WORLD, seed, stamped: seed % 2 === 1, traits }).play()
      const { unlogged, wronged, broken } = result
      totals = addUp(totals, {
        ...result,
        unlogged: named(unlogged),
        wronged: named(wronged),
        broken: named(broken),
        worlds: 1,
      })
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`The sync world of ${world} broke: ${message}`, { cause })
    }
  }
  return totals
}

function nothing(): SyncTotals {
  const counts = { worlds: 0, hours: 0, edits: 0, conflicts: 0, unknown: 0, busy: 0, crashes: 0 }
  const deeds = { writes: 0, created: 0, campaigns: 0, firstTimes: 0 }
  return { ...counts, ...deeds, unlogged: [], wronged: [], broken: [] }
}

function addUp(one: SyncTotals, other: SyncTotals): SyncTotals {
  const sum = (key: Exclude<keyof SyncTotals, 'unlogged' | 'wronged' | 'broken'>) => one[key] + other[key]
  return {
    worlds: sum('worlds'),
    hours: sum('hours'),
    edits: sum('edits'),
    conflicts: sum('conflicts'),
    unknown: sum('unknown'),
    busy: sum('busy'),
    crashes: sum('crashes'),
    writes: sum('writes'),
    created: sum('created'),
    campaigns: sum('campaigns'),
    firstTimes: sum('firstTimes'),
    unlogged: [...one.unlogged, ...other.unlogged],
    wronged: [...one.wronged, ...other.wronged],
    broken: [...one.broken, ...other.broken],
  }
}

if (!isMainThread) parentPort?.postMessage(await playShare(workerData as Share))
