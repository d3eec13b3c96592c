import { atLeast, exactly, type Figure } from '../figures.ts'
import type { Comparison, Side } from './crowd.ts'
import type { World } from './world.ts'

const TARGET_PER_SECOND = 2_000
const INTERVAL_MS = 60_000

const WAYS: readonly { side: Side; way: string }[] = [
  { side: 'marketo', way: 'to Dynamics' },
  { side: 'dynamics', way: 'to Marketo' },
  { side: 'both', way: 'both ways' },
]

/** So many edits wait when a cycle begins. It is over when the last one is written and stored. */
export async function throughput(world: World, people: number): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const { side, way } of WAYS) {
    await world.tell({ task: 'edit', side, people, title: `Throughput ${way}` })
    const { tookMs, cpuMs } = await world.cycle({ skipMs: INTERVAL_MS })
    const note = ` (CPU ${(cpuMs / people).toFixed(2)} ms a record)`
    const perSecond = (people / tookMs) * 1_000
    figures.push(
      atLeast(`${people} changes ${way}, vendors beside it`, perSecond, TARGET_PER_SECOND, 'records/s', note),
    )
    // Its own writes are read back, so that the next one begins at rest.
    await world.cycle({ skipMs: INTERVAL_MS })
  }
  const { different } = await world.tell<Comparison>({ task: 'compare' })
  return [...figures, exactly('people who differ afterwards', different, 0)]
}
