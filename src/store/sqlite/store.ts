import { CLOCK_TOLERANCE_MS } from '../../clock.ts'
import type { JobsInTransaction } from '../../jobs/port.ts'
import { CLOCK_SQL } from '../clock-statements.ts'
import type {
  Acceptance,
  Activity,
  Answer,
  DeriveRecordId,
  Identifier,
  Identity,
  IntentResult,
  Link,
  NewRequest,
  RecordType,
  RequestState,
  Settled,
  Settlement,
  Store,
  Waiting,
  WaitingRequests,
  Work,
} from '../port.ts'
import type { Row } from '../rows.ts'
import {
  fromWaiting,
  integer,
  optionalInteger,
  text,
  toActivity,
  toAnswer,
  toLink,
  toOutcome,
  toWaiting,
  toWaitingRequests,
} from '../rows.ts'
import { Claims } from './claim.ts'
import type { Database } from './database.ts'
import { Endings } from './endings.ts'
import { readErasable } from './erasable.ts'
import { Links, recordName } from './links.ts'
import { prepareAll } from './prepare.ts'
import type { Statement } from './statement.ts'
import { prepareStatements, type Statements } from './statements.ts'

export interface SqliteStoreOptions {
  database: Database
  jobs: JobsInTransaction
  deriveRecordId: DeriveRecordId
}

/** The embedded driver. One process; its durability is the database's. */
export class SqliteStore implements Store {
  readonly #db: Database
  readonly #jobs: JobsInTransaction
  readonly #sql: Statements
  readonly #clockSql: Record<keyof typeof CLOCK_SQL, Statement>
  readonly #claims: Claims
  readonly #endings: Endings

