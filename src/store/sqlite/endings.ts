import { CLOCK_TOLERANCE_MS } from '../../clock.ts'
import type { Activity, Link, Outcome, Settlement } from '../port.ts'
import type { Row } from '../rows.ts'
import { integer, optionalInteger, optionalText, text } from '../rows.ts'
import type { SyncIntent } from '../sync-port.ts'
import { type Links, recordName } from './links.ts'
import type { Statements } from './statements.ts'

/** What becomes true of a link when a request ends, and what is logged. Runs inside a transaction. */
export class Endings {
  readonly #sql: Statements
  readonly #links: Links

  constructor(sql: Statements, links: Links) {
    this.#sql = sql
    this.#links = links
  }

  apply(link: Link, request: Row, settlement: Settlement, now: number): Outcome {
    const requestId = text(request, 'request_id')
    this.#sql.releaseLease.run({ requestId })
    switch (settlement.kind) {
      case 'linked':
        return this.#link(link, request, settlement, now)
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
  #link(link: Link, request: Row, settlement: Settlement & { kind: 'linked' }, now: number): Outcome {
    const { kind, provenAt, gone, ...detail } = settlement
    const { recordType, recordId } = detail
    const record = { recordType, recordId }
    const requestId = text(request, 'request_id')
    const intent = this.#sql.findIntent.get(link.linkId, link.generation)
    const mine = intent !== undefined && text(intent, 'request_id') === requestId
    const made = mine && isRecordOf(link, record)
    if (mine) this.#sql.dropIntentOf.run(link.linkId, requestId)

    const owner = this.#links.findByRecord(recordType, recordId)
    const merged = owner && owner.linkId !== link.linkId ? this.#links.merge(link, owner) : link
    const home = gone === undefined ? merged : this.#withoutPerson(merged, gone, now)
    const latest = now + CLOCK_TOLERANCE_MS
    const proven = this.#sql.proveLink.run({ linkId: home.linkId, ...record, provenAt, latest })
    if (proven.changes === 1) {
      this.#links.nameRecord(home.linkId, recordType, recordId)
      if (!isRecordOf(home, record)) {
        this.#links.forgetAlias(home.linkId, 'record', recordName(recordType, recordId), now)
        if (home.state === 'linked' || home.state === 'orphaned') {
          this.#links.share(home.linkId, 'record', recordName(home.recordType, home.recordId))
        }
      }
      this.#tellSync(home, record, now)
      if (made) this.#agreeOnCreate(home.linkId, requestId, text(intent, 'columns'), now)
    }
    const asked = optionalInteger(request, 'marketo_id')
    const marketoId = link.marketoId === gone ? asked : (link.marketoId ?? asked)
    if (home.marketoId === undefined && marketoId !== undefined && this.#hasName(home, marketoId)) {
      this.#links.own(home.linkId, marketoId, now)
    }
    return { outcome: made ? 'created' : 'exists', ...detail }
  }

  /** Marketo does not know the link's own person any more. */
  #withoutPerson(link: Link, gone: number, now: number): Link {
    if (link.marketoId === gone) this.#links.orphan(link.linkId, gone, now)
    return this.#links.read(link.linkId)
  }

  /** The person may be another link's by now: deleted in Marketo, and sent anew. */
  #hasName({ linkId }: Link, marketoId: number): boolean {
    return this.#links.find('marketo', String(marketoId))?.linkId === linkId
  }

  /** A link that was linked to this record already has nothing new to be synced. */
  #tellSync(home: Link, record: Pick<Link, 'recordType' | 'recordId'>, now: number): void {
    const { linkId, state } = home
    if (!isRecordOf(home, record)) this.#sql.forgetRecord.run({ linkId, dueAt: now })
    else if (state === 'linked' || state === 'orphaned') this.#sql.ensureReplica.run({ linkId, now })
    else this.#sql.wakeReplica.run({ linkId, now })
  }

  /** What the record was made with is what both sides agree on first. */
  #agreeOnCreate(linkId: number, requestId: string, columns: string, now: number): void {
    const intent: SyncIntent = { intentId: requestId, at: now, created: JSON.parse(columns) }
    this.#sql.agreeOnCreate.run({ linkId, intent: JSON.stringify(intent) })
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

function isRecordOf(link: Link, { recordType, recordId }: Pick<Link, 'recordType' | 'recordId'>): boolean {
  return recordType === link.recordType && recordId === link.recordId
}
