import { toParameters } from '../replica-rows.ts'
import type { NewReplica, Replica, SyncChange } from '../sync-port.ts'
import { Failures } from './failures.ts'
import type { SqliteLeases } from './leases.ts'
import { LinkMoves, type LinkMovesParts } from './link-moves.ts'

/** A replica of the change is not the one that is stored. Thrown inside a transaction, it undoes all of it. */
export class Stale extends Error {}

/** The change comes from somebody whose lease is over. */
export class Fenced extends Error {}

export interface SyncChangesParts extends Omit<LinkMovesParts, 'now'> {
  leases: Pick<SqliteLeases, 'isHeld'>
}

/** One change of the sync, from the links to the cursors. Runs inside a transaction. */
export class SyncChanges {
  readonly #parts: SyncChangesParts
  readonly #failures: Failures

  constructor(parts: SyncChangesParts) {
    this.#parts = parts
    this.#failures = new Failures(parts.sql, parts.sync, parts.links)
  }

  /** Gives the ids of `newLinks`. Throws Stale or Fenced. */
  apply({ now, fence, cursors = [], moves = [], newLinks = [], ...change }: SyncChange): number[] {
    if (fence !== undefined && !this.#parts.leases.isHeld('background-sync', fence)) throw new Fenced()
    const linkMoves = new LinkMoves({ ...this.#parts, now })
    for (const move of moves) linkMoves.apply(move)
    const linkIds = newLinks.map((one) => this.#add(one, linkMoves))
    for (const replica of change.replicas ?? []) this.#write(replica, linkMoves)
    for (const { linkId, won, lost, ...conflict } of change.conflicts ?? []) {
      this.#parts.sync.insertConflict.run({
        ...conflict,
        linkId: this.#parts.links.home(linkId),
        won: JSON.stringify(won),
        lost: JSON.stringify(lost),
        now,
      })
    }
    for (const set of change.failures ?? []) this.#failures.replace(set, now)
    for (const one of change.aliases ?? []) this.#failures.applyAlias(one, now)
    for (const { stream, position, readAt = null } of cursors) {
      this.#parts.sync.moveCursor.run({ stream, position, readAt })
    }
    return linkIds
  }

  #add({ link, replica }: NewReplica, linkMoves: LinkMoves): number {
    const { linkId, existing } = linkMoves.add(link)
    if (existing) return linkId
    const { marketoId } = replica
    if (marketoId !== undefined) linkMoves.apply({ kind: 'person', linkId, marketoId })
    this.#parts.sync.insertReplica.run({ linkId, ...toParameters(replica) })
    return linkId
  }

  #write(replica: Replica, linkMoves: LinkMoves): void {
    const { linkId, version } = replica
    const expected = linkMoves.versionNow(linkId, version)
    if (expected === undefined) return
    const columns = { linkId, ...toParameters(replica) }
    const { changes } =
      expected === 0
        ? this.#parts.sync.insertReplica.run(columns)
        : this.#parts.sync.updateReplica.run({ ...columns, expected, next: version + 1 })
    if (changes === 0) throw new Stale()
  }
}
