import type { TableDefinition } from '../../src/dataverse/columns.ts'
import type { Columns, CreateResult, FoundRecord, RecordRef, Records } from '../../src/dataverse/records.ts'
import { Busy, Rejected, Unavailable } from '../../src/errors.ts'
import type { People } from '../../src/marketo/people.ts'
import type { Owner, Scheduler } from './scheduler.ts'

export interface Faults {
  /** Each is a probability per call. */
  lostBefore: number
  lostAfter: number
  commitsLate: number
  busy: number
  /** How long a late commit may take, ms. */
  lateMsMax: number
}

export const NO_FAULTS: Faults = { lostBefore: 0, lostAfter: 0, commitsLate: 0, busy: 0, lateMsMax: 0 }

export interface Row extends RecordRef {
  email?: string
  byService: boolean
  /** Index of the simulated person. */
  person: number
}

/** A last name that the vendor's rules refuse. */
export const REFUSED_NAME = 'Refused'

/** What Dynamics does with rows, in virtual time: unique ids, unknown outcomes, late commits. */
export class SimulatedDataverse {
  readonly rows = new Map<string, Row>()
  faults: Faults = NO_FAULTS
  calls = 0
  creates = 0
  made = 0
  refused = 0
  /** Called inside every commit, before it becomes visible. */
  onCreate: (row: Row) => void = () => {}
  readonly #scheduler: Scheduler
  readonly #byEmail = new Map<string, Set<string>>()

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  /** The port of one replica: a reply to a dead replica reaches nobody. */
  recordsFor(owner: Owner): Records {
    return {
      find: ({ email, refs }) => this.#call(owner, 'find', () => this.#find(email, refs)),
      read: (ref) => this.#call(owner, 'read', () => this.#visible(ref)),
      create: (ref, columns) => this.#call(owner, 'create', () => this.#create(ref, columns)),
    }
  }

  /** Marketo, seen from one replica, over the same bad wire. */
  peopleFor(owner: Owner, emailOf: (marketoId: number) => string | null): Pick<People, 'read'> {
    const read = (ids: readonly number[]) => new Map(ids.map((id) => [id, { id, email: emailOf(id) }]))
    return { read: (ids) => this.#call(owner, 'people', () => read(ids)) }
  }

  commit(row: Row): boolean {
    const key = keyOf(row)
    if (this.rows.has(key)) return false
    this.onCreate(row)
    this.rows.set(key, row)
    if (row.email !== undefined) {
      const ids = this.#byEmail.get(row.email) ?? new Set()
      this.#byEmail.set(row.email, ids.add(key))
    }
    this.#scheduler.note(`+${key}`)
    return true
  }

  remove(ref: RecordRef): boolean {
    const key = keyOf(ref)
    const row = this.rows.get(key)
    if (row?.email !== undefined) this.#byEmail.get(row.email)?.delete(key)
    this.#scheduler.note(`-${key}`)
    return this.rows.delete(key)
  }

  #call<T>(owner: Owner, name: string, work: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const scheduler = this.#scheduler
    const { lostBefore, lostAfter, commitsLate, busy, lateMsMax } = this.faults
    const lot = scheduler.draw()
    const reply = (answer: () => void, delayMs = scheduler.between(1, 40)) => {
      scheduler.at(delayMs, answer, owner)
    }
    const cut = () => reject(new Unavailable(`${name} was cut off`))
    this.calls += 1
    // What is on its way to the vendor arrives even when its sender dies.
    scheduler.at(scheduler.between(1, 40), () => {
      if (lot < busy) return reply(() => reject(new Busy('429', scheduler.between(1, 20) * 1_000)))
      if (lot < busy + lostBefore) return reply(cut)
      if (lot < busy + lostBefore + commitsLate) {
        scheduler.at(scheduler.between(1, lateMsMax), () => void attempt(work))
        return reply(cut, scheduler.between(1, 20_000))
      }
      const result = attempt(work)
      if (lot < busy + lostBefore + commitsLate + lostAfter) return reply(cut)
      reply(() => ('error' in result ? reject(result.error) : resolve(result.value)))
    })
    return promise
  }

  #find(email: string | undefined, refs: readonly RecordRef[]): FoundRecord[] {
    const keys = new Set(email === undefined ? [] : this.#byEmail.get(email))
    for (const ref of refs) keys.add(keyOf(ref))
    return [...keys].flatMap((key) => {
      const row = this.rows.get(key)
      return row ? [toFound(row)] : []
    })
  }

  #visible(ref: RecordRef): FoundRecord | undefined {
    const row = this.rows.get(keyOf(ref))
    return row && toFound(row)
  }

  #create(ref: RecordRef, columns: Columns): CreateResult {
    this.creates += 1
    if (columns.lastname === REFUSED_NAME) {
      this.refused += 1
      throw new Rejected('refused', { code: 'business-rule', advice: 'Choose another name.' })
    }
    const email = columns.emailaddress1
    const person = Number(/^P(\d+)$/.exec(String(columns.lastname))?.[1])
    const row = { ...ref, person, byService: true, ...(typeof email === 'string' && { email }) }
    if (!this.commit(row)) return { kind: 'id-taken' }
    this.made += 1
    return { kind: 'created' }
  }
}

function attempt<T>(work: () => T): { value: T } | { error: unknown } {
  try {
    return { value: work() }
  } catch (error) {
    // A broken invariant is nobody's reply: it ends the world.
    if (!(error instanceof Rejected)) throw error
    return { error }
  }
}

function toFound({ table, id }: Row): FoundRecord {
  return { table, id, stateCode: 0, merged: false }
}

export function keyOf({ table, id }: RecordRef): string {
  return `${table}:${id}`
}

/** Just enough of the stock tables for the mapping and its validation to run. */
export const simulatedTable = (table: 'lead' | 'contact'): TableDefinition => ({
  table,
  columns: new Map(
    ['emailaddress1', 'firstname', 'lastname', 'subject'].map((logicalName) => [
      logicalName,
      {
        logicalName,
        type: 'String',
        requiredLevel: logicalName === 'lastname' ? 'ApplicationRequired' : 'None',
        validForCreate: true,
        validForUpdate: true,
        maxLength: 100,
        format: logicalName === 'emailaddress1' ? 'Email' : 'Text',
      },
    ]),
  ),
})
