import type { CallContext } from '../../abort.ts'
import { ACTIVITY_TYPES, type LeadActivity } from '../../marketo/changes.ts'
import type { People } from '../../marketo/people.ts'
import type { LinkMove, NewConflict, Replica, SyncStore, Values } from '../../store/sync-port.ts'
import { halfOf } from '../decide/agreement.ts'
import { lostWith, searching, touch, withoutMarketo } from '../decide/replica.ts'

export interface LifeOptions {
  store: SyncStore
  people: Pick<People, 'read'>
}

/**
 * Merged, deleted and scored people: what happens to their links, and the replicas as they are after that. One
 * transaction, since a link without its person must never be met with what was agreed with them.
 */
export async function observeLife(
  items: readonly LeadActivity[],
  now: number,
  { store, people }: LifeOptions,
  call: CallContext,
): Promise<{ moves: LinkMove[]; replicas: Replica[]; conflicts: NewConflict[] }> {
  const merges = chained(items.filter(({ typeId }) => typeId === ACTIVITY_TYPES.mergeLeads).map(candidatesOf))
  const deleted = items.filter(({ typeId }) => typeId === ACTIVITY_TYPES.deleteLead)
  const scored = items.filter(({ typeId }) => typeId === ACTIVITY_TYPES.changeScore)
  const candidates = [...new Set(merges.flat())]
  const present = candidates.length === 0 ? new Map() : await people.read(candidates, ['id'], call)

  const moves: LinkMove[] = []
  for (const ids of merges) moves.push(...(await movesOfMerge(ids, present, store)))
  for (const { marketoId } of deleted) moves.push(...(await movesOfDelete(marketoId, store)))

  const survivors = [...present.keys(), ...scored.map(({ marketoId }) => marketoId)]
  const concerned = [
    ...(await store.findReplicas({ marketoIds: [...new Set(survivors)] })),
    ...(await store.findReplicas({ linkIds: moves.map(({ linkId }) => linkId) })),
  ]
  const unique = new Map(concerned.map((replica) => [replica.linkId, replica]))
  const conflicts = moves.flatMap((move) => {
    const loser = unique.get(move.linkId)
    return loser && move.kind === 'merge' ? lostWith(loser, move.into) : []
  })
  const replicas = [...unique.values()].map((replica) => afterLife(replica, moved(replica, moves), now))
  return { moves, replicas, conflicts }
}

/** The replica as its link is once the moves are made. */
function moved(replica: Replica, moves: readonly LinkMove[]): Replica {
  const { marketoId: before, ...alone } = replica
  let marketoId = before
  for (const move of moves) {
    if (move.linkId !== replica.linkId) continue
    if (move.kind === 'person') marketoId = move.marketoId
    if (move.kind === 'orphan' && move.marketoId === marketoId) marketoId = undefined
  }
  return { ...alone, ...(marketoId !== undefined && { marketoId }) }
}

/** A record that has lost its person looks for another one; everybody else is read again. */
function afterLife(before: Replica, replica: Replica, now: number): Replica {
  // The entry is about another name of the link; a person may just be on the way.
  if (before.marketoId === undefined && replica.marketoId === undefined) return before
  if (replica.marketoId !== undefined) return touch(withoutMarketo(replica), now)
  const alone = searching(replica, now)
  const dynamics = alone.dynamics ?? expectedRow(replica)
  return { ...alone, ...(dynamics && { dynamics }) }
}

/**
 * A row that was to be read again is taken to hold what was agreed on, so that it counts as changed only when it has
 * changed. Of a write without an answer it is not known whether the row has it.
 */
function expectedRow(replica: Replica): Values | undefined {
  const { shadow, intent } = replica
  const open = intent?.toDynamics ?? {}
  const expected = Object.keys(shadow ?? {}).filter((field) => !Object.hasOwn(open, field))
  return (
    shadow && Object.fromEntries(expected.map((field) => [field, halfOf('dynamics', field, replica) ?? null]))
  )
}

/**
 * Of the people in a merge, the one who is still there survived. Sources contradict each other on which id the
 * activity is about, so both are asked for. Where none of them is there, a later merge says who has survived: their
 * links are one already.
 */
async function movesOfMerge(
  ids: readonly number[],
  present: ReadonlyMap<number, unknown>,
  store: SyncStore,
): Promise<LinkMove[]> {
  const winner = ids.find((id) => present.has(id))
  const losers = ids.filter((id) => !present.has(id))
  const [home] = winner === undefined ? [] : await store.findReplicas({ marketoIds: [winner] })
  const moves: LinkMove[] = []
  let homeId = home?.linkId
  for (const loser of losers) {
    const link = await linkOf(loser, store)
    if (link === undefined) continue
    const isTheirs = link.marketoId === loser || link.marketoId === undefined
    const { linkId } = link
    if (isTheirs && (homeId === undefined || homeId === linkId)) {
      if (winner !== undefined) moves.push({ kind: 'person', linkId, marketoId: winner })
      homeId = linkId
    }
    moves.push({ kind: 'orphan', linkId, marketoId: loser })
    if (isTheirs && homeId !== linkId && homeId !== undefined)
      moves.push({ kind: 'merge', linkId, into: homeId })
  }
  return moves
}

/** Their deletion may have been read before the merge that it comes from. */
async function linkOf(marketoId: number, store: SyncStore): Promise<Replica | undefined> {
  const [link] = await store.findReplicas({ marketoIds: [marketoId] })
  if (link) return link
  const [departed] = await store.linksOfDeparted([marketoId])
  const [former] = departed ? await store.findReplicas({ linkIds: [departed.linkId] }) : []
  // Somebody may just be on the way for the record.
  const isFree =
    former?.marketoId === undefined && former?.intent === undefined && former?.state !== 'claimed'
  return isFree ? former : undefined
}

/** Merges that have a person in common are one: who won the first and lost the second is not there any more. */
function chained(merges: readonly number[][]): number[][] {
  const groups: number[][] = []
  for (const merge of merges) {
    const joined = groups.filter((group) => group.some((id) => merge.includes(id)))
    for (const group of joined) groups.splice(groups.indexOf(group), 1)
    groups.push([...new Set([...joined.flat(), ...merge])])
  }
  return groups
}

async function movesOfDelete(marketoId: number, store: SyncStore): Promise<LinkMove[]> {
  const [link] = await store.findReplicas({ marketoIds: [marketoId] })
  return link ? [{ kind: 'orphan', linkId: link.linkId, marketoId }] : []
}

function candidatesOf({ marketoId, attributes }: LeadActivity): number[] {
  const merged = String(attributes['Merge IDs'] ?? attributes.mergeIds ?? '').match(/\d{1,16}/g) ?? []
  return [...new Set([marketoId, ...merged.map(Number)])]
}
