import assert from 'node:assert/strict'
import pino from 'pino'
import type { Random } from '../../../src/clock.ts'
import { SqliteJobs } from '../../../src/jobs/sqlite.ts'
import { recordIdOf } from '../../../src/person/identity.ts'
import { Database } from '../../../src/store/sqlite/database.ts'
import { SqliteStore } from '../../../src/store/sqlite/store.ts'
import { SqliteSyncStore } from '../../../src/store/sqlite/sync-store.ts'
import type { SyncStore } from '../../../src/store/sync-port.ts'
import type { Engine } from '../../../src/sync/engine.ts'
import type { SyncSettings } from '../../../src/sync/settings.ts'
import { createSync } from '../../../src/sync/sync.ts'
import { type Owner, Scheduler } from '../scheduler.ts'
import { Campaign } from './campaign.ts'
import { SimulatedDynamics } from './dynamics.ts'
import { Humans } from './humans.ts'
import { SimulatedMarketo } from './marketo.ts'
import { Oracle } from './oracle.ts'
import { dataverseFor, marketoFor } from './ports.ts'
import { Records } from './records.ts'
import { byMarketoName, selectionOf, type Value } from './schema.ts'
import { Wire } from './wire.ts'

export interface LabOptions {
  seed: number
  /** Rows have a column that takes the id of each write. */
  stamped?: boolean
  settings?: Partial<SyncSettings>
}

export const INTERVAL_MS = 60_000
const STEP_MS = 1_000
const DYNAMICS_ONE_WAY_MS = 400
const MARKETO_ONE_WAY_MS = 800
const silent = pino({ level: 'silent' })

interface Process extends Owner {
  engine: Engine
}

/** Two simulated vendors, people, the real store, and the real engine in a process that may die anywhere. */
export class Lab {
  readonly scheduler: Scheduler
  readonly marketo: SimulatedMarketo
  readonly dynamics: SimulatedDynamics
  readonly toMarketo: Wire
  readonly toDynamics: Wire
  readonly oracle: Oracle
  readonly humans: Humans
  readonly campaign: Campaign
  readonly store: SyncStore
  readonly records: Records
  readonly #options: LabOptions
  readonly #database = new Database({ path: ':memory:', defer: (flush) => flush() })
  #process: Process | undefined
  crashes = 0
  /** Asked before and after every verb of the store and of both vendors: true = the process dies there. */
  diesHere: (point: string) => boolean = () => false
  /** Errors that no cycle may end with. */
  readonly faults: unknown[] = []

