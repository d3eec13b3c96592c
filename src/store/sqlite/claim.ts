import type { DeriveRecordId, Identifier, Identity, Link, NewRequest, RecordType } from '../port.ts'
import { toLink } from './rows.ts'
import type { Statements } from './statements.ts'

/** Which link a person is: the part of a claim that settles identity. Runs inside a transaction. */
export class Claims {
  readonly #sql: Statements
  readonly #deriveRecordId: DeriveRecordId

  constructor(sql: Statements, deriveRecordId: DeriveRecordId) {
    this.#sql = sql
    this.#deriveRecordId = deriveRecordId
  }

  /** The one link of the person, made if nobody has seen them yet. */
  resolve(request: NewRequest): Link {
    const byMarketoId = this.#findBy(request.identifiers, 'marketo')
    const byEmail = this.#findBy(request.identifiers, 'email')
    const link = this.#choose(byMarketoId, byEmail) ?? this.#insert(request)
    for (const { kind, value } of request.identifiers) {
      this.#sql.insertIdentifier.run({ kind, value, linkId: link.linkId })
    }
    if (request.marketoId !== undefined) {
      this.#sql.ownLink.run({ marketoId: request.marketoId, linkId: link.linkId })
      this.#followEmail(link, request)
    }
    return link
  }

  /**
   * Two links turn out to be one person (first seen by id, then by e-mail). The one that may already
   * have sent a create survives; when both may have, both stay and the Marketo id decides.
   */
  #choose(byMarketoId: Link | undefined, byEmail: Link | undefined): Link | undefined {
    if (!byMarketoId || !byEmail || byMarketoId.linkId === byEmail.linkId) return byMarketoId ?? byEmail
    if (this.isBlank(byMarketoId)) return this.merge(byMarketoId, byEmail)
    if (this.isBlank(byEmail) && byEmail.marketoId === undefined) return this.merge(byEmail, byMarketoId)
    return byMarketoId
  }

  /** A blank link learns who the person is: it takes their key, or joins the link that has their e-mail. */
  identify(link: Link, person: Identity): void {
    const byEmail = this.#findBy(person.identifiers, 'email')
    if (!this.isBlank(link) || byEmail?.linkId === link.linkId) return
    if (byEmail) {
      this.merge(link, byEmail)
      return
    }
    for (const { kind, value } of person.identifiers) {
      this.#sql.insertIdentifier.run({ kind, value, linkId: link.linkId })
    }
    if (link.canonicalKey === person.canonicalKey) return
    this.#sql.dropRecordNames.run(link.linkId)
    const reserved = this.reserveRecordId(link.recordType, person.canonicalKey, 0)
    this.#sql.rekeyLink.run({ linkId: link.linkId, canonicalKey: person.canonicalKey, ...reserved })
    this.nameRecord(link.linkId, link.recordType, reserved.recordId)
  }

  /** No record is proven and no create can be under way. */
  isBlank(link: Link): boolean {
    return link.state === 'claimed' && this.#sql.findIntent.get(link.linkId, link.generation) === undefined
  }

  /** Everything that named `from` now names `to`. */
  merge(from: Link, to: Link): Link {
    const move = { from: from.linkId, to: to.linkId }
    this.#sql.moveIdentifiers.run(move)
    this.#sql.moveRequests.run(move)
    this.#sql.moveActivities.run(move)
    this.#sql.mergeLink.run(move)
    return to
  }

  /** The lowest generation from `from` on whose record id no link has ever used; reserves it. */
  reserveRecordId(
    recordType: RecordType,
    canonicalKey: string,
    from: number,
  ): { recordId: string; generation: number } {
    for (let generation = from; ; generation += 1) {
      const recordId = this.#deriveRecordId(recordType, canonicalKey, generation)
      if (this.findByRecord(recordType, recordId) === undefined) return { recordId, generation }
    }
  }

  findByRecord(recordType: RecordType, recordId: string): Link | undefined {
    return this.#find('record', recordName(recordType, recordId))
  }

  nameRecord(linkId: number, recordType: RecordType, recordId: string): void {
    this.#sql.insertIdentifier.run({ kind: 'record', value: recordName(recordType, recordId), linkId })
  }

  #insert(request: NewRequest): Link {
    const { recordType, canonicalKey, now } = request
    const reserved = this.reserveRecordId(recordType, canonicalKey, 0)
    const row = this.#sql.insertLink.get({
      canonicalKey,
      recordType,
      ...reserved,
      marketoId: request.marketoId ?? null,
      now,
    })
    if (row === undefined) throw new Error('The store did not return the link it inserted')
    const link = toLink(row)
    this.nameRecord(link.linkId, recordType, link.recordId)
    return link
  }

  /** The owner's e-mail changed: the old one is free for whoever has it now. Only once nothing is under way. */
  #followEmail(link: Link, request: NewRequest): void {
    const email = request.identifiers.find((identifier) => identifier.kind === 'email')?.value
    if (email === undefined || link.state !== 'linked' || link.marketoId !== request.marketoId) return
    if (this.#find('email', email)?.linkId !== link.linkId) return
    this.#sql.dropOtherEmails.run({ linkId: link.linkId, email })
  }

  #findBy(identifiers: readonly Identifier[], kind: Identifier['kind']): Link | undefined {
    const identifier = identifiers.find((candidate) => candidate.kind === kind)
    return identifier && this.#find(kind, identifier.value)
  }

  #find(kind: Identifier['kind'], value: string): Link | undefined {
    const row = this.#sql.findLinkByIdentifier.get(kind, value)
    return row && toLink(row)
  }
}

function recordName(recordType: RecordType, recordId: string): string {
  return `${recordType}:${recordId}`
}
