import { setTimeout as delay } from 'node:timers/promises'
import { Cluster } from '../../test/postgres/cluster.ts'
import { Forwarder } from '../../test/postgres/forwarder.ts'
import { Bench } from '../bench.ts'
import { atLeast, atMost, cpuMs, type Figure, quantile } from '../figures.ts'
import { latency } from '../latency.ts'
import { newPeople } from '../people.ts'
import type { ServiceProcess } from '../processes.ts'

export interface ReplicaSizes {
  blocks: number
  blockRequests: number
  /** New people in each measurement of throughput. */
  requests: number
  starts: number
}

export const FULL: ReplicaSizes = { blocks: 4, blockRequests: 500, requests: 6_000, starts: 5 }
export const QUICK: ReplicaSizes = { blocks: 2, blockRequests: 200, requests: 1_000, starts: 2 }
export const PER_SECOND = 100
const REPLICAS = 3
const CONCURRENCY = 48
/** Sent one after the other, so that none shares anything with another. */
const COUNTED = 40
const IDLE_MS = 2_000

export async function replicaFigures(size: ReplicaSizes, say: (what: string) => void): Promise<Figure[]> {
  await using cluster = await Cluster.start({ fsync: true })
  await using bench = await Bench.start()
  const start = async (url: string) =>
    bench.service(await bench.newDirectory(), { DATABASE_URL: url, SYNC_INTERVAL_SECONDS: '0' })
  const url = await cluster.createDatabase()
  const first = await start(url)
  const figures = [
    await roundTrips(bench, cluster, say),
    await scaling(bench, first, () => start(url), size, say),
    // On a service that has worked for a while, and is alone again.
    ...(await latency(bench, first, { ...size, perSecond: PER_SECOND }, { medianMs: 6, cpuMs: 3 })),
    await starts(bench, cluster, size, say),
  ]
  return figures
}

async function roundTrips(bench: Bench, cluster: Cluster, say: (what: string) => void): Promise<Figure> {
  say('counting round trips to PostgreSQL')
  await using forwarder = await Forwarder.listen(cluster.port)
  const url = forwarder.urlOf(await cluster.createDatabase())
  const service = await bench.service(await bench.newDirectory(), {
    DATABASE_URL: url,
    SYNC_INTERVAL_SECONDS: '0',
  })
  await bench.onService(service, newPeople('first', COUNTED), { concurrency: 1 })
  const idleFrom = forwarder.roundTrips
  await delay(IDLE_MS)
  const idlePerMs = (forwarder.roundTrips - idleFrom) / IDLE_MS
  const before = forwarder.roundTrips
  const startedAt = performance.now()
  await bench.onService(service, newPeople('counted', COUNTED), { concurrency: 1 })
  const idle = (performance.now() - startedAt) * idlePerMs
  const each = (forwarder.roundTrips - before - idle) / COUNTED
  await service.stop()
  return atMost(
    'round trips to PostgreSQL for a new person',
    each,
    4,
    '',
    ` (${idlePerMs.toFixed(3)} a ms when idle, taken off)`,
  )
}

/** What a replica does in a second of its processor, alone and as one of three: their number makes the rest. */
async function scaling(
  bench: Bench,
  first: ServiceProcess,
  start: () => Promise<ServiceProcess>,
  { requests }: ReplicaSizes,
  say: (what: string) => void,
): Promise<Figure> {
  say('one replica')
  const alone = await perCpuSecond(bench, [first], requests, 'alone')
  say(`${REPLICAS} replicas`)
  const fleet = [first]
  while (fleet.length < REPLICAS) fleet.push(await start())
  await perCpuSecond(bench, fleet, requests / 10, 'warm')
  const together = await perCpuSecond(bench, fleet, requests, 'together')
  for (const service of fleet.slice(1)) await service.stop()
  const ratio = (REPLICAS * together) / alone
  const note = ` (${alone.toFixed(0)} requests a CPU second alone, ${together.toFixed(0)} as one of ${REPLICAS})`
  return atLeast(`throughput of ${REPLICAS} replicas, times that of one`, ratio, 2, '', note)
}

async function perCpuSecond(
  bench: Bench,
  fleet: readonly ServiceProcess[],
  requests: number,
  name: string,
): Promise<number> {
  const cpu = () => fleet.reduce((sum, { pid }) => sum + (cpuMs(pid) ?? Number.NaN), 0)
  const before = cpu()
  await bench.onReplicas(fleet, newPeople(name, requests), { concurrency: CONCURRENCY })
  return (requests * 1_000) / (cpu() - before)
}

async function starts(
  bench: Bench,
  cluster: Cluster,
  { starts }: ReplicaSizes,
  say: (what: string) => void,
): Promise<Figure> {
  say('starting on empty databases')
  const readyMs: number[] = []
  for (let start = 0; start < starts; start += 1) {
    const settings = { DATABASE_URL: await cluster.createDatabase() }
    const service = await bench.service(await bench.newDirectory(), settings)
    readyMs.push(service.readyMs)
    await service.stop()
  }
  return atMost(
    `start to ready with all migrations, median of ${starts}`,
    quantile(readyMs, 0.5) / 1_000,
    3,
    's',
  )
}
