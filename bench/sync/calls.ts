import { atMost, exactly, type Figure } from '../figures.ts'
import type { CallCounts } from './vendors.ts'
import type { World } from './world.ts'

const CHANGED = 1_000
const MARKETO_PAGE = 300
/** 1,000 entries of the change log are four pages and 1,000 updates one batch, or one page of rows and four writes. */
const FLOOR = 1 + Math.ceil(CHANGED / MARKETO_PAGE)
const OVERHEAD_MAX = 1.25
const INTERVAL_MS = 60_000
const CYCLES_OF_AN_HOUR = 60
const HOURS = 24
const SHARE = 25_000
const SUBSCRIPTION = 50_000

const all = ({ marketo, dynamics, seldom }: CallCounts) => marketo + dynamics - seldom

/** What 1,000 edits on one side cost, counted by both vendors. The world is at rest, before and after. */
export async function calls(world: World): Promise<Figure[]> {
  const idle = await world.cycle({ skipMs: INTERVAL_MS })
  const figures: Figure[] = []
  for (const [side, way] of [
    ['marketo', 'to Dynamics'],
    ['dynamics', 'to Marketo'],
  ] as const) {
    await world.tell({ task: 'edit', side, people: CHANGED, title: `Calls ${way}` })
    const cycle = await world.cycle({ skipMs: INTERVAL_MS })
    const echo = await world.cycle({ skipMs: INTERVAL_MS })
    // The other streams ask in vain in each cycle; the changed one asks once in an idle cycle, too.
    const others = all(idle.calls) - 1
    const note = ` (${all(cycle.calls)} in the cycle less ${others} of the other streams; the echo costs ${Math.max(0, all(echo.calls) - all(idle.calls))} in the next; floor ${FLOOR})`
    figures.push(
      atMost(
        `calls for ${CHANGED} changes ${way}`,
        all(cycle.calls) - others,
        OVERHEAD_MAX * FLOOR,
        'calls',
        note,
      ),
    )
  }
  return figures
}

/** An hour of cycles in which nothing happens, a minute apart by the service's clock; a day is 24 of it. */
export async function idleDay(world: World): Promise<Figure[]> {
  const spent = { marketo: 0, writes: 0 }
  for (let minute = 0; minute < CYCLES_OF_AN_HOUR; minute += 1) {
    const { calls: made } = await world.cycle({ skipMs: INTERVAL_MS })
    spent.marketo += made.marketo
    spent.writes += made.writes
  }
  const daily = spent.marketo * HOURS
  const note = ` (${daily} calls; ${((100 * daily) / SUBSCRIPTION).toFixed(1)} % of the subscription's ${SUBSCRIPTION})`
  return [
    exactly(`writes of ${CYCLES_OF_AN_HOUR} idle cycles`, spent.writes, 0),
    atMost(`idle day, share of ${SHARE} calls to Marketo`, (100 * daily) / SHARE, 9, '%', note),
  ]
}
