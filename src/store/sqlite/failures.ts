import { nameOf as nameOfOther } from '../alias-rows.ts'
import type { Link } from '../port.ts'
import type { Row } from '../rows.ts'
import { integer, optionalText, text } from '../rows.ts'
import type { AliasChange, FailureSet, NewFailure, Other } from '../sync-port.ts'
import type { Links } from './links.ts'
import type { Statements } from './statements.ts'
import type { SyncStatements } from './sync-statements.ts'

/** The open failures, as sets. Runs inside a transaction. */
export class Failures {
  readonly #sql: Statements
  readonly #sync: SyncStatements
  readonly #links: Links

  constructor(sql: Statements, sync: SyncStatements, links: Links) {
    this.#sql = sql
    this.#sync = sync
    this.#links = links
  }

  /**
   * Those that were open stay open and count one more attempt; those that are not named are closed. A link
   * that was merged away has none: the one that took over is looked at anew.
   */
  replace({ linkId, failures }: FailureSet, now: number): void {
    const open = this.#sync.failuresOf.all(linkId ?? null)
    if (open.length === 0 && failures.length === 0) return
    const link = linkId === undefined ? undefined : this.#links.read(linkId)
    if (link?.linkId !== linkId) return
    const named = new Map(failures.map((failure) => [nameOf(failure), failure]))
    for (const row of open) {
      const failureId = integer(row, 'failure_id')
      const name = nameOfRow(row)
      const failure = named.get(name)
      named.delete(name)
      if (failure) this.#sync.repeatFailure.run({ failureId, now, ...reasonOf(failure) })
      else this.#sync.closeFailure.run({ failureId, now })
    }
    for (const failure of named.values()) this.#open(link, failure, now)
  }

  /** What a look at somebody who shares a link has shown: of the link's own person or record nothing is said. */
  applyAlias({ other, dueAt, seen, failure }: AliasChange, now: number): void {
    const name = nameOfOther(other)
    const link = this.#links.find(name.kind, name.value)
    if (link === undefined || isOwn(link, other)) return
    const { linkId } = link
    this.#sync.moveAlias.run({ ...name, dueAt: dueAt ?? null, seen: seen ? JSON.stringify(seen) : null })
    const open = this.#sync.failureOfAlias.get({ ...name, linkId })
    if (open === undefined) {
      if (failure) this.#open(link, failure, now, name)
      return
    }
    const failureId = integer(open, 'failure_id')
    if (failure) this.#sync.repeatFailure.run({ failureId, now, ...reasonOf(failure) })
    else this.#sync.closeFailure.run({ failureId, now })
  }

  #open(
    link: Link | undefined,
    failure: NewFailure,
    now: number,
    name?: ReturnType<typeof nameOfOther>,
  ): void {
    const { side, code, field = null } = failure
    this.#sync.insertFailure.run({
      linkId: link?.linkId ?? null,
      side,
      code,
      field,
      kind: name?.kind ?? null,
      value: name?.value ?? null,
      now,
      ...reasonOf(failure),
    })
    if (link === undefined) return
    const { linkId, marketoId = null, recordType, recordId } = link
    const { side: _, ...reason } = failure
    const detail = JSON.stringify({ door: 'sync', outcome: 'failed', recordType, recordId, ...reason })
    this.#sql.insertActivity.run({ linkId, marketoId, requestId: '', now, outcome: 'failed', detail })
  }
}

function isOwn(link: Link, other: Other): boolean {
  if (other.kind === 'marketo') return link.marketoId === other.marketoId
  return link.recordType === other.recordType && link.recordId === other.recordId
}

function reasonOf({ advice, vendorCode, vendorMessage, vendorRequestId }: NewFailure) {
  return {
    advice,
    vendorCode: vendorCode ?? null,
    vendorMessage: vendorMessage ?? null,
    vendorRequestId: vendorRequestId ?? null,
  }
}

/** What makes two failures of a set the same one. */
function nameOf({ side, code, field }: Pick<NewFailure, 'side' | 'code' | 'field'>): string {
  return JSON.stringify([side, code, field])
}

function nameOfRow(row: Row): string {
  const field = optionalText(row, 'field')
  return nameOf({
    side: text(row, 'side') as NewFailure['side'],
    code: text(row, 'code'),
    ...(field !== undefined && { field }),
  })
}
