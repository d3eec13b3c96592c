import assert from 'node:assert/strict'
import pino from 'pino'
import { type CallContext, untilAborted } from '../../../src/abort.ts'
import type { Random } from '../../../src/clock.ts'
import { SqliteJobs } from '../../../src/jobs/sqlite.ts'
import { recordIdOf } from '../../../src/person/identity.ts'
import type { Leases } from '../../../src/store/lease-port.ts'
import { Database } from '../../../src/store/sqlite/database.ts'
import { SqliteLeases } from '../../../src/store/sqlite/leases.ts'
import { SqliteStore } from '../../../src/store/sqlite/store.ts'
import { SqliteSyncStore } from '../../../src/store/sqlite/sync-store.ts'
import type { SyncStore } from '../../../src/store/sync-port.ts'
import type { SyncControl } from '../../../src/sync/control.ts'
import type { Engine } from '../../../src/sync/engine.ts'
import { createReplicatedSync } from '../../../src/sync/replicated.ts'
import type { SyncSettings } from '../../../src/sync/settings.ts'
import { createSync, type SyncOptions } from '../../../src/sync/sync.ts'
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
  /** How a new process reaches the vendors; absent: those of the lab. */
  reach?: (owner: Owner, lab: Lab) => Pick<SyncOptions, 'dataverse' | 'marketo' | 'fault'>
  /** Processes that share the store, of which one leads; absent: one, whose cycles begin when a test says so. */
  replicas?: number
}

export const INTERVAL_MS = 60_000
const STEP_MS = 1_000
const DYNAMICS_ONE_WAY_MS = 400
const MARKETO_ONE_WAY_MS = 800

/** A dead replica is back within this time. */
const REBOOT_MS_MAX = 60_000
const WRITES = new Set(['rows.update', 'syncLeads.update', 'syncLeads.upsert', 'activityLog.add'])

interface Process extends Owner {
  engine: Engine
}

/** One of several, which runs its cycles by itself. */
export interface Replica extends Owner {
  name: string
  control: SyncControl
  stop(): void
}

