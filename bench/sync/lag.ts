import { atMost, exactly, type Figure, quantile } from '../figures.ts'
import type { Arrivals } from './trickle.ts'
import { World } from './world.ts'

const INTERVAL_SECONDS = 5
const ALLOWED_SECONDS = INTERVAL_SECONDS + 5
const PER_SECOND = 10
const PATIENCE_MS = 30_000

/** From an edit to its arrival, with every limit in force. */
export async function lag(seconds: number): Promise<Figure[]> {
  await using world = await World.start({
    limits: 'stock',
    people: PER_SECOND * seconds,
    intervalSeconds: INTERVAL_SECONDS,
  })
  await world.loaded()
  const { lagsMs, missing } = await world.tell<Arrivals>({
    task: 'trickle',
    perSecond: PER_SECOND,
    seconds,
    patienceMs: PATIENCE_MS,
  })
  const [median, p99] = [quantile(lagsMs, 0.5), quantile(lagsMs, 0.99)].map((ms) => (ms / 1_000).toFixed(1))
  return [
    atMost(
      `longest lag at ${PER_SECOND} edits a second, a cycle each ${INTERVAL_SECONDS} s`,
      Math.max(...lagsMs) / 1_000,
      ALLOWED_SECONDS,
      's',
      ` (median ${median}, p99 ${p99})`,
    ),
    exactly(`of ${lagsMs.length + missing} edits not arrived`, missing, 0),
  ]
}
