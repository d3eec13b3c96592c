import { parseArgs } from 'node:util'
import { Bench, REPLY_DELAY_MS } from './bench.ts'
import { counts } from './counts.ts'
import { atMost, type Figure, quantile, residentMb, unmeasured } from './figures.ts'
import { latency } from './latency.ts'
import { halfKnown } from './people.ts'
import type { ServiceProcess } from './processes.ts'

/** npm run bench, or npm run bench -- --quick. Ends with 0 whether the targets are met or not. */

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
const FULL = { blocks: 6, blockRequests: 500, requests: 20_000, starts: 5 }
const QUICK = { blocks: 2, blockRequests: 300, requests: 2_000, starts: 3 }
const size = values.quick ? QUICK : FULL
const CONCURRENCY = 64
const PER_SECOND = 100

const startedAt = performance.now()
await using bench = await Bench.start()
const home = await bench.newDirectory()
const service = await bench.service(home)
const figures = [
  await memory(service),
  ...(await latency(bench, service, { ...size, perSecond: PER_SECOND })),
  ...(await counts(bench, service)),
  await starts(),
]
console.log(
  `Dynamics answers after ${REPLY_DELAY_MS} ms. Open loop at ${PER_SECOND} new people a second, ` +
    `${size.blocks} blocks of ${size.blockRequests} on either side, in turn. ` +
    `${Math.round((performance.now() - startedAt) / 1_000)} s in all.`,
)
console.table(figures)

/** Comes first: whatever is measured afterwards is measured on a service that has worked for a while. */
async function memory(target: ServiceProcess): Promise<Figure> {
  bench.say(`${size.requests} requests, half for known people`)
  const requests = halfKnown('many', size.requests, 10 * CONCURRENCY)
  const { result } = await bench.onService(target, requests, { concurrency: CONCURRENCY })
  bench.say(JSON.stringify(result.outcomes))
  const figure = `resident memory after ${requests.length} requests`
  const resident = residentMb(target.pid)
  return resident === undefined ? unmeasured(figure, 'no /proc here') : atMost(figure, resident, 150, 'MB')
}

async function starts(): Promise<Figure> {
  bench.say('starting on the data of all these people')
  await service.stop()
  const readyMs: number[] = []
  for (let start = 0; start < size.starts; start += 1) {
    const again = await bench.service(home)
    readyMs.push(again.readyMs)
    await again.stop()
  }
  return atMost(`start to ready, median of ${size.starts}`, quantile(readyMs, 0.5) / 1_000, 1.5, 's')
}
