import type { Clock } from '../../clock.ts'
import type { ChangePage } from '../../dataverse/changes.ts'
import type { RefusedRows, Rows, SeenRow } from '../../dataverse/rows.ts'
import { Rejected } from '../../errors.ts'
import type { RecordType } from '../../person/person.ts'
import type {
  Alias,
  AliasChange,
  LinkMove,
  NewConflict,
  NewReplica,
  Replica,
  SyncStore,
} from '../../store/sync-port.ts'
import { SecondRecords, valuesOf } from '../decide/aliases.ts'
import { lostWith, takingOver, touch, withoutDynamics } from '../decide/replica.ts'
import type { SyncSettings } from '../settings.ts'
import { chunks, saveComputed } from './pages.ts'
import {
  handedOver,
  inherit,
  isBack,
  movesOfRows,
  newReplicaOf,
  type RecordName,
  type RowsContext,
  seeDeleted,
  seeRow,
} from './see-rows.ts'
import type { PullContext } from './stream.ts'

export interface RowIntakeOptions {
  recordType: RecordType
  rows: Pick<Rows, 'readRows'>
  store: SyncStore
  clock: Clock
  settings: SyncSettings
}

/** More rows of one page that Dynamics refuses are no fault of single rows. */
const MENDED_SINGLY_MAX = 20

type Known = Omit<RowsContext, 'ownerOf'>

/** What rows of one table say, brought into the store. To take the same rows in again changes nothing. */
export class RowIntake {
  readonly #options: RowIntakeOptions

  constructor(options: RowIntakeOptions) {
    this.#options = options
  }

  /** Gives how many of the rows and deletions were news. */
  async takeIn(page: ChangePage, known: Known, context: PullContext): Promise<number> {
    const { store, settings } = this.#options
    let news = 0
    for (const rows of chunks(page.rows, settings.saveMax)) {
      await this.#handOver(rows, known, context)
      const saved = await saveComputed(store, async () => {
        const { now } = known
        return { now, ...(await this.foresee(rows, known)) }
      })
      news += (saved.replicas?.length ?? 0) + (saved.newLinks?.length ?? 0)
    }
    for (const ids of chunks(page.deletedIds, settings.saveMax)) {
      news += await this.takeDeleted(ids, known.now)
    }
    return news
  }

  /** What the rows change, with nothing saved. */
  async foresee(rows: readonly SeenRow[], known: Known) {
    const { recordType, settings, store } = this.#options
    const ownerOf = await this.#ownersOf(rows.map(({ id }) => id))
    const context: RowsContext = { ...known, ownerOf }
    const former = await this.#formerAmong(rows, ownerOf)
    const { schema, now } = known
    const linkIds = [...former.values()].map(({ link }) => link.linkId)
    const second = await SecondRecords.of(linkIds, store, { schema, now, aliasMs: settings.aliasMs })
    for (const { id } of rows) second.keep(ownerOf(recordType, id))
    const { replicas, moves } = second
    const newLinks: NewReplica[] = []
    for (const row of rows) {
      const owner = ownerOf(recordType, row.id)
      const alias = former.get(row.id)
      if (alias) {
        second.look(alias, row)
        continue
      }
      const made = owner === undefined ? newReplicaOf(row, recordType, context) : undefined
      const after = owner && seeRow(owner, row, context)
      if (owner && isBack(owner, row)) moves.push({ kind: 'restore', linkId: owner.linkId })
      if (made) newLinks.push(made)
      else if (after !== undefined && after !== owner) replicas.push(after)
    }
    return { replicas, newLinks, moves, aliases: second.aliases }
  }

