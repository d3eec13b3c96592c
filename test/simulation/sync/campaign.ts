import { canonicalKeyOf, identifiersOf } from '../../../src/person/identity.ts'
import type { NewRequest, RecordType, Settlement, Work } from '../../../src/store/port.ts'
import type { SqliteStore } from '../../../src/store/sqlite/store.ts'
import type { Scheduler } from '../scheduler.ts'
import type { SimulatedDynamics } from './dynamics.ts'
import type { SimulatedMarketo } from './marketo.ts'
import type { Oracle } from './oracle.ts'
import { FIELDS, fits, fromColumn, type Table, toColumn, type Value } from './schema.ts'

export interface CampaignOptions {
  scheduler: Scheduler
  store: SqliteStore
  marketo: SimulatedMarketo
  dynamics: SimulatedDynamics
  oracle: Oracle
}

const STEP_MS_MAX = 2_000
const LEASE_MS = 60_000
const OUTWARD = FIELDS.filter(({ direction }) => direction !== 'to-marketo')

/** The flow action in short, on the real store: claim, look, store the intent, create with our id, settle. */
export class Campaign {
  readonly #options: CampaignOptions
  #requests = 0
  made = 0
  /** What becomes of a text on its way out of Marketo, such as in the tokens of a webhook. */
  mangles: (text: string) => string = (text) => text

  constructor(options: CampaignOptions) {
    this.#options = options
  }

  /** Sends one person; ends when the request is settled. */
  async send(marketoId: number, recordType: RecordType): Promise<void> {
    await this.work(await this.accept(marketoId, recordType))
  }

  /** Works on an accepted request until it is settled. */
  async work(request: NewRequest): Promise<void> {
    const { scheduler, store } = this.#options
    const { requestId } = request
    for (;;) {
      await scheduler.sleep(scheduler.between(1, STEP_MS_MAX))
      const now = scheduler.now()
      const work = await store.takeUp(requestId, now + LEASE_MS, now)
      if (work === undefined || work.outcome) return
      const settlement = await this.#step(work, request)
      if (settlement) await store.settle(requestId, settlement, scheduler.now())
    }
  }

  /** A request that is open, and that no worker has taken up. */
  async accept(marketoId: number, recordType: RecordType): Promise<NewRequest> {
    const request = this.#request(marketoId, recordType)
    await this.#options.store.acceptRequest(request)
    return request
  }

  async #step({ link, leased }: Work, request: NewRequest): Promise<Settlement | undefined> {
    const { store, dynamics } = this.#options
    const { recordType: table, recordId: id, state } = link
    const { requestId, recordType, marketoId = 0 } = request
    if (state === 'linked' || state === 'orphaned') {
      if (dynamics.rows[table].has(id)) return this.#proven(table, id)
      await store.confirmDeleted(requestId, id, recordType)
    } else if (state === 'tombstoned') await store.confirmDeleted(requestId, id, recordType)
    else if (leased) {
      const email = request.identifiers.find(({ kind }) => kind === 'email')?.value
      const found = this.#find(email, table, id)
      return found ? this.#proven(found.table, found.id) : this.#make(requestId, marketoId, table, id)
    }
    return undefined
  }

  async #make(
    requestId: string,
    marketoId: number,
    table: Table,
    id: string,
  ): Promise<Settlement | undefined> {
    const { scheduler, store, marketo, dynamics, oracle } = this.#options
    const { fields } = marketo.people.get(marketoId) ?? {}
    if (fields === undefined || OUTWARD.some((field) => !fits(field, fields[field.marketo] ?? null))) {
      return { kind: 'failed', code: 'field-required', advice: 'Mend the person.' }
    }
    const columns = OUTWARD.map((field) => {
      const value = fields[field.marketo] ?? null
      const told = typeof value === 'string' && field.type !== 'email' ? this.mangles(value) : value
      return [field.column, toColumn(field, told)]
    })
    const intent = await store.storeIntent(
      requestId,
      id,
      JSON.stringify(Object.fromEntries(columns)),
      scheduler.now(),
    )
    if (intent.kind === 'moved') return undefined
    const stored = JSON.parse(intent.columns) as Record<string, Value>
    await scheduler.sleep(scheduler.between(1, STEP_MS_MAX))
    if (dynamics.rows[table].has(id) || dynamics.bin.has(id)) return undefined
    dynamics.create(table, stored, id)
    this.made += 1
    oracle.upheaval(`${table}:${id}`, `marketo:${marketoId}`)
    for (const field of OUTWARD) {
      const value = fields[field.marketo] ?? null
      if (value !== null && fromColumn(field, stored[field.column] ?? null) !== null)
        oracle.wrote(`${table}:${id}`, field.marketo, value, [`marketo:${marketoId}`])
    }
    return undefined
  }

  #request(marketoId: number, recordType: RecordType): NewRequest {
    const { scheduler, marketo } = this.#options
    const email = marketo.person(marketoId).fields.email
    const person = { marketoId, ...(typeof email === 'string' && { email }) }
    this.#requests += 1
    return {
      requestId: `r${this.#requests}`,
      source: 'webhook',
      caller: 'campaign',
      identifiers: identifiersOf(person),
      canonicalKey: canonicalKeyOf(person) ?? '',
      marketoId,
      recordType,
      payload: '{}',
      batch: false,
      leaseUntil: scheduler.now() + LEASE_MS,
      now: scheduler.now(),
    }
  }

  #find(email: string | undefined, own: Table, id: string): { table: Table; id: string } | undefined {
    const { dynamics } = this.#options
    if (dynamics.rows[own].has(id)) return { table: own, id }
    if (email === undefined) return undefined
    for (const table of ['contact', 'lead'] as const) {
      for (const { id: other, columns } of dynamics.rows[table].values()) {
        const isOpen = columns.merged !== true && (table === 'contact' || columns.statecode === 0)
        if (isOpen && String(columns.emailaddress1).toLowerCase() === email) return { table, id: other }
      }
    }
    return undefined
  }

  #proven(recordType: RecordType, recordId: string): Settlement {
    return { kind: 'linked', recordType, recordId, provenAt: this.#options.scheduler.now() }
  }
}