/** Two simulated vendors, people, the real store, and the real engine in processes that may die or sleep anywhere. */
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
  readonly leases: Leases
  readonly replicas: Replica[] = []
  #process: Process | undefined
  crashes = 0
  naps = 0
  /** Asked before and after every verb of the store and of both vendors: true = the process dies there. */
  diesHere: (point: string) => boolean = () => false
  /** The same: for how long the process is stopped there, ms. */
  sleepsHere: (point: string, owner: Owner) => number = () => 0
  /** Lines of the log at level error. */
  readonly errors: string[] = []
  readonly #log = pino({ level: 'error' }, { write: (line) => void this.errors.push(line) })
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
      isShared: (object) => this.records.isShared(object),
      kept: (side, field, value) =>
        side === 'marketo'
          ? this.marketo.alters(field, value)
          : this.dynamics.alters(byMarketoName.get(field)?.column ?? '', value),
    })
    const { scheduler, marketo, dynamics, oracle } = this
    this.humans = new Humans({ scheduler, marketo, dynamics, oracle })
    const store = new SqliteStore({
      database: this.#database,
      jobs: new SqliteJobs(this.#database),
      deriveRecordId: (recordType, key, generation) => recordIdOf('sim.example', recordType, key, generation),
    })
    this.campaign = new Campaign({ scheduler, store, marketo, dynamics, oracle })
    const leases = new SqliteLeases(scheduler)
    this.leases = leases
    this.store = new SqliteSyncStore(this.#database, leases)
    this.records = new Records(this.#database, marketo, dynamics)
    this.#watch()
    const { replicas = 0 } = options
    if (replicas === 0) this.boot()
    for (let number = 0; number < replicas; number += 1) this.#bootReplica(number)
  }

  [Symbol.dispose](): void {
    this.stop()
    this.#database[Symbol.dispose]()
  }

  /** A new process with nothing but the store. */
  boot(): void {
    const owner: Owner = { alive: true }
    this.#process = Object.assign(owner, { engine: createSync(this.#partsOf(owner)) })
  }

  #bootReplica(number: number): void {
    const random = this.#random()
    const owner = { alive: true, name: random.uuid() }
    const stopping = new AbortController()
    const { run, control } = createReplicatedSync({
      ...this.#partsOf(owner),
      leases: this.#mortal(owner, 'leases', this.leases),
      replica: owner.name,
    })
    const stop = () => stopping.abort(new Error('stopped'))
    this.replicas[number] = Object.assign(owner, { control, stop })
    void run(stopping.signal)
  }

  #partsOf(owner: Owner) {
    const { reach = reachOwn } = this.#options
    const { dataverse, marketo, ...more } = reach(owner, this)
    return {
      ...more,
      dataverse: this.#fragile(owner, dataverse),
      marketo: this.#fragile(owner, marketo),
      store: this.#mortal(owner, 'store', this.store),
      selection: selectionOf(this.#options.stamped ?? true),
      clock: this.scheduler.clockOf(owner),
      random: this.#random(),
      log: this.#log,
      ...(this.#options.settings && { settings: this.#options.settings }),
    }
  }

  /** The replica that has the lease. */
  async leader(): Promise<Replica | undefined> {
    const lease = await this.leases.read('background-sync')
    return lease?.isOver === false ? this.replicas.find(({ name }) => name === lease.holder) : undefined
  }

  stop(): void {
    for (const process of [this.#process, ...this.replicas]) if (process) process.alive = false
  }

  /** Kills the process; a new one starts with the next cycle. */
  crash(): void {
    if (this.#process) this.#kill(this.#process)
  }

  /** Kills the replica; it is back after a while. */
  crashReplica(replica: Replica): void {
    this.#kill(replica)
    const number = this.replicas.indexOf(replica)
    this.scheduler.at(this.scheduler.between(1, REBOOT_MS_MAX), () => this.#bootReplica(number))
  }

  #kill(process: Owner): void {
    if (!process.alive) return
    process.alive = false
    this.crashes += 1
    this.scheduler.note('x')
  }

  /** One cycle from its beginning to its end, or to the death of the process; those of replicas begin by themselves. */
  async cycle(): Promise<void> {
    if (this.faults.length > 0) throw this.faults[0]
    if (this.replicas.length > 0) return
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

  /** As the clients of both vendors do: nothing leaves for who may not send any more, and nobody waits in vain. */
  async #carryOut(owner: Owner, point: string, args: unknown[], run: () => unknown): Promise<unknown> {
    const call = args.find(isCall)
    call?.beforeCall?.()
    call?.signal.throwIfAborted()
    if (WRITES.has(point)) await this.#mustLead(owner, point)
    const result: unknown = await (call ? untilAborted(Promise.resolve(run()), call.signal) : run())
    const isSaved = point === 'store.save' && (result as { kind: string }).kind === 'saved'
    if (isSaved) await this.#mustLead(owner, point)
    return result
  }

  async #mustLead(owner: Owner, point: string): Promise<void> {
    if (this.replicas.length === 0 || owner === (await this.leader())) return
    this.faults.push(new Error(`${point} by a replica that does not lead`))
  }

  #die(owner: Owner): void {
    const replica = this.replicas.find((one) => one === owner)
    if (replica) this.crashReplica(replica)
    else this.crash()
  }

  /** The process may die before each verb and after it; what a verb did stays done. */
  #mortal<T extends object>(owner: Owner, name: string, target: T): T {
    const lives = async (point: string) => {
      if (owner.alive && this.diesHere(point)) this.#die(owner)
      const napMs = owner.alive ? this.sleepsHere(point, owner) : 0
      if (napMs === 0) return owner.alive
      this.naps += 1
      owner.asleepUntil = this.scheduler.now() + napMs
      await this.scheduler.turn(owner)
      return owner.alive
    }
    return new Proxy(target, {
      get: (_, verbName) => {
        const verb: unknown = Reflect.get(target, verbName)
        if (typeof verb !== 'function') return verb
        const point = `${name}.${String(verbName)}`
        return async (...args: unknown[]) => {
          if (!(await lives(`before ${point}`))) return new Promise(() => {})
          const result: unknown = await this.#carryOut(owner, point, args, () =>
            Reflect.apply(verb, target, args),
          )
          if (!(await lives(`after ${point}`))) return new Promise(() => {})
          await this.scheduler.turn(owner)
          return result
        }
      },
    })
  }
}

function reachOwn(owner: Owner, { dynamics, toDynamics, marketo, toMarketo }: Lab) {
  return {
    dataverse: dataverseFor(owner, dynamics, toDynamics),
    marketo: marketoFor(owner, marketo, toMarketo),
  }
}

function isCall(argument: unknown): argument is CallContext {
  return typeof argument === 'object' && argument !== null && 'signal' in argument
}
