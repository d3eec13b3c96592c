import type { Clock, Random } from '../../clock.ts'
import type { Rows } from '../../dataverse/rows.ts'
import type { People } from '../../marketo/people.ts'
import { waitMs } from '../../retry.ts'
import type { LinkMove, NewFailure, Replica, SyncStore } from '../../store/sync-port.ts'
import { adopt, madeBeside } from '../intake/adopt.ts'
import { gather, settledAt, takeUp } from '../intake/gather.ts'
import { inParts } from '../intake/pages.ts'
import type { PullContext } from '../intake/stream.ts'
import type { SyncSettings } from '../settings.ts'
import { type Decision, decide } from './decide.ts'
import type { FieldConflict } from './plan.ts'
import { forgetSent, idle, isSearching, rest, withoutIntent } from './replica.ts'

export interface DeliberateOptions {
  store: SyncStore
  rows: Rows
  people: People
  clock: Clock
  random: Random
  settings: SyncSettings
  /** Epoch ms: what others sent, they sent before. */
  startedAt: number
}

/** What is to be saved of one replica. */
export interface Result {
  replica: Replica
  moves: LinkMove[]
  failures: NewFailure[]
  conflicts?: FieldConflict[]
}

export interface Deliberation {
  decisions: Decision[]
  /** Those about whom there is nothing to decide now. */
  results: Result[]
  /** What was learned of the links of those who are decided on. */
  movesOf(replica: Replica): LinkMove[]
}

/** Reads what is not known of the due replicas and decides; writes nothing. Throws the vendors' errors of its reads. */
export async function deliberate(
  due: readonly Replica[],
  options: DeliberateOptions,
  context: PullContext,
): Promise<Deliberation> {
  const { clock, settings, startedAt } = options
  const now = clock.now()
  const results: Result[] = []
  const taken = due.flatMap((replica) => {
    if (replica.stopped) results.push(only(idle(replica)))
    if (replica.stopped) return []
    const dueAt = settledAt(replica, startedAt, settings)
    if (now >= dueAt) return takeUp(forgetSent(replica, now - settings.sentKeepMs), now, settings)
    results.push(only({ ...replica, dueAt }))
    return []
  })

  const gathered = await gather(taken, now, options, context)
  const moves = new Map<number, LinkMove[]>()
  const remember = (move: LinkMove) => moves.set(move.linkId, [...(moves.get(move.linkId) ?? []), move])
  const movesOf = ({ linkId }: Replica) => moves.get(linkId) ?? []
  gathered.moves.forEach(remember)
  const { tied, alone, done } = sort(gathered.replicas)
  for (const replica of done) results.push(only(rest(replica, settings.confirmMs), movesOf(replica)))

  const beside = await madeBeside(tied, options, context)
  beside.moves.forEach(remember)
  const isUnknown = ({ linkId }: Replica) => beside.unknown.has(linkId)

  const adopted = await adopt(alone, now, options, context)
  adopted.moves.forEach(remember)
  for (const { replica, failure } of [...gathered.refused, ...adopted.refused]) {
    results.push({ ...only(park(replica, now, options), movesOf(replica)), failures: [failure] })
  }
  for (const replica of adopted.vain) {
    results.push(only(rest(withoutIntent(replica), settings.confirmMs), movesOf(replica)))
  }
  for (const replica of [...gathered.leaving, ...adopted.later, ...tied.filter(isUnknown)]) {
    results.push(only({ ...replica, dueAt: now + settings.laterMs }, movesOf(replica)))
  }
  const ready = [...tied.filter((replica) => !isUnknown(replica)), ...adopted.ready]
  const decisions = await inParts(ready, (replica) => decide(replica, context.schema, now), {
    clock,
    settings,
  })
  return { decisions, results, movesOf }
}

/**
 * Who has a person, who needs one, and who needs nothing more: a deleted record that nobody was tied to. A person
 * may have been made for it by a write without an answer.
 */
function sort(replicas: readonly Replica[]) {
  const isDone = ({ state, marketoId, dueAt, intent }: Replica) =>
    dueAt === undefined || (marketoId === undefined && state === 'tombstoned' && !intent?.toMarketo)
  const open = replicas.filter((replica) => !isDone(replica))
  return {
    done: replicas.filter(isDone),
    tied: open.filter(({ marketoId }) => marketoId !== undefined),
    alone: open.filter(({ marketoId }) => marketoId === undefined),
  }
}

function only(replica: Replica, moves: LinkMove[] = []): Result {
  return { replica, moves, failures: [] }
}

function park(replica: Replica, now: number, { settings, random }: DeliberateOptions): Replica {
  const { dirtySince, ...parked } = replica
  // It has nothing to say: nobody is to be made for it, however often it looks.
  if (isSearching(replica)) return { ...parked, dueAt: now + settings.lifeIntervalMs }
  const attempts = replica.attempts + 1
  return { ...parked, attempts, dueAt: now + waitMs(settings.backoff, attempts, random) }
}
