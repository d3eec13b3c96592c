import type { DeriveRecordId, Identifier, Identity, Link, NewRequest, RecordType } from '../port.ts'
import { toLink } from '../rows.ts'
import type { Links } from './links.ts'
import type { Statements } from './statements.ts'

/** Epoch ms of a time that is over. */
const AT_ONCE = 0

/** Which link a person is: the part of a claim that settles identity. Runs inside a transaction. */
export class Claims {
  readonly #sql: Statements
  readonly #links: Links
  readonly #deriveRecordId: DeriveRecordId

  constructor(sql: Statements, links: Links, deriveRecordId: DeriveRecordId) {
    this.#sql = sql
    this.#links = links
    this.#deriveRecordId = deriveRecordId
  }

  /** The one link of the person, made if nobody has seen them yet. A deleted record is to be made anew. */
  resolve(request: NewRequest): Link {
    const { identifiers, marketoId, recordType, now } = request
    const byMarketoId = this.#findBy(identifiers, 'marketo')
    const byEmail = this.#findBy(identifiers, 'email')
    const link = this.#choose(byMarketoId, byEmail) ?? this.#insert(request)
    for (const { kind, value } of identifiers) this.#links.name(link.linkId, kind, value)
    if (marketoId !== undefined) {
      if (link.marketoId === undefined) this.#links.own(link.linkId, marketoId, now)
      else if (link.marketoId !== marketoId) this.#links.share(link.linkId, 'marketo', String(marketoId))
      this.#followEmail(link, request)
    }
    if (link.state === 'tombstoned') this.raise(link, recordType)
    return link.state === 'tombstoned' || link.state === 'orphaned' ? this.#links.read(link.linkId) : link
  }

  /**
   * Two links turn out to be one person (first seen by id, then by e-mail). The one that may already
   * have sent a create survives; when both may have, both stay and the Marketo id decides.
   */
  #choose(byMarketoId: Link | undefined, byEmail: Link | undefined): Link | undefined {
    if (!byMarketoId || !byEmail || byMarketoId.linkId === byEmail.linkId) return byMarketoId ?? byEmail
    if (this.#links.isBlank(byMarketoId)) return this.#links.merge(byMarketoId, byEmail)
    if (this.#links.isBlank(byEmail) && byEmail.marketoId === undefined) {
      return this.#links.merge(byEmail, byMarketoId)
    }
    return byMarketoId
  }

  /** A blank link learns who the person is: it takes their key, or joins the link that has their e-mail. */
  identify(link: Link, person: Identity): void {
    const byEmail = this.#findBy(person.identifiers, 'email')
    if (!this.#links.isBlank(link) || byEmail?.linkId === link.linkId) return
    if (byEmail) {
      this.#links.merge(link, byEmail)
      return
    }
    for (const { kind, value } of person.identifiers) this.#links.name(link.linkId, kind, value)
    if (link.canonicalKey === person.canonicalKey) return
    this.#links.dropRecordName(link)
    const reserved = this.#reserveRecordId(link.recordType, person.canonicalKey, 0)
    this.#sql.rekeyLink.run({ linkId: link.linkId, canonicalKey: person.canonicalKey, ...reserved })
    this.#links.nameRecord(link.linkId, link.recordType, reserved.recordId)
  }

  /** The record is proven to be gone: the next generation is reserved, and the link is claimed again. */
  raise(link: Link, recordType: RecordType): void {
    const { linkId, canonicalKey, generation } = link
    const next = this.#reserveRecordId(recordType, canonicalKey, generation + 1)
    this.#sql.dropIntents.run(linkId)
    this.#sql.raiseLink.run({ linkId, recordType, ...next })
    this.#sql.forgetRecord.run({ linkId, dueAt: null })
    this.#links.nameRecord(linkId, recordType, next.recordId)
    // One that is there may take the link over, once it is known whether a new record is made.
    this.#links.lookAtAliases(linkId, AT_ONCE)
  }

  /** The lowest generation from `from` on whose record id no link has ever used; reserves it. */
  #reserveRecordId(
    recordType: RecordType,
    canonicalKey: string,
    from: number,
  ): { recordId: string; generation: number } {
    for (let generation = from; ; generation += 1) {
      const recordId = this.#deriveRecordId(recordType, canonicalKey, generation)
      if (this.#links.findByRecord(recordType, recordId) === undefined) return { recordId, generation }
    }
  }

  #insert(request: NewRequest): Link {
    const { recordType, canonicalKey, now } = request
    const reserved = this.#reserveRecordId(recordType, canonicalKey, 0)
    const row = this.#sql.insertLink.get({
      canonicalKey,
      recordType,
      ...reserved,
      marketoId: request.marketoId ?? null,
      now,
    })
    if (row === undefined) throw new Error('The store did not return the link it inserted')
    const link = toLink(row)
    this.#links.nameRecord(link.linkId, recordType, link.recordId)
    return link
  }

  /** The owner's e-mail changed: the old one is free for whoever has it now. Only once nothing is under way. */
  #followEmail(link: Link, request: NewRequest): void {
    const email = request.identifiers.find((identifier) => identifier.kind === 'email')?.value
    if (email === undefined || link.state !== 'linked' || link.marketoId !== request.marketoId) return
    if (this.#links.find('email', email)?.linkId !== link.linkId) return
    this.#sql.dropOtherEmails.run({ linkId: link.linkId, email })
  }

  #findBy(identifiers: readonly Identifier[], kind: Identifier['kind']): Link | undefined {
    const identifier = identifiers.find((candidate) => candidate.kind === kind)
    return identifier && this.#links.find(kind, identifier.value)
  }
}