  constructor(options: LabOptions) {
    this.#options = options
    this.scheduler = new Scheduler(options.seed)
    this.marketo = new SimulatedMarketo(this.scheduler)
    this.dynamics = new SimulatedDynamics(this.scheduler)
    this.toMarketo = new Wire(this.scheduler, MARKETO_ONE_WAY_MS)
    this.toDynamics = new Wire(this.scheduler, DYNAMICS_ONE_WAY_MS)
    this.oracle = new Oracle({
      now: () => this.scheduler.now(),
      counterpartOf: (object) => this.records.counterpartOf(object),
      linkOf: (object) => this.records.linkOf(object),
    })
    const { scheduler, marketo, dynamics, oracle } = this
    this.humans = new Humans({ scheduler, marketo, dynamics, oracle })
    const store = new SqliteStore({
      database: this.#database,
      jobs: new SqliteJobs(this.#database),
      deriveRecordId: (recordType, key, generation) => recordIdOf('sim.example', recordType, key, generation),
    })
    this.campaign = new Campaign({ scheduler, store, marketo, dynamics, oracle })
    this.store = new SqliteSyncStore(this.#database)
    this.records = new Records(this.#database, marketo, dynamics)
    this.#watch()
    this.boot()
  }

  [Symbol.dispose](): void {
    this.stop()
    this.#database[Symbol.dispose]()
  }

  /** A new process with nothing but the store. */
  boot(): void {
    const owner: Owner = { alive: true }
    const engine = createSync({
      dataverse: this.#fragile(owner, dataverseFor(owner, this.dynamics, this.toDynamics)),
      marketo: this.#fragile(owner, marketoFor(owner, this.marketo, this.toMarketo)),
      store: this.#mortal(owner, 'store', this.store),
      selection: selectionOf(this.#options.stamped ?? true),
      clock: this.scheduler.clockOf(owner),
      random: this.#random(),
      log: silent,
      ...(this.#options.settings && { settings: this.#options.settings }),
    })
    this.#process = Object.assign(owner, { engine })
  }

  stop(): void {
    if (this.#process) this.#process.alive = false
  }

  /** Kills the process; a new one starts with the next cycle. */
  crash(): void {
    if (!this.#process?.alive) return
    this.#process.alive = false
    this.crashes += 1
    this.scheduler.note('x')
  }

  /** One cycle from its beginning to its end, or to the death of the process. */
  async cycle(): Promise<void> {
    if (!this.#process?.alive) this.boot()
    const process = this.#process
    assert.ok(process)
    let isOver = false
    process.engine.cycle(new AbortController().signal).then(
      () => {
        isOver = true
      },
      (error: unknown) => {
        isOver = true
        this.faults.push(error)
      },
    )
    while (!isOver && process.alive) await this.scheduler.run(this.scheduler.now() + STEP_MS)
    if (this.faults.length > 0) throw this.faults[0]
  }

  /** Cycles with the interval between them. */
  async cycles(count: number): Promise<void> {
    for (let done = 0; done < count; done += 1) {
      await this.scheduler.run(this.scheduler.now() + INTERVAL_MS)
      await this.cycle()
    }
  }

  async wait(ms: number): Promise<void> {
    await this.scheduler.run(this.scheduler.now() + ms)
  }

  /** Values that the service has changed on both sides so far. */
  get writes(): number {
    return this.marketo.writes + this.dynamics.writes
  }

  #watch(): void {
    const { records, oracle } = this
    this.marketo.watch = {
      onCreated: (_, fields) => records.checkCreate(fields),
      onWritten: (id, field, value) => this.#wrote(`marketo:${id}`, field, value, records.recordsOf(id)),
    }
    this.dynamics.watch = {
      onWritten: ({ table, id }, field, value) =>
        this.#wrote(`${table}:${id}`, field, value, records.peopleOf(table, id)),
    }
    this.records.onTied = (...objects) => oracle.upheaval(...objects)
  }

  #wrote(object: string, field: string, value: Value, sources: readonly string[]): void {
    if (byMarketoName.has(field)) this.oracle.wrote(object, field, value, sources)
    else this.records.tied(object, field, value)
  }

  #random(): Random {
    const { draw } = this.scheduler
    const digits = (count: number) =>
      Array.from({ length: count }, () => Math.floor(draw() * 16).toString(16)).join('')
    return {
      next: draw,
      uuid: () => `${digits(8)}-${digits(4)}-4${digits(3)}-8${digits(3)}-${digits(12)}`,
    }
  }

  #fragile<T extends object>(owner: Owner, rooms: T): T {
    const wrapped = Object.entries(rooms).map(([name, room]) => [
      name,
      this.#mortal(owner, name, room as object),
    ])
    return Object.fromEntries(wrapped) as T
  }

  /** The process may die before each verb and after it; what a verb did stays done. */
  #mortal<T extends object>(owner: Owner, name: string, target: T): T {
    const lives = (point: string) => {
      if (owner.alive && owner === this.#process && this.diesHere(point)) this.crash()
      return owner.alive
    }
    return new Proxy(target, {
      get: (_, verbName) => {
        const verb: unknown = Reflect.get(target, verbName)
        if (typeof verb !== 'function') return verb
        const point = `${name}.${String(verbName)}`
        return async (...args: unknown[]) => {
          if (!lives(`before ${point}`)) return new Promise(() => {})
          const result: unknown = await Reflect.apply(verb, target, args)
          if (!lives(`after ${point}`)) return new Promise(() => {})
          await this.scheduler.turn(owner)
          return result
        }
      },
    })
  }
}
