import type { Bench, Seen } from './bench.ts'
import { atMost, cpuMs, type Figure, quantile, told } from './figures.ts'
import { newPeople } from './people.ts'
import type { ServiceProcess } from './processes.ts'

interface Blocks {
  blocks: number
  blockRequests: number
  perSecond: number
}

/** What it may cost. */
export interface LatencyTargets {
  medianMs: number
  cpuMs: number
}

const EMBEDDED: LatencyTargets = { medianMs: 3, cpuMs: 1.5 }

/** What the service adds to the bare calls. Blocks in turn, so that whatever else the machine does meets both alike. */
export async function latency(
  bench: Bench,
  service: ServiceProcess,
  size: Blocks,
  targets = EMBEDDED,
): Promise<Figure[]> {
  const { blocks, blockRequests, perSecond } = size
  const ours = side(service.pid)
  const theirs = side(bench.passThroughPid)
  await bench.onPassThrough(newPeople('warm', blockRequests), { perSecond })
  for (let block = 0; block < blocks; block += 1) {
    bench.say(`open loop, block ${block + 1} of ${blocks}`)
    await ours.measure(() =>
      bench.onService(service, newPeople(`ours-${block}`, blockRequests), { perSecond }),
    )
    await theirs.measure(() =>
      bench.onPassThrough(newPeople(`theirs-${block}`, blockRequests), { perSecond }),
    )
  }
  const added = (figure: string, share: number, targetMs: number) => {
    const [with_, without] = [quantile(ours.latenciesMs, share), quantile(theirs.latenciesMs, share)]
    return atMost(figure, with_ - without, targetMs, 'ms', ` (${with_.toFixed(1)} to ${without.toFixed(1)})`)
  }
  const [busy, bare] = [ours.cpuPerRequestMs(), theirs.cpuPerRequestMs()]
  return [
    added('added median', 0.5, targets.medianMs),
    added('added p99', 0.99, 20),
    busy === undefined || bare === undefined
      ? told('CPU per request', 'no /proc here')
      : atMost('CPU per request', busy, targets.cpuMs, 'ms', ` (pass-through ${bare.toFixed(2)})`),
  ]
}

function side(pid: number) {
  const latenciesMs: number[] = []
  let busyMs = 0
  let measurable = true
  return {
    latenciesMs,
    cpuPerRequestMs: () => (measurable ? busyMs / latenciesMs.length : undefined),
    async measure(run: () => Promise<Seen>): Promise<void> {
      const before = cpuMs(pid)
      const { result } = await run()
      const after = cpuMs(pid)
      if (before === undefined || after === undefined) measurable = false
      else busyMs += after - before
      const unexpected = Object.keys(result.outcomes).filter((name) => name !== '200 created')
      if (unexpected.length > 0) throw new Error(`unexpected answers: ${JSON.stringify(result.outcomes)}`)
      latenciesMs.push(...result.latenciesMs)
    },
  }
}
