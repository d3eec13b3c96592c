import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Clock, systemClock } from '../../src/clock.ts'
import { readEnv, toConfig } from '../../src/config/config.ts'
import type { MarketoSettings } from '../../src/marketo/settings.ts'
import { createService } from '../../src/service/service.ts'

/**
 * The service as main.ts starts it, on a clock that can be set ahead: `service.ts lifted` without the limits that
 * it keeps to at Marketo, `service.ts stock` with them. Says its address, then its vital signs.
 */

export interface VitalSigns {
  /** User and system time of the process so far. */
  cpuMs: number
  peakResidentMb: number
  /** Of the event loop, since the last question. */
  longestBlockMs: number
  p99BlockMs: number
}

export interface Question {
  /** Sets the service's clock ahead. */
  skipMs?: number
}

const LIFTED: Partial<MarketoSettings> = { windowCallsMax: 1_000_000_000 }
const LOOP_RESOLUTION_MS = 1

let skippedMs = 0
const clock: Clock = { ...systemClock, now: () => systemClock.now() + skippedMs }
const { config, problems } = toConfig(readEnv())
if (!config) throw new Error(problems.join('\n'))
const service = await createService(
  config,
  { clock },
  process.argv[2] === 'lifted' ? { marketo: LIFTED } : {},
)
const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
loop.enable()

function vitalSigns(): VitalSigns {
  const { user, system } = process.cpuUsage()
  const peakResidentMb = (process.resourceUsage().maxRSS * 1_024) / 1e6
  const [longestBlockMs, p99BlockMs] = [loop.max / 1e6, loop.percentile(99) / 1e6]
  loop.reset()
  return { cpuMs: (user + system) / 1_000, peakResidentMb, longestBlockMs, p99BlockMs }
}

process.on('message', ({ skipMs = 0 }: Question) => {
  skippedMs += skipMs
  process.send?.(vitalSigns())
})
process.on('disconnect', () => {
  loop.disable()
  void service.close()
})
process.send?.({ url: await service.start() })
