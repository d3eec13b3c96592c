import type { Link } from '../port.ts'
import { integer } from '../rows.ts'
import type { LinkMove, NewLink } from '../sync-port.ts'
import { type Links, recordName } from './links.ts'
import type { Statements } from './statements.ts'
import type { SyncStatements } from './sync-statements.ts'

export interface LinkMovesParts {
  sql: Statements
  sync: SyncStatements
  links: Links
  now: number
}

/** What one change of the sync does to links. Runs inside a transaction and counts for it. */
export class LinkMoves {
  readonly #sql: Statements
  readonly #sync: SyncStatements
  readonly #links: Links
  readonly #now: number
  /** How often each replica was written here, by link. */
  readonly #writes = new Map<number, number>()
  readonly #merged = new Set<number>()

  constructor({ sql, sync, links, now }: LinkMovesParts) {
    this.#sql = sql
    this.#sync = sync
    this.#links = links
    this.#now = now
  }

  /** The version that a replica read at `version` has now; undefined when its link was merged away here. */
  versionNow(linkId: number, version: number): number | undefined {
    return this.#merged.has(linkId) ? undefined : version + (this.#writes.get(linkId) ?? 0)
  }

  apply(move: LinkMove): void {
    const link = this.#links.read(move.linkId)
    switch (move.kind) {
      case 'tombstone':
        this.#tombstone(link, move)
        break
      case 'restore':
        this.#restore(link)
        break
      case 'orphan':
        this.#orphan(link, move.marketoId)
        break
      case 'record':
        this.#record(link, move)
        break
      case 'person':
        this.#person(link, move.marketoId)
        break
      case 'merge':
        this.#merge(link, this.#links.read(move.into))
        break
      case 'email':
        this.#email(link, move.email)
        break
      default:
        move satisfies never
    }
  }

  /** A link in state linked. `existing`: the record had one already, with another record by now or this one. */
  add({ recordType, recordId, email }: NewLink): { linkId: number; existing: boolean } {
    const owner = this.#links.findByRecord(recordType, recordId)
    if (owner) {
      const isCurrent = owner.recordType === recordType && owner.recordId === recordId
      if (isCurrent)
        this.#count(owner.linkId, this.#sync.forgetRow.run({ linkId: owner.linkId, now: this.#now }))
      return { linkId: owner.linkId, existing: true }
    }
    const free = email !== undefined && this.#links.find('email', email) === undefined
    const canonicalKey = free ? `email:${email}` : `record:${recordType}:${recordId}`
    const row = this.#sync.insertLinkedLink.get({ canonicalKey, recordType, recordId, now: this.#now })
    if (row === undefined) throw new Error('The store did not return the link it inserted')
    const linkId = integer(row, 'link_id')
    this.#links.nameRecord(linkId, recordType, recordId)
    if (free) this.#links.name(linkId, 'email', email)
    return { linkId, existing: false }
  }

  #tombstone({ linkId }: Link, { recordType, recordId }: LinkMove & { kind: 'tombstone' }): void {
    const { changes } = this.#sync.tombstoneLink.run({ linkId, recordType, recordId, now: this.#now })
    if (changes === 0) return
    // A second record may be there to take the link over.
    this.#links.lookAtAliases(linkId, this.#now)
    this.#touch(linkId)
  }

  #restore({ linkId }: Link): void {
    if (this.#sync.restoreLink.run({ linkId, now: this.#now }).changes === 1) this.#touch(linkId)
  }

  #orphan({ linkId }: Link, marketoId: number): void {
    if (this.#links.orphan(linkId, marketoId, this.#now)) this.#touch(linkId)
  }

  /** Left alone while a create may be under way: the flow action says first which record that is. */
  #record(link: Link, { recordType, recordId }: LinkMove & { kind: 'record' }): void {
    const { linkId } = link
    const owner = this.#links.findByRecord(recordType, recordId)
    if (owner && owner.linkId !== linkId) {
      this.#merge(link, owner)
      return
    }
    if (this.#isBeingMade(link)) return
    this.#links.nameRecord(linkId, recordType, recordId)
    this.#sync.moveToRecord.run({ linkId, recordType, recordId, now: this.#now })
    this.#links.forgetAlias(linkId, 'record', recordName(recordType, recordId), this.#now)
    this.#touch(linkId)
  }

  /** A person who has a record of their own keeps it, and their name. */
  #person(link: Link, marketoId: number): void {
    const { linkId } = link
    const owner = this.#links.find('marketo', String(marketoId))
    if (owner && owner.linkId !== linkId) {
      if (!this.#links.isBlank(owner)) return
      this.#mergeNames(owner, link)
    }
    this.#links.name(linkId, 'marketo', String(marketoId))
    this.#sync.moveToPerson.run({ linkId, marketoId })
    this.#links.forgetAlias(linkId, 'marketo', String(marketoId), this.#now)
    if (link.marketoId !== undefined && link.marketoId !== marketoId)
      this.#links.share(linkId, 'marketo', String(link.marketoId))
    this.#touch(linkId)
  }

  #merge(from: Link, to: Link): void {
    if (from.linkId === to.linkId || this.#isBeingMade(from)) return
    this.#mergeNames(from, to)
    const { linkId } = to
    this.#count(linkId, this.#sql.wakeReplica.run({ linkId, now: this.#now }))
    if (to.marketoId !== undefined || from.marketoId === undefined) return
    if (this.#links.own(linkId, from.marketoId, this.#now)) this.#count(linkId, { changes: 1 })
  }

  #mergeNames(from: Link, to: Link): void {
    this.#links.merge(from, to)
    this.#merged.add(from.linkId)
  }

  /** While a record is being made, the e-mail is what keeps a twin from making another. */
  #email({ linkId, state }: Link, email: string | undefined): void {
    if (state === 'claimed') return
    this.#sql.dropOtherEmails.run({ linkId, email: email ?? '' })
    if (email !== undefined) this.#links.name(linkId, 'email', email)
  }

  #isBeingMade(link: Link): boolean {
    return link.state === 'claimed' && !this.#links.isBlank(link)
  }

  #touch(linkId: number): void {
    this.#count(linkId, this.#sync.touchReplica.run(linkId))
  }

  #count(linkId: number, { changes }: { changes: number | bigint }): void {
    if (changes === 0) return
    this.#writes.set(linkId, (this.#writes.get(linkId) ?? 0) + 1)
  }
}
