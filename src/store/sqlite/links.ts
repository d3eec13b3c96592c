import type { Identifier, Link, RecordType } from '../port.ts'
import { optionalInteger, toLink } from '../rows.ts'
import type { Statements } from './statements.ts'

/** Links by their names, and two of them becoming one. Runs inside a transaction. */
export class Links {
  readonly #sql: Statements

  constructor(sql: Statements) {
    this.#sql = sql
  }

  /** The link itself, or the one that took over. */
  read(linkId: number): Link {
    const row = this.#sql.findLink.get(this.home(linkId))
    if (row === undefined) throw new Error(`The store has no link ${linkId}`)
    return toLink(row)
  }

  /** The id of the link, or of the one that took over. */
  home(linkId: number): number {
    const row = this.#sql.findHome.get(linkId)
    const into = row && optionalInteger(row, 'merged_into')
    return into === undefined ? linkId : this.home(into)
  }

  find(kind: Identifier['kind'], value: string): Link | undefined {
    const row = this.#sql.findLinkByIdentifier.get(kind, value)
    return row && toLink(row)
  }

  findByRecord(recordType: RecordType, recordId: string): Link | undefined {
    return this.find('record', recordName(recordType, recordId))
  }

  /** Where the name is free; the link that has it keeps it. */
  name(linkId: number, kind: Identifier['kind'], value: string): void {
    this.#sql.insertIdentifier.run({ kind, value, linkId })
  }

  nameRecord(linkId: number, recordType: RecordType, recordId: string): void {
    this.name(linkId, 'record', recordName(recordType, recordId))
  }

  dropRecordName({ linkId, recordType, recordId }: Link): void {
    this.#sql.dropName.run({ kind: 'record', value: recordName(recordType, recordId), linkId })
  }

  /** No record is proven and no create can be under way. */
  isBlank(link: Link): boolean {
    return link.state === 'claimed' && this.#sql.findIntent.get(link.linkId, link.generation) === undefined
  }

  /** Everything that named `from` now names `to`. What was known of the sides of `from` goes. */
  merge(from: Link, to: Link): Link {
    const move = { from: from.linkId, to: to.linkId }
    this.#sql.noteAliases.run({ from: from.linkId })
    this.#sql.moveIdentifiers.run(move)
    this.#sql.moveDeparted.run(move)
    this.#sql.moveRequests.run(move)
    this.#sql.moveActivities.run(move)
    this.#sql.moveConflicts.run(move)
    this.#sql.moveFailures.run(move)
    this.#sql.dropReplica.run(from.linkId)
    this.#sql.mergeLink.run(move)
    return to
  }

  /** The person is the link's own where it has none; what was known of another person is forgotten. */
  own(linkId: number, marketoId: number, now: number): boolean {
    if (this.#sql.ownLink.run({ linkId, marketoId }).changes === 0) return false
    this.forgetAlias(linkId, 'marketo', String(marketoId), now)
    return this.#sql.forgetPerson.run({ linkId, now }).changes === 1
  }

  /** The person is gone: the name is free, and the link waits for another one. Tells whether they were its own. */
  orphan(linkId: number, marketoId: number, now: number): boolean {
    const value = String(marketoId)
    this.#sql.noteDeparted.run({ marketoId, value, linkId })
    this.#sql.dropName.run({ kind: 'marketo', value, linkId })
    this.forgetAlias(linkId, 'marketo', value, now)
    return this.#sql.orphanLink.run({ linkId, marketoId }).changes === 1
  }

  /** A person or a record that the link has beside its own one: the background sync looks at it. */
  share(linkId: number, kind: 'marketo' | 'record', value: string): void {
    this.#sql.noteAlias.run({ kind, value, linkId })
  }

  /** The name is the link's own from now on, or nobody's. */
  forgetAlias(linkId: number, kind: Identifier['kind'], value: string, now: number): void {
    this.#sql.dropAlias.run({ kind, value })
    this.#sql.closeAlias.run({ linkId, kind, value, now })
    this.lookAtAliases(linkId, now)
  }

  lookAtAliases(linkId: number, now: number): void {
    this.#sql.lookAtAliases.run({ linkId, now })
  }
}

export function recordName(recordType: RecordType, recordId: string): string {
  return `${recordType}:${recordId}`
}