  /** Rows that a 404 has proven to be gone. Gives how many of them were ours. */
  async takeDeleted(ids: readonly string[], now: number): Promise<number> {
    const { store, recordType } = this.#options
    const { replicas } = await saveComputed(store, async () => {
      const ownerOf = await this.#ownersOf(ids)
      const gone = ids.flatMap((id) => {
        const owner = ownerOf(recordType, id)
        return owner?.state === 'linked' || owner?.state === 'orphaned' ? [owner] : []
      })
      const former = await store.formerRecords(ids.map((recordId) => ({ recordType, recordId })))
      return {
        now,
        moves: gone.map(({ linkId, recordId }) => ({ kind: 'tombstone', linkId, recordType, recordId })),
        replicas: gone.map((owner) => seeDeleted(owner, now)),
        aliases: former.map(({ other }) => ({ other })),
      }
    })
    return replicas?.length ?? 0
  }

  /** Ours that Dynamics will not give: each is read again, and is a failure of its own while that fails. */
  async takeDoubtful(ids: readonly string[], now: number): Promise<void> {
    if (ids.length === 0) return
    const { store, recordType } = this.#options
    await saveComputed(store, async () => {
      const ownerOf = await this.#ownersOf(ids)
      const owners = ids.flatMap((id) => ownerOf(recordType, id) ?? [])
      return { now, replicas: owners.map((owner) => ({ ...withoutDynamics(owner), dueAt: now })) }
    })
  }

  /**
   * The page with its doubts cleared up by id: rows that cannot be read, and those of ours that are said to be
   * deleted, since a row that was restored is told both ways. Only a 404 proves that a row is gone.
   */
  async clearUp(page: ChangePage, context: PullContext): Promise<ChangePage> {
    const { recordType } = this.#options
    const ownerOf = await this.#ownersOf(page.deletedIds)
    const ours = page.deletedIds.filter((id) => ownerOf(recordType, id) !== undefined)
    const doubtful = page.unreadable.flatMap(({ id }) => id ?? [])
    const refused: RefusedRows = new Map()
    const known = await this.#readRows(recordType, ours, context, refused)
    const isRefused = (id: string) => refused.has(`${recordType}:${id}`)
    await this.takeDoubtful(ours.filter(isRefused), this.#options.clock.now())
    const mended = await this.#mend(doubtful, context)
    const found = new Map([...known, ...mended])
    if (found.size + refused.size === 0) return page
    const rows = new Map([...page.rows, ...found.values()].map((row) => [row.id, row]))
    return {
      ...page,
      rows: [...rows.values()],
      deletedIds: page.deletedIds.filter((id) => !found.has(id) && !isRefused(id)),
      unreadable: page.unreadable.filter(({ id }) => id === undefined || !found.has(id)),
    }
  }

  /**
   * Rows that a page told unreadably. One that cannot be read by its id either must not keep the others waiting; when
   * Dynamics is away or busy, the whole page is read again later.
   */
  async #mend(ids: readonly string[], context: PullContext): Promise<Map<string, SeenRow>> {
    try {
      return await this.#readRows(this.#options.recordType, ids, context)
    } catch (error) {
      if (!(error instanceof Rejected)) throw error
      const mended = new Map<string, SeenRow>()
      if (ids.length === 1 || ids.length > MENDED_SINGLY_MAX) return mended
      for (const id of ids) for (const [key, row] of await this.#mend([id], context)) mended.set(key, row)
      return mended
    }
  }

  /** Links first: what a row says about a record is then said to the link that has it. */
  async #handOver(page: readonly SeenRow[], known: Known, context: PullContext): Promise<void> {
    const { store, recordType } = this.#options
    const { rows, names } = handedOver(page, recordType)
    if (rows.length === 0) return
    await saveComputed(store, async () => {
      const found = await store.findReplicas({ records: names })
      const ownerOf = byRecord(found)
      const said = movesOfRows(rows, recordType, { ...known, ownerOf })
      const taken = await store.formerRecords(said.flatMap((move) => (move.kind === 'record' ? move : [])))
      const replicas: Replica[] = []
      const conflicts: NewConflict[] = []
      const moves: LinkMove[] = []
      const left: AliasChange[] = []
      const handed = new Set<number>()
      const merged = new Map<number, Replica[]>()
      for (const move of said) {
        // Two contacts may name one lead: the first has its link.
        if (handed.has(move.linkId)) continue
        const heir = found.find(({ linkId }) => linkId === move.linkId)
        if (move.kind === 'record' && heir) {
          const refused: RefusedRows = new Map()
          const read = await this.#readRows(move.recordType, [move.recordId], context, refused)
          const row = read.get(move.recordId)
          // A record that is not there takes nobody over; one that cannot be read is there.
          if (row === undefined && refused.size === 0) continue
          replicas.push(inherit(heir, nameOf(move), row, known))
        }
        const into = move.kind === 'merge' ? move.into : takerOf(move, taken)
        if (heir && into !== undefined) {
          conflicts.push(...lostWith(heir, into))
          merged.set(into, [...(merged.get(into) ?? []), heir])
        }
        handed.add(move.linkId)
        moves.push(move)
        if (heir) left.push(...this.#leave(heir, rows, known))
      }
      for (const found of await store.findReplicas({ linkIds: [...merged.keys()] })) {
        // The store gives it the person of the merged link, and forgets what was known of another one.
        if (found.marketoId === undefined) continue
        const at = replicas.findIndex(({ linkId }) => linkId === found.linkId)
        const [taker = touch(found, known.now)] = at < 0 ? [] : replicas.splice(at, 1)
        replicas.push(takingOver(taker, merged.get(taker.linkId) ?? []))
      }
      return { now: known.now, moves, replicas, conflicts, aliases: left }
    })
  }

  /** What a record held when its link was handed over; that is no edit of it. */
  #leave(link: Replica, rows: readonly SeenRow[], { schema }: Known): AliasChange[] {
    const { recordType, recordId } = link
    const row = recordType === this.#options.recordType ? rows.find(({ id }) => id === recordId) : undefined
    if (row === undefined) return []
    const ref = { recordType, recordId }
    return [{ other: { kind: 'record', ...ref }, seen: valuesOf(row, ref, schema) }]
  }