  constructor({ database, jobs, deriveRecordId }: SqliteStoreOptions) {
    this.#db = database
    this.#jobs = jobs
    this.#sql = prepareStatements(database)
    this.#clockSql = prepareAll(database, CLOCK_SQL)
    const links = new Links(this.#sql)
    this.#claims = new Claims(this.#sql, links, deriveRecordId)
    this.#endings = new Endings(this.#sql, links)
  }

  acceptRequest(request: NewRequest): Promise<Acceptance> {
    return this.#db.write(() => this.#findSeen(request) ?? this.#accept(request))
  }

  takeUp(requestId: string, leaseUntil: number, now: number): Promise<Work | undefined> {
    return this.#db.writeUnsynced(() => {
      const row = this.#sql.findRequest.get(requestId)
      if (row === undefined) return undefined
      const outcome = toOutcome(row)
      const link = this.#linkOf(row)
      return {
        requestId,
        source: text(row, 'door') as Work['source'],
        payload: readErasable(text(row, 'payload')),
        acceptedAt: integer(row, 'accepted_at'),
        attempts: integer(row, 'attempts'),
        link,
        leased: outcome === undefined && this.#takeLease(link, requestId, leaseUntil, now),
        ...(outcome && { outcome }),
      }
    })
  }

  release(requestId: string): Promise<void> {
    return this.#db.writeUnsynced(() => void this.#sql.releaseLease.run({ requestId }))
  }

  identify(requestId: string, person: Identity, payload: string): Promise<void> {
    return this.#db.write(() => {
      this.#sql.storePayload.run({ requestId, payload })
      this.#claims.identify(this.#linkOf(this.#requireRequest(requestId)), person)
    })
  }

  storeIntent(requestId: string, recordId: string, columns: string, now: number): Promise<IntentResult> {
    return this.#db.writeUnsynced(() => {
      const row = this.#requireRequest(requestId)
      const { linkId, generation, state, recordId: reserved } = this.#linkOf(row)
      const settled = optionalInteger(row, 'settled_at') !== undefined
      if (settled || state !== 'claimed' || reserved !== recordId) return { kind: 'moved' }
      const resumed = this.#sql.findIntent.get(linkId, generation) !== undefined
      this.#sql.insertIntent.run({ linkId, generation, requestId, columns, now })
      const intent = this.#sql.findIntent.get(linkId, generation)
      const mine = intent !== undefined && text(intent, 'request_id') === requestId
      return { kind: 'stored', columns: mine ? readErasable(text(intent, 'columns')) : columns, resumed }
    })
  }

  settle(requestId: string, settlement: Settlement, now: number): Promise<Settled> {
    return this.#db.write(() => {
      const row = this.#requireRequest(requestId)
      const before = toOutcome(row)
      if (before) return { outcome: before, isFirst: false }
      const outcome = this.#endings.apply(this.#linkOf(row), row, settlement, now)
      this.#sql.settleRequest.run({ requestId, outcome: JSON.stringify(outcome), now })
      this.#endings.log(this.#requireRequest(requestId), outcome.outcome, outcome, now)
      this.#jobs.complete(requestId)
      return { outcome, isFirst: true }
    })
  }

  postpone(requestId: string, waiting: Waiting): Promise<void> {
    return this.#db.writeUnsynced(() => void this.#sql.postpone.run({ requestId, ...fromWaiting(waiting) }))
  }

  confirmDeleted(requestId: string, recordId: string, recordType: RecordType): Promise<void> {
    return this.#db.write(() => {
      const link = this.#linkOf(this.#requireRequest(requestId))
      if (link.state === 'claimed' || link.state === 'merged' || link.recordId !== recordId) return
      this.#claims.raise(link, recordType)
    })
  }

  recordAnswer(
    requestId: string,
    answer: Answer,
    waiting: Waiting | undefined,
    now: number,
  ): Promise<Answer> {
    return this.#db.write(() => {
      const row = this.#requireRequest(requestId)
      if (waiting) {
        const { attempts, ...reason } = fromWaiting(waiting)
        this.#sql.explain.run({ requestId, ...reason })
      }
      const open = optionalInteger(row, 'settled_at') === undefined
      if (
        waiting &&
        open &&
        this.#sql.findQueuedActivity.get(integer(row, 'link_id'), requestId) === undefined
      ) {
        this.#endings.log(row, 'queued', {}, now)
      }
      this.#sql.storeAnswer.run({ requestId, status: answer.status, body: answer.body })
      return toAnswer(this.#requireRequest(requestId)) ?? answer
    })
  }

  async readRequest(requestId: string): Promise<RequestState | undefined> {
    const row = this.#sql.findRequest.get(requestId)
    if (row === undefined) return undefined
    const outcome = toOutcome(row)
    const answer = toAnswer(row)
    return {
      requestId,
      acceptedAt: integer(row, 'accepted_at'),
      waiting: toWaiting(row),
      ...(outcome && { outcome }),
      ...(answer && { answer }),
    }
  }

  async readLink(recordType: RecordType, recordId: string): Promise<Link | undefined> {
    const row = this.#sql.findLinkByIdentifier.get('record', recordName(recordType, recordId))
    return row && toLink(row)
  }

  async readPerson(marketoId: number): Promise<{ link: Link; identifiers: Identifier[] } | undefined> {
    const row = this.#sql.findLinkByIdentifier.get('marketo', String(marketoId))
    if (row === undefined) return undefined
    const link = toLink(row)
    const identifiers = this.#sql.identifiersOfLink.all(link.linkId).map((identifier) => ({
      kind: text(identifier, 'kind') as Identifier['kind'],
      value: text(identifier, 'value'),
    }))
    return { link, identifiers }
  }

  async readActivities(
    marketoId: number,
    limit: number,
    before = Number.MAX_SAFE_INTEGER,
  ): Promise<Activity[]> {
    const value = String(marketoId)
    return this.#sql.activitiesOfPerson.all({ marketoId, value, before, limit }).map(toActivity)
  }

  async readWaiting(): Promise<WaitingRequests[]> {
    return this.#sql.readWaiting.all().map(toWaitingRequests)
  }

  prune(before: number, limit: number): Promise<{ requests: number; activities: number }> {
    return this.#db.writeUnsynced(() => ({
      requests: this.#sql.pruneRequests.all({ before, limit }).length,
      activities: this.#sql.pruneActivities.all({ before, limit }).length,
    }))
  }

  makeDue(now: number): Promise<number> {
    return this.#db.write(() => {
      const { readNewest, ...makeDue } = this.#clockSql
      const aheadMs = (optionalInteger(readNewest.get() ?? { at: null }, 'at') ?? now) - now
      if (aheadMs <= CLOCK_TOLERANCE_MS) return 0
      for (const one of Object.values(makeDue)) one.run({ now })
      return aheadMs
    })
  }

  probe(): Promise<void> {
    return this.#db.write(() => void this.#sql.probe.run())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db[Symbol.dispose]()
  }

  #findSeen({ caller, idempotency }: NewRequest): Acceptance | undefined {
    const row = idempotency && this.#sql.findRequestByKey.get(caller, idempotency.key)
    if (row === undefined) return undefined
    if (text(row, 'body_hash') !== idempotency?.bodyHash) return { kind: 'mismatch' }
    const outcome = toOutcome(row)
    const answer = toAnswer(row)
    return {
      kind: 'seen',
      requestId: text(row, 'request_id'),
      ...(outcome && { outcome }),
      ...(answer && { answer }),
    }
  }

  #accept(request: NewRequest): Acceptance {
    const { requestId, now, leaseUntil, payload, batch } = request
    const unattended = batch || request.unattended === true
    const link = this.#claims.resolve(request)
    this.#sql.insertRequest.run({
      requestId,
      linkId: link.linkId,
      door: request.source,
      caller: request.caller,
      key: request.idempotency?.key ?? null,
      bodyHash: request.idempotency?.bodyHash ?? null,
      marketoId: request.marketoId ?? null,
      payload,
      campaign: request.campaign ? JSON.stringify(request.campaign) : null,
      now,
    })
    this.#jobs.enqueue({ requestId, lane: batch ? 'batch' : 'real-time', held: !unattended }, now)
    if (unattended) this.#endings.log(this.#requireRequest(requestId), 'queued', {}, now)
    const leased = !unattended && this.#takeLease(link, requestId, leaseUntil, now)
    const { source } = request
    return {
      kind: 'accepted',
      work: { requestId, source, payload, acceptedAt: now, attempts: 0, link, leased },
    }
  }

  #takeLease(link: Link, requestId: string, until: number, now: number): boolean {
    return this.#sql.takeLease.run({ linkId: link.linkId, requestId, until, now }).changes === 1
  }

  #requireRequest(requestId: string): Row {
    const row = this.#sql.findRequest.get(requestId)
    if (row === undefined) throw new Error(`The store has no request ${requestId}`)
    return row
  }

  #linkOf(request: Row): Link {
    const row = this.#sql.findLink.get(integer(request, 'link_id'))
    if (row === undefined) throw new Error('A request points to no link')
    return toLink(row)
  }
}
