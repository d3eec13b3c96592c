import type { Logger } from 'pino'
import { CLOCK_TOLERANCE_MS, type Clock } from './clock.ts'
import type { Metrics } from './http/metrics.ts'

export interface ClockWatchOptions {
  clock: Clock
  log: Logger
  metrics: Metrics
  intervalMs?: number
}

const INTERVAL_MS = 10_000

/** Reports that the machine's clock was set, which changes no wait of this process but the times that it will store. */
export async function watchClock(options: ClockWatchOptions, signal: AbortSignal): Promise<void> {
  const { clock, log, metrics, intervalMs = INTERVAL_MS } = options
  const offsetMs = () => clock.wall() - clock.now()
  metrics.gauges(
    {
      clock_offset_seconds:
        'By how much the machine’s clock was set ahead (or back) since the start of the process.',
    },
    async () => [{ name: 'clock_offset_seconds', value: Math.round(offsetMs() / 1_000) }],
  )
  let reportedMs = 0
  while (!signal.aborted) {
    const nowMs = offsetMs()
    if (Math.abs(nowMs - reportedMs) > CLOCK_TOLERANCE_MS) {
      log.warn(
        { event: 'clock-set', byMs: nowMs - reportedMs, offsetMs: nowMs },
        'The machine’s clock was set. Waits are not affected; stored times still follow the clock of the start: restart the service to adopt the new time',
      )
      reportedMs = nowMs
    }
    await clock.sleep(intervalMs, signal).catch(() => {})
  }
}

/** `aheadMs`: what `Storage.recover` gives. */
export function reportStoreAhead({ log }: Pick<ClockWatchOptions, 'log'>, aheadMs: number): void {
  if (aheadMs === 0) return
  log.warn(
    { event: 'clock-behind-store', aheadMs },
    'The store holds times in the future: the machine’s clock was set back, or another replica’s clock is ahead. Everything that waited for a time in the future is due now; check the clocks',
  )
}
