import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { World, type WorldOptions } from './world.ts'

export type Totals = Record<'people' | 'requests' | 'calls' | 'creates' | 'crashes' | 'events', number>

/** Everything goes wrong at once: a create in ten has an unknown outcome, a replica dies every minute. */
export const HARD_WORLD: Omit<WorldOptions, 'seed'> = {
  people: 1_000,
  replicas: 3,
  faults: { lostBefore: 0.03, lostAfter: 0.03, commitsLate: 0.03, busy: 0.02, lateMsMax: 900_000 },
  crashAtStore: 0.001,
  crashEveryMs: 60_000,
  durationMs: 3_600_000,
}

interface Share {
  firstSeed: number
  step: number
  worlds: number
}

/** Plays hard worlds with consecutive seeds on every core. An error names the seed that broke. */
export async function playWorlds(firstSeed: number, worlds: number): Promise<Totals> {
  const step = Math.min(availableParallelism(), worlds)
  const shares = Array.from({ length: step }, (_, index) =>
    inWorker({ firstSeed: firstSeed + index, step, worlds }),
  )
  const totals: Totals = { people: 0, requests: 0, calls: 0, creates: 0, crashes: 0, events: 0 }
  for (const share of await Promise.all(shares)) addUp(totals, share)
  return totals
}

function inWorker(share: Share): Promise<Totals> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

async function playShare({ firstSeed, step, worlds }: Share): Promise<Totals> {
  const totals: Totals = { people: 0, requests: 0, calls: 0, creates: 0, crashes: 0, events: 0 }
  for (let played = 0; played * step < worlds; played += 1) {
    const seed = firstSeed + played * step
    try {
      addUp(totals, await new World({ ...HARD_WORLD, seed }).play())
    } catch (cause) {
      throw new Error(`The world of seed ${seed} broke: ${cause instanceof Error ? cause.message : cause}`, {
        cause,
      })
    }
  }
  return totals
}

function addUp(totals: Totals, more: Totals): void {
  for (const key of Object.keys(totals) as (keyof Totals)[]) totals[key] += more[key]
}

if (!isMainThread) parentPort?.postMessage(await playShare(workerData as Share))
