import { setTimeout as delay } from 'node:timers/promises'
import type { Draw } from './draw.ts'
import { until } from './until.ts'
import type { Victim } from './victim.ts'

export interface KillMoment {
  /** Counts something that happens. */
  count: () => number
  /** How many more of it the service lives to see. */
  more: number
  /** Otherwise it may die while it starts and takes up what is left over. */
  whenReady: boolean
}

const MORE_MAX = 12

/** One of what can be counted, and how often it happens before the kill. */
export function killMoment(draw: Draw, counters: readonly [() => number, ...(() => number)[]]): KillMoment {
  return { count: draw.one(counters), more: draw.between(1, MORE_MAX), whenReady: draw.chance(0.8) }
}

/** Kills the service at its moment and starts it again. */
export async function dieAt(
  { count, more, whenReady }: KillMoment,
  victim: Victim,
  signal: AbortSignal,
): Promise<void> {
  if (whenReady) await victim.url
  const enough = count() + more
  await until(() => count() >= enough, signal)
  await victim.kill()
  victim.start()
}

/** Longer than any lease of several replicas: what is held meanwhile is somebody else's afterwards. */
const SLEEP_MS = 18_000

/** Stops the service at its moment until others have taken over, or until `calm`, and lets it go on. */
export async function sleepAt(
  { count, more }: KillMoment,
  victim: Victim,
  calm: AbortSignal,
  signal: AbortSignal,
): Promise<void> {
  const enough = count() + more
  await until(() => count() >= enough || calm.aborted, signal)
  victim.pause()
  await delay(SLEEP_MS, undefined, { signal: AbortSignal.any([calm, signal]) }).catch(() => {})
  victim.resume()
}