  /** Of these rows, by id, the records that links had before the ones that they have now. */
  async #formerAmong(rows: readonly SeenRow[], ownerOf: RowsContext['ownerOf']): Promise<Map<string, Alias>> {
    const { store, recordType } = this.#options
    const strange = rows.filter(({ id }) => ownerOf(recordType, id) === undefined)
    const found =
      strange.length === 0
        ? []
        : await store.formerRecords(strange.map(({ id: recordId }) => ({ recordType, recordId })))
    return new Map(found.flatMap((one) => (one.other.kind === 'record' ? [[one.other.recordId, one]] : [])))
  }

  /** By id. */
  async #readRows(
    table: RecordType,
    ids: readonly string[],
    context: PullContext,
    refused?: RefusedRows,
  ): Promise<Map<string, SeenRow>> {
    if (ids.length === 0) return new Map()
    const refs = ids.map((id) => ({ table, id }))
    const found = await this.#options.rows.readRows(refs, context.schema.selects, context, refused)
    return new Map([...found.values()].map((row) => [row.id, row]))
  }

  async #ownersOf(recordIds: readonly string[]): Promise<RowsContext['ownerOf']> {
    const { store, recordType } = this.#options
    const records = recordIds.map((recordId) => ({ recordType, recordId }))
    return byRecord(await store.findReplicas({ records }))
  }
}

/** Whose second record it is: the store merges the link into that one. */
function takerOf(move: LinkMove, taken: readonly Alias[]): number | undefined {
  if (move.kind !== 'record') return undefined
  const { recordType, recordId, linkId } = move
  const isIt = ({ other }: Alias) =>
    other.kind === 'record' && other.recordType === recordType && other.recordId === recordId
  const taker = taken.find(isIt)?.link.linkId
  return taker === linkId ? undefined : taker
}

function nameOf({ recordType, recordId }: RecordName): RecordName {
  return { recordType, recordId }
}

/** By the record that each link has now; its former records name nobody. */
function byRecord(replicas: readonly Replica[]): RowsContext['ownerOf'] {
  const owners = new Map(replicas.map((one) => [`${one.recordType}:${one.recordId}`, one]))
  return (recordType, recordId) => owners.get(`${recordType}:${recordId}`)
}
