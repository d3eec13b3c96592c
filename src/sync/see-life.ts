import type { CallContext } from '../abort.ts'
import { ACTIVITY_TYPES, type LeadActivity } from '../marketo/changes.ts'
import type { People } from '../marketo/people.ts'
import type { LinkMove, NewConflict, Replica, SyncStore, Values } from '../store/sync-port.ts'
import { halfOf } from './agreement.ts'
import { idle, lostWith, touch, withoutAgreement, withoutIntent, withoutMarketo } from './replica.ts'

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
  const merges = items.filter(({ typeId }) => typeId === ACTIVITY_TYPES.mergeLeads).map(candidatesOf)
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

/** Whoever lost their person rests until the record changes; everybody else is read again. */
function afterLife(before: Replica, replica: Replica, now: number): Replica {
  // The entry is about another name of the link; a person may just be on the way.
  if (before.marketoId === undefined && replica.marketoId === undefined) return before
  const unread = withoutMarketo(replica)
  if (replica.marketoId !== undefined) return touch(unread, now)
  const alone = idle(withoutIntent(withoutAgreement(unread)))
  const dynamics = alone.dynamics ?? expectedRow(replica)
  return { ...alone, ...(dynamics && { dynamics }), sent: [] }
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
 * activity is about, so both are asked for.
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
    const [link] = await store.findReplicas({ marketoIds: [loser] })
    if (link === undefined) continue
    const isHome = homeId === undefined || homeId === link.linkId
    if (winner !== undefined && isHome && link.marketoId === loser) {
      moves.push({ kind: 'person', linkId: link.linkId, marketoId: winner })
      homeId = link.linkId
    }
    moves.push({ kind: 'orphan', linkId: link.linkId, marketoId: loser })
    if (homeId !== undefined && homeId !== link.linkId && link.marketoId === loser) {
      moves.push({ kind: 'merge', linkId: link.linkId, into: homeId })
    }
  }
  return moves
}

async function movesOfDelete(marketoId: number, store: SyncStore): Promise<LinkMove[]> {
  const [link] = await store.findReplicas({ marketoIds: [marketoId] })
  return link ? [{ kind: 'orphan', linkId: link.linkId, marketoId }] : []
}

function candidatesOf({ marketoId, attributes }: LeadActivity): number[] {
  const merged = String(attributes['Merge IDs'] ?? attributes.mergeIds ?? '').match(/\d{1,16}/g) ?? []
  return [...new Set([marketoId, ...merged.map(Number)])]
}
