import { CLOCK_TOLERANCE_MS } from '../../clock.ts'
import type { JobStatements } from '../../jobs/port.ts'
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
  Outcome,
  RecordType,
  RequestState,
  Settled,
  Settlement,
  Store,
  Waiting,
  WaitingRequests,
  Work,
} from '../port.ts'
import { REQUEST_SQL } from '../request-statements.ts'
import {
  fromWaiting,
  integer,
  optionalInteger,
  type Row,
  text,
  toActivity,
  toAnswer,
  toLink,
  toOutcome,
  toWaiting,
  toWaitingRequests,
} from '../rows.ts'
import type { Postgres } from './postgres.ts'
import { withRecordIds } from './record-ids.ts'
import { statement, toJson } from './statement.ts'

export interface PostgresStoreOptions {
  postgres: Postgres
  /** The schema of this version's functions: `migrate` gives it. */
  functions: string
  jobs: JobStatements
  deriveRecordId: DeriveRecordId
}

/** Long enough for pages of its own, and never the same, so that a full disk has no room for it. */
const PROBE = `
  update probe set filler = (select string_agg(md5(random()::text || number), '') from generate_series(1, 512) number)`

/** What a verb's function gives: rows of tables as JSON. */
interface Claimed {
  kind: 'accepted' | 'seen' | 'mismatch'
  link: Row
  leased: boolean
  row: Row
}

/** The driver for several processes: each verb is one function of the database, and one round trip. */
export class PostgresStore implements Store {
  readonly #options: PostgresStoreOptions

  constructor(options: PostgresStoreOptions) {
    this.#options = options
  }

