import { setTimeout as delay } from 'node:timers/promises'
import type { Sandbox } from '../../sandbox/index.ts'
import { linked } from './crowd.ts'

export interface Churn {
  /** Edits, alternately in Marketo and in Dynamics. */
  perSecond: number
  seconds: number
  /** So many are edited, again and again and on both sides. */
  people: number
}

/** Edits the same people at a steady pace, one on either side in turn. Gives the number of edits. */
export async function churn(sandbox: Sandbox, { perSecond, seconds, people }: Churn): Promise<number> {
  const { dataverse, marketo } = sandbox
  const pairs = linked(sandbox).slice(0, people)
  const edits = perSecond * seconds
  const startedAt = performance.now()
  for (let index = 0; index < edits; index += 1) {
    const early = startedAt + (index * 1_000) / perSecond - performance.now()
    if (early > 0) await delay(early)
    const pair = pairs[index % pairs.length]
    if (pair === undefined) throw new RangeError('nobody is linked')
    const title = `Buyer ${index}`
    // Each pass over the crowd begins on the other side.
    if ((index + Math.floor(index / pairs.length)) % 2 === 0) marketo.update(pair.marketoId, { title })
    else dataverse.update(pair.table, pair.recordId, { jobtitle: title })
  }
  return edits
}
