import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Bench, REPLY_DELAY_MS } from './bench.ts'
import { counts } from './counts.ts'
import { atMost, type Figure, quantile, residentMb, told } from './figures.ts'
import {
  REPLY_DELAY_MS as FLOW_STEP_REPLY_DELAY_MS,
  FULL as FULL_FLOW_STEP,
  flowStepFigures,
  QUICK as QUICK_FLOW_STEP,
} from './flow-step/figures.ts'
import { latency } from './latency.ts'
import { halfKnown } from './people.ts'
import type { ServiceProcess } from './processes.ts'
import {
  FULL as FULL_REPLICAS,
  QUICK as QUICK_REPLICAS,
  PER_SECOND as REPLICA_PER_SECOND,
  replicaFigures,
} from './replicas/figures.ts'
import { FULL as FULL_SYNC, QUICK as QUICK_SYNC, syncFigures } from './sync/figures.ts'
import { soakFigures } from './sync/soak.ts'

/**
 * npm run bench, or npm run bench -- --quick; --only flow-action, flow-step, sync or replicas for a part of it. Ends with
 * 0 whether the targets are met or not. `--only soak --minutes 60` is no part of the others: it takes its time.
 */

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    minutes: { type: 'string', default: '60' },
  },
})
const FULL = { blocks: 6, blockRequests: 500, requests: 20_000, starts: 5 }
const QUICK = { blocks: 2, blockRequests: 300, requests: 2_000, starts: 3 }
const size = values.quick ? QUICK : FULL
const CONCURRENCY = 64
const PER_SECOND = 100

const PARTS = { 'flow-action': flowAction, 'flow-step': flowStep, sync, replicas } as const
const parts =
  values.only === 'soak'
    ? [['soak', soak] as const]
    : Object.entries(PARTS).filter(([name]) => name === (values.only ?? name))
if (parts.length === 0) throw new Error(`--only takes ${Object.keys(PARTS).join(', ')} or soak`)
for (const [, run] of parts) await run()

async function flowAction(): Promise<void> {
  const startedAt = performance.now()
  await using bench = await Bench.start()
  const home = await bench.newDirectory()
  const service = await bench.service(home)
  const figures = [
    await memory(bench, service),
    ...(await latency(bench, service, { ...size, perSecond: PER_SECOND })),
    ...(await counts(bench, service)),
    ...(await starts(bench, service, home)),
  ]
  console.log(
    `Dynamics answers after ${REPLY_DELAY_MS} ms. Open loop at ${PER_SECOND} new people a second, ` +
      `${size.blocks} blocks of ${size.blockRequests} on either side, in turn. ${seconds(startedAt)} s in all.`,
  )
  console.table(figures)
}

async function flowStep(): Promise<void> {
  const startedAt = performance.now()
  const figures = await flowStepFigures(values.quick ? QUICK_FLOW_STEP : FULL_FLOW_STEP, say)
  console.log(
    `Flow step: Marketo hands over each batch campaign in one chunk, SYNC_INTERVAL_SECONDS=0. Dynamics answers ` +
      `after ${FLOW_STEP_REPLY_DELAY_MS} ms and takes 52 requests at a time. ${seconds(startedAt)} s in all.`,
  )
  console.table(figures)
}

async function sync(): Promise<void> {
  const startedAt = performance.now()
  const figures = await syncFigures(values.quick ? QUICK_SYNC : FULL_SYNC, say)
  console.log(
    'Background sync: both vendors in one process beside the service, without delay. Their limits, and those ' +
      `that the service keeps to, are lifted except for the lag. ${seconds(startedAt)} s in all.`,
  )
  console.table(figures)
}

async function replicas(): Promise<void> {
  const startedAt = performance.now()
  const figures = await replicaFigures(values.quick ? QUICK_REPLICAS : FULL_REPLICAS, say)
  console.log(
    `Replicas on a PostgreSQL of their own on this machine, with fsync. Dynamics answers after ${REPLY_DELAY_MS} ms. ` +
      `Open loop at ${REPLICA_PER_SECOND} new people a second. ${seconds(startedAt)} s in all.`,
  )
  console.table(figures)
}

async function soak(): Promise<void> {
  const startedAt = performance.now()
  const figures = await soakFigures(Number(values.minutes), say)
  console.log(
    `Soak of ${values.minutes} minutes: 40 requests and 10 edits a second, a cycle each 5 s, every limit in force. ` +
      `${seconds(startedAt)} s in all.`,
  )
  console.table(figures)
}

/** Progress, beside the tables that go to stdout. */
function say(what: string): void {
  process.stderr.write(`${what}\n`)
}

function seconds(startedAt: number): number {
  return Math.round((performance.now() - startedAt) / 1_000)
}

/** Comes first: whatever is measured afterwards is measured on a service that has worked for a while. */
async function memory(bench: Bench, target: ServiceProcess): Promise<Figure> {
  bench.say(`${size.requests} requests, half for known people`)
  const requests = halfKnown('many', size.requests, 10 * CONCURRENCY)
  const { result } = await bench.onService(target, requests, { concurrency: CONCURRENCY })
  bench.say(JSON.stringify(result.outcomes))
  const figure = `resident memory after ${requests.length} requests`
  const resident = residentMb(target.pid)
  return resident === undefined ? told(figure, 'no /proc here') : atMost(figure, resident, 150, 'MB')
}

async function starts(bench: Bench, service: ServiceProcess, home: string): Promise<Figure[]> {
  bench.say('starting on the data of all these people')
  await service.stop()
  const median = async (settings: Record<string, string>) => {
    const readyMs: number[] = []
    for (let start = 0; start < size.starts; start += 1) {
      const again = await bench.service(home, settings)
      readyMs.push(again.readyMs)
      await again.stop()
    }
    return quantile(readyMs, 0.5) / 1_000
  }
  // As in the image, whose build fills it.
  const cached = { NODE_COMPILE_CACHE: join(await bench.newDirectory(), 'compile-cache') }
  const name = `start to ready, median of ${size.starts}`
  return [
    atMost(name, await median({}), 1.5, 's'),
    atMost(`${name}, with the image's compile cache`, await median(cached), 0.8, 's'),
  ]
}
