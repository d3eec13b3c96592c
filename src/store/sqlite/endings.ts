import type { Activity, Link, Outcome, Settlement } from '../port.ts'
import type { Claims } from './claim.ts'
import type { Row } from './database.ts'
import { integer, optionalInteger, optionalText, text } from './rows.ts'
import type { Statements } from './statements.ts'

/** What becomes true of a link when a request ends, and what is logged. Runs inside a transaction. */
export class Endings {
  readonly #sql: Statements
  readonly #claims: Claims

  constructor(sql: Statements, claims: Claims) {
    this.#sql = sql
    this.#claims = claims
  }

  apply(link: Link, requestId: string, settlement: Settlement): Outcome {
    this.#sql.releaseLease.run(requestId)
    switch (settlement.kind) {
      case 'linked':
        return this.#link(link, requestId, settlement)
      case 'ambiguous': {
        const { kind, ...detail } = settlement
        return { outcome: 'exists', ...detail }
      }
      case 'failed': {
        const { kind, ...detail } = settlement
        this.#sql.dropIntentOf.run(link.linkId, requestId)
        return { outcome: 'failed', ...detail }
      }
      default:
        return settlement satisfies never
    }
  }

  /** The record belongs to the link that named it first; a later one is merged into that. */
  #link(link: Link, requestId: string, settlement: Settlement & { kind: 'linked' }): Outcome {
    const { kind, provenAt, ...record } = settlement
    const { recordType, recordId } = record
    const intent = this.#sql.findIntent.get(link.linkId, link.generation)
    const mine = intent !== undefined && text(intent, 'request_id') === requestId
    const made = mine && recordType === link.recordType && recordId === link.recordId
    if (mine) this.#sql.dropIntentOf.run(link.linkId, requestId)

    const owner = this.#claims.findByRecord(recordType, recordId)
    const home = owner && owner.linkId !== link.linkId ? this.#claims.merge(link, owner) : link
    this.#sql.proveLink.run({ linkId: home.linkId, recordType, recordId, provenAt })
    this.#claims.nameRecord(home.linkId, recordType, recordId)
    return { outcome: made ? 'created' : 'exists', ...record }
  }

  log(request: Row, outcome: Activity['outcome'], detail: Partial<Outcome>, now: number): void {
    const campaign = optionalText(request, 'campaign')
    this.#sql.insertActivity.run({
      linkId: integer(request, 'link_id'),
      marketoId: optionalInteger(request, 'marketo_id') ?? null,
      requestId: text(request, 'request_id'),
      now,
      outcome,
      detail: JSON.stringify({
        ...detail,
        door: text(request, 'door'),
        outcome,
        ...(campaign && { campaign: JSON.parse(campaign) }),
      }),
    })
  }
}