  async acceptRequest(request: NewRequest): Promise<Acceptance> {
    const { jobs, deriveRecordId } = this.#options
    const { requestId, recordType, canonicalKey, payload, now, batch } = request
    const unattended = batch || request.unattended === true
    const job = await jobs.enqueue({ requestId, lane: batch ? 'batch' : 'real-time', held: !unattended })
    const sent = toJson({
      ...request,
      door: request.source,
      unattended,
      key: request.idempotency?.key,
      bodyHash: request.idempotency?.bodyHash,
      campaign: request.campaign && toJson(request.campaign),
    })
    const claimed = await withRecordIds(deriveRecordId, { recordType, canonicalKey, generation: 0 }, (ids) =>
      this.#call<Claimed>('accept_request(:sent, :ids, :sql, :job)', {
        sent,
        ids,
        sql: job.text,
        job: job.values[0],
      }),
    )
    switch (claimed.kind) {
      case 'mismatch':
        return { kind: 'mismatch' }
      case 'seen':
        return { kind: 'seen', requestId: text(claimed.row, 'request_id'), ...stateOf(claimed.row) }
      case 'accepted': {
        const { link, leased } = claimed
        const { source } = request
        const work = { requestId, source, payload, acceptedAt: now, attempts: 0, link: toLink(link), leased }
        return { kind: 'accepted', work }
      }
      default:
        return claimed.kind satisfies never
    }
  }

  async takeUp(requestId: string, leaseUntil: number, now: number): Promise<Work | undefined> {
    const taken = await this.#call<Claimed | null>('take_up(:requestId, :leaseUntil, :now)', {
      requestId,
      leaseUntil,
      now,
    })
    if (taken === null) return undefined
    const { row, link, leased } = taken
    const outcome = toOutcome(row)
    return {
      requestId,
      source: text(row, 'door') as Work['source'],
      payload: text(row, 'payload'),
      acceptedAt: integer(row, 'accepted_at'),
      attempts: integer(row, 'attempts'),
      link: toLink(link),
      leased,
      ...(outcome && { outcome }),
    }
  }

  async release(requestId: string): Promise<void> {
    await this.#options.postgres.query(REQUEST_SQL.releaseLease, { requestId })
  }

  async identify(requestId: string, person: Identity, payload: string): Promise<void> {
    await withRecordIds(this.#options.deriveRecordId, undefined, (ids) =>
      this.#call('identify_person(:requestId, :person, :payload, :ids)', {
        requestId,
        person: toJson(person),
        payload,
        ids,
      }),
    )
  }

  async storeIntent(
    requestId: string,
    recordId: string,
    columns: string,
    now: number,
  ): Promise<IntentResult> {
    const stored = await this.#call<{ columns: string; resumed: boolean } | null>(
      'store_intent(:requestId, :recordId, :columns, :now)',
      { requestId, recordId, columns, now },
    )
    return stored === null ? { kind: 'moved' } : { kind: 'stored', ...stored }
  }

  async settle(requestId: string, settlement: Settlement, now: number): Promise<Settled> {
    const job = await this.#options.jobs.complete(requestId)
    const [queue, jobs] = job.values
    const { outcome, isFirst } = await this.#call<{ outcome: string; isFirst: boolean }>(
      'settle_request(:requestId, :settlement, :now, :sql, :queue, :jobs)',
      { requestId, settlement: toJson(settlement), now, sql: job.text, queue, jobs },
    )
    return { outcome: JSON.parse(outcome) as Outcome, isFirst }
  }

  async postpone(requestId: string, waiting: Waiting): Promise<void> {
    await this.#options.postgres.query(REQUEST_SQL.postpone, { requestId, ...fromWaiting(waiting) })
  }

  async confirmDeleted(requestId: string, recordId: string, recordType: RecordType): Promise<void> {
    await withRecordIds(this.#options.deriveRecordId, undefined, (ids) =>
      this.#call('confirm_deleted(:requestId, :recordId, :recordType, :ids)', {
        requestId,
        recordId,
        recordType,
        ids,
      }),
    )
  }

  async recordAnswer(
    requestId: string,
    answer: Answer,
    waiting: Waiting | undefined,
    now: number,
  ): Promise<Answer> {
    const { functions, postgres } = this.#options
    const [row] = await postgres.query(
      `select * from ${functions}.record_answer(:requestId, :status, :body, :waiting, :now)`,
      { requestId, ...answer, waiting: waiting ? toJson(fromWaiting(waiting)) : null, now },
    )
    return (row && toAnswer(row)) ?? answer
  }

  async readRequest(requestId: string): Promise<RequestState | undefined> {
    const [row] = await this.#options.postgres.query('select * from request where request_id = :requestId', {
      requestId,
    })
    return (
      row && {
        requestId,
        acceptedAt: integer(row, 'accepted_at'),
        waiting: toWaiting(row),
        ...stateOf(row),
      }
    )
  }

  async readLink(recordType: RecordType, recordId: string): Promise<Link | undefined> {
    const [row] = await this.#options.postgres.query(
      "select link.* from identifier join link using (link_id) where kind = 'record' and value = :name",
      { name: `${recordType}:${recordId}` },
    )
    return row && toLink(row)
  }

  async readPerson(marketoId: number): Promise<{ link: Link; identifiers: Identifier[] } | undefined> {
    const rows = await this.#options.postgres.query(
      `select link.*, name.kind, name.value
         from identifier join link using (link_id) join identifier as name using (link_id)
        where identifier.kind = 'marketo' and identifier.value = :value
        order by name.kind collate "C", name.value collate "C"`,
      { value: String(marketoId) },
    )
    const [first] = rows
    const identifiers = rows.map((row) => ({
      kind: text(row, 'kind') as Identifier['kind'],
      value: text(row, 'value'),
    }))
    return first && { link: toLink(first), identifiers }
  }

  async readActivities(
    marketoId: number,
    limit: number,
    before = Number.MAX_SAFE_INTEGER,
  ): Promise<Activity[]> {
    const rows = await this.#options.postgres.query(REQUEST_SQL.activitiesOfPerson, {
      marketoId,
      value: String(marketoId),
      limit,
      before,
    })
    return rows.map(toActivity)
  }

  async readWaiting(): Promise<WaitingRequests[]> {
    const rows = await this.#options.postgres.query(REQUEST_SQL.readWaiting)
    return rows.map(toWaitingRequests)
  }

  async prune(before: number, limit: number): Promise<{ requests: number; activities: number }> {
    const { postgres } = this.#options
    const [requests, activities] = await postgres.transaction([
      statement(REQUEST_SQL.pruneRequests, { before, limit }),
      statement(REQUEST_SQL.pruneActivities, { before, limit }),
    ])
    return { requests: requests?.length ?? 0, activities: activities?.length ?? 0 }
  }

  async makeDue(now: number): Promise<number> {
    const { postgres } = this.#options
    const { readNewest, ...makeDue } = CLOCK_SQL
    const [newest] = await postgres.query(readNewest)
    const aheadMs = ((newest && optionalInteger(newest, 'at')) ?? now) - now
    if (aheadMs <= CLOCK_TOLERANCE_MS) return 0
    await postgres.transaction(Object.values(makeDue).map((sql) => statement(sql, { now })))
    return aheadMs
  }

  probe(): Promise<void> {
    return this.#options.postgres.once(PROBE)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#options.postgres.close()
  }

  /** What one function of ours gives. */
  async #call<T>(invocation: string, parameters: Readonly<Record<string, unknown>>): Promise<T> {
    const { functions, postgres } = this.#options
    const [row] = await postgres.query(`select ${functions}.${invocation} as given`, parameters)
    return row?.given as T
  }
}

function stateOf(row: Row): { outcome?: Outcome; answer?: Answer } {
  const outcome = toOutcome(row)
  const answer = toAnswer(row)
  return { ...(outcome && { outcome }), ...(answer && { answer }) }
}
