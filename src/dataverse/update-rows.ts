import type { CallContext } from '../abort.ts'
import { halves, type Sent, sendDivided } from '../divide.ts'
import { Rejected, Unauthorized } from '../errors.ts'
import type { BatchPart } from './batch.ts'
import { type Client, isUnreadable, type PartOutcome } from './client.ts'
import type { Limiter } from './limiter.ts'
import type { Selects, Update, UpdateResult } from './rows.ts'
import { isEtag } from './seen-row.ts'
import type { DataverseSettings } from './settings.ts'
import { rowPath, selectsOf } from './table.ts'
import { updateResult } from './update-result.ts'
import { errorOf, isAboutEveryRow, judge } from './verdict.ts'

interface Planned {
  index: number
  update: Update
  part: BatchPart
}

/**
 * Batch after batch, so that what one of them meets holds back those behind it: after a throttled, lost or
 * unanswered batch the rest is `unsent`. A batch that is refused as a whole is halved until the row that is
 * to blame stands alone. See `Rows.update`.
 */
export async function updateRows(
  room: { client: Client; limiter: Limiter; settings: DataverseSettings },
  updates: readonly Update[],
  selects: Selects,
  call: CallContext,
): Promise<UpdateResult[]> {
  const { client, limiter, settings } = room
  const results = new Map<number, UpdateResult>()
  const select = selectsOf(selects)
  const planned = updates.flatMap((update, index) => {
    const part = partOf(update, select[update.ref.table])
    if ('path' in part) return [{ index, update, part }]
    results.set(index, part)
    return []
  })
  let nothingKnown = true
  const send = async (group: readonly Planned[], mayDivide: boolean): Promise<Sent<Planned>> => {
    const parts = group.map(({ part }) => part)
    const outcomes = await client.attempt({ name: 'update rows', parts, paced: true }, call)
    // The next batches are smaller, until the row that makes them unreadable stands alone.
    if (outcomes.some(isUnreadable)) limiter.learn({ kind: 'slow', operations: parts.length })
    if (nothingKnown) throwIfInVain(outcomes, call)
    if (group.length > 1 && mayDivide && outcomes.every(isRefusedUnread)) return halves(group)
    nothingKnown = false
    for (const [at, { index, update }] of group.entries()) {
      const outcome = outcomes[at]
      if (outcome) results.set(index, updateResult(outcome, update, settings.resendAfterMs))
    }
    return outcomes.some(holdsBack) ? 'stop' : 'done'
  }
  const sizeMax = () => limiter.pace.batchSize
  await sendDivided([planned], { sizeMax, splitsMax: settings.batchSplitsMax, send })
  const retryAfterMs = Math.max(limiter.pausedForMs, settings.resendAfterMs)
  return updates.map((_, index) => results.get(index) ?? { kind: 'unsent', retryAfterMs })
}

/**
 * The organisation's duplicate rules are not applied, unlike to a create: they look at the whole row, so an
 * update of any column would fail for every record that somebody has twice.
 * Source: Microsoft Learn, "Update and delete table rows using the Web API", "Manage duplicate detection".
 */
function partOf(update: Update, select: string): BatchPart | UpdateResult {
  const { ref, etag, columns } = update
  // Without a proper tag the update would be unconditional, or break the batch.
  if (!isEtag(etag)) return { kind: 'stale' }
  try {
    return {
      method: 'PATCH',
      path: `${rowPath(ref)}?${select}`,
      headers: { 'if-match': etag, prefer: 'return=representation' },
      body: JSON.stringify(columns),
    }
  } catch (error) {
    if (error instanceof Rejected) return { kind: 'refused', detail: error.detail }
    throw error
  }
}

/** Throws while there is nothing to tell yet: our token is refused, or the caller left before a byte did. */
function throwIfInVain(outcomes: readonly PartOutcome[], call: CallContext): void {
  for (const outcome of outcomes) {
    const error = errorIn(outcome)
    const leftEarly = call.signal.aborted && outcome.kind === 'no-reply' && !outcome.sent
    if (!leftEarly && !(error instanceof Unauthorized)) return
  }
  const [first] = outcomes
  const error = first && errorIn(first)
  if (error !== undefined) throw error
}

function errorIn(outcome: PartOutcome) {
  if (outcome.kind === 'no-reply') return outcome.error
  const verdict = judge(outcome.reply)
  return isAboutEveryRow(verdict) ? errorOf(verdict, outcome.reply, 0) : undefined
}

function isRefusedUnread(outcome: PartOutcome): boolean {
  return outcome.kind === 'no-reply' && outcome.error instanceof Rejected
}

function holdsBack(outcome: PartOutcome): boolean {
  if (outcome.kind === 'no-reply') return !(outcome.error instanceof Rejected)
  const verdict = judge(outcome.reply)
  return verdict.kind === 'throttled' || isAboutEveryRow(verdict)
}
