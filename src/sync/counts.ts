import type { UpdateResult } from '../dataverse/rows.ts'
import type { WriteResult } from '../marketo/bulk-write.ts'
import type { Counts, PerWay } from './control.ts'
import type { Decision } from './decide/decide.ts'

type Mutable = { -readonly [Way in keyof PerWay<Counts>]: { lead: Counts; contact: Counts } }

/** Records looked at, by way and object: since the start, and since the cycle began. */
export class Tally {
  readonly total = zeros()
  #cycle = zeros()

  get cycle(): PerWay<Counts> {
    return this.#cycle
  }

  beginCycle(): void {
    this.#cycle = zeros()
  }

  add(decision: Decision, answers: { dynamics?: UpdateResult; marketo?: WriteResult }): void {
    const { recordType } = decision.replica
    const failed = (side: 'dynamics' | 'marketo') =>
      decision.failures.some((failure) => failure.side === side)
    const outward = answers.dynamics?.kind
    const inward = answers.marketo?.kind
    for (const counts of [this.total, this.#cycle]) {
      counts.toDynamics[recordType][kindOf(outward, failed('dynamics'))] += 1
      counts.toMarketo[recordType][
        decision.create && inward === 'created' ? 'new' : kindOf(inward, failed('marketo'))
      ] += 1
    }
  }
}

function kindOf(
  answer: UpdateResult['kind'] | WriteResult['kind'] | undefined,
  isFailed: boolean,
): keyof Counts {
  if (answer === undefined) return isFailed ? 'failed' : 'skipped'
  return answer === 'updated' || answer === 'created' ? 'updated' : 'failed'
}

function zeros(): Mutable {
  const none = (): Counts => ({ new: 0, updated: 0, skipped: 0, failed: 0 })
  return {
    toDynamics: { lead: none(), contact: none() },
    toMarketo: { lead: none(), contact: none() },
  }
}
