import { setTimeout as delay } from 'node:timers/promises'
import type { Sandbox } from '../../sandbox/index.ts'
import { linked, type Pair } from './crowd.ts'

export interface Trickle {
  /** Edits, alternately in Marketo and in Dynamics, each of another person. */
  perSecond: number
  seconds: number
  /** How long the last ones are waited for. */
  patienceMs: number
}

export interface Arrivals {
  /** From an edit on one side until it is seen on the other. */
  lagsMs: number[]
  /** Edits that did not arrive in time. */
  missing: number
}

const POLL_MS = 20

interface Edit {
  pair: Pair
  title: string
  inMarketo: boolean
  at: number
}

/** Edits people at a steady pace and watches the other side for what becomes of it. */
export async function trickle(sandbox: Sandbox, { perSecond, seconds, patienceMs }: Trickle) {
  const { dataverse, marketo } = sandbox
  const pairs = linked(sandbox).slice(0, perSecond * seconds)
  if (pairs.length < perSecond * seconds) throw new RangeError('fewer people than edits')
  const startedAt = performance.now()
  const lagsMs: number[] = []
  let open: Edit[] = []
  const hasArrived = ({ pair: { marketoId, table, recordId }, title, inMarketo }: Edit) =>
    (inMarketo ? dataverse.row(table, recordId)?.jobtitle : marketo.person(marketoId)?.title) === title
  const watch = async () => {
    await delay(POLL_MS)
    const now = performance.now()
    const arrived = open.filter(hasArrived)
    lagsMs.push(...arrived.map(({ at }) => now - at))
    open = open.filter((edit) => !arrived.includes(edit))
  }

  for (const [index, pair] of pairs.entries()) {
    while (performance.now() < startedAt + (index * 1_000) / perSecond) await watch()
    const made: Edit = { pair, title: `Buyer ${index}`, inMarketo: index % 2 === 0, at: performance.now() }
    if (made.inMarketo) marketo.update(pair.marketoId, { title: made.title })
    else dataverse.update(pair.table, pair.recordId, { jobtitle: made.title })
    open.push(made)
  }
  const until = performance.now() + patienceMs
  while (open.length > 0 && performance.now() < until) await watch()
  return { lagsMs, missing: open.length } satisfies Arrivals
}
