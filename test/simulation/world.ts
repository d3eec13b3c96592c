import assert from 'node:assert/strict'
import pino from 'pino'
import type { Clock } from '../../src/clock.ts'
import { webhookAnswer } from '../../src/flow-action/answer.ts'
import { Attempts } from '../../src/flow-action/attempts.ts'
import { CompletePerson } from '../../src/flow-action/complete-person.ts'
import { FlowAction, type FlowActionCall } from '../../src/flow-action/flow-action.ts'
import { Heartbeat } from '../../src/flow-action/heartbeat.ts'
import { PrepareRecord } from '../../src/flow-action/prepare-record.ts'
import { SyncPerson } from '../../src/flow-action/sync-person.ts'
import { Worker } from '../../src/flow-action/worker.ts'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import { defaultSelection } from '../../src/person/selection.ts'
import type { Answer, Store } from '../../src/store/port.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteStore } from '../../src/store/sqlite/store.ts'
import { deriveRecordId, Ledger } from './ledger.ts'
import { makePeople, type Trigger } from './people.ts'
import { type Owner, Scheduler } from './scheduler.ts'
import { type Faults, NO_FAULTS, SimulatedDataverse, simulatedTable } from './vendor.ts'

export interface WorldOptions {
  seed: number
  people: number
  replicas: number
  faults: Faults
  /** Probability that a replica dies at a store verb, before or after it took effect. */
  crashAtStore: number
  /** Mean virtual ms between crashes at any other moment; 0 = none. */
  crashEveryMs: number
  /** Virtual ms over which the triggers are spread. */
  durationMs: number
  /** How far the machine's clock is set ahead or back, at most, between two starts of a process. */
  clockSetMs?: number
}

export interface WorldResult {
  trace: string
  people: number
  requests: number
  calls: number
  creates: number
  /** Creates that made a row, and creates that were refused. */
  made: number
  refused: number
  crashes: number
  events: number
  /** After the last fault, until nothing was left to do. */
  restMinutes: number
}

const LEASE_MS = 60_000
const ATTEMPT_MS = 45_000
const DEADLINE_MS = 25_000
const TICK_MS = 15_000
const HEARTBEAT_MS = 3_000
const TWIN_POLL_MS = 1_000
const LINK_TRUST_MS = 60_000
const RETRY_AFTER_MS = 90_000
const silent = pino({ level: 'silent' })
const selection = defaultSelection()

interface Process extends Owner {
  /** Its place among the replicas: another one starts there when it dies. */
  index: number
}

interface Replica extends Process {
  flowAction: FlowAction
  worker: Worker
  clock: Clock
}

/** The real action code and the real store under a seeded scheduler, with a vendor that misbehaves. */
export class World {
  readonly #options: WorldOptions
  readonly #scheduler: Scheduler
  readonly #vendor: SimulatedDataverse
  readonly #ledger: Ledger
  readonly #database = new Database({ path: ':memory:', defer: (flush) => flush() })
  readonly #jobs = new SqliteJobs(this.#database)
  readonly #store = new SqliteStore({ database: this.#database, jobs: this.#jobs, deriveRecordId })
  readonly #replicas: Replica[] = []
  readonly #answers = new Map<string, Answer>()
  #requests = 0
  #crashes = 0
  #calm = false

  constructor(options: WorldOptions) {
    this.#options = options
    this.#scheduler = new Scheduler(options.seed)
    this.#vendor = new SimulatedDataverse(this.#scheduler)
    this.#ledger = new Ledger(makePeople(this.#scheduler, options.people, options.durationMs))
    this.#vendor.onCreate = (row) => this.#ledger.onCommit(row)
  }

  /** Plays the world to its end. Throws an AssertionError at the first broken invariant. */
  async play(): Promise<WorldResult> {
    const scheduler = this.#scheduler
    const { durationMs, replicas, faults } = this.#options
    const start = scheduler.now()
    for (const row of this.#ledger.humanRows()) this.#vendor.commit(row)
    this.#vendor.faults = faults
    for (let index = 0; index < replicas; index += 1) this.#boot(index)
    for (const trigger of this.#ledger.triggers()) scheduler.at(trigger.atMs, () => this.#fire(trigger))
    for (const [atMs, person] of this.#ledger.deletions()) scheduler.at(atMs, () => this.#deleteRowOf(person))
    this.#crashLater()
    await scheduler.run(start + durationMs)
    const restMinutes = await this.#comeToRest(start + durationMs)
    await this.#ledger.checkAtRest(this.#store, this.#vendor)
    this.#database[Symbol.dispose]()
    const { trace, events } = scheduler
    const { calls, creates, made, refused } = this.#vendor
    const people = this.#options.people
    return {
      trace,
      people,
      requests: this.#requests,
      calls,
      creates,
      made,
      refused,
      crashes: this.#crashes,
      events,
      restMinutes,
    }
  }

  /** Faults end; late commits land; the workers finish everything that was accepted. */
  async #comeToRest(from: number): Promise<number> {
    this.#vendor.faults = NO_FAULTS
    this.#calm = true
    let restMinutes = 20
    for (; restMinutes < 600; restMinutes += 20) {
      await this.#scheduler.run(from + restMinutes * 60_000)
      if ((await this.#jobs.backlog()).waiting === 0) break
    }
    assert.equal((await this.#jobs.backlog()).waiting, 0, 'E2: work is left although nothing is in its way')
    for (const replica of this.#replicas) replica.alive = false
    await this.#scheduler.run()
    return restMinutes
  }

  #boot(index: number): void {
    const scheduler = this.#scheduler
    const { clockSetMs = 0 } = this.#options
    const clockAheadMs = clockSetMs && scheduler.between(-clockSetMs, clockSetMs)
    const owner: Process = { alive: true, index, clockAheadMs }
    const clock = scheduler.clockOf(owner)
    const random = scheduler.randomOf()
    if (clockSetMs > 0) this.#recover(clock)
    const store = this.#storeFor(owner)
    const jobs = this.#through(this.#jobs, owner)
    const backoff = { baseMs: 500, maxMs: 5_000 }
    const metadata = {
      table: async (table: 'lead' | 'contact') => simulatedTable(table),
      reread: async () => undefined,
    }
    const people = this.#vendor.peopleFor(owner, (marketoId) => this.#ledger.emailInMarketo(marketoId))
    const owners = { resolve: async () => ({ kind: 'team' as const, id: '' }) }
    const syncPerson = new SyncPerson({
      store,
      records: this.#vendor.recordsFor(owner),
      gathered: this.#vendor.recordsFor(owner),
      prepare: new PrepareRecord({ metadata, owners, selection, log: silent }),
      complete: new CompletePerson({
        readPerson: async (id, fields, call) => (await people.read([id], fields, call)).get(id),
        selection,
        clock,
        log: silent,
      }),
      recordIdOf: deriveRecordId,
      clock,
      random,
      limits: {
        leaseMs: LEASE_MS,
        backgroundLeaseMs: LEASE_MS,
        linkTrustMs: LINK_TRUST_MS,
        twinPollMs: TWIN_POLL_MS,
        backoff,
      },
    })
    const shared = { store, jobs, clock, log: silent }
    const heartbeat = new Heartbeat({ ...shared, intervalMs: HEARTBEAT_MS })
    const attempts = new Attempts({
      ...shared,
      heartbeat,
      syncPerson,
      random,
      settled: () => {},
      limits: {
        attemptMs: { 'real-time': ATTEMPT_MS, batch: ATTEMPT_MS },
        backoff: { baseMs: 2_000, maxMs: 60_000 },
        giveUpMs: Number.MAX_SAFE_INTEGER,
      },
    })
    const lane = { concurrencyMax: 32, leaseMs: LEASE_MS }
    const worker = new Worker({
      ...shared,
      attempts,
      limits: {
        lanes: { 'real-time': lane, batch: lane },
        intervalMs: TICK_MS,
        retentionMs: 0,
        pruneIntervalMs: 0,
        prunePageMax: 1,
        poison: { crashes: Number.MAX_SAFE_INTEGER, ageMs: 0 },
      },
    })
    const flowAction = new FlowAction({
      store,
      attempts,
      worker,
      clock,
      leaseMs: LEASE_MS,
      twinPollMs: TWIN_POLL_MS,
    })
    this.#replicas[index] = Object.assign(owner, { flowAction, worker, clock })
    const every = (ms: number, tick: () => Promise<unknown>) => {
      const run = () => {
        tick().catch(() => {})
        scheduler.at(ms, run, owner)
      }
      scheduler.at(scheduler.between(1, ms), run, owner)
    }
    every(TICK_MS, () => worker.tick())
    every(HEARTBEAT_MS, () => heartbeat.tick())
  }

  /** As the start of one process with a file of its own does. */
  #recover(clock: Clock): void {
    const now = clock.now()
    this.#store.makeDue(now).then((aheadMs) => this.#jobs.releaseAll(aheadMs > 0 ? now : undefined))
  }

  #storeFor(owner: Process): Store {
    const store = this.#through(this.#store, owner)
    const acceptRequest: Store['acceptRequest'] = async (request) => {
      const acceptance = await this.#store.acceptRequest(request)
      if (acceptance.kind === 'accepted') this.#ledger.onAccepted(request)
      await this.#scheduler.turn(owner)
      return acceptance
    }
    return new Proxy(store, {
      get: (target, name) => (name === 'acceptRequest' ? acceptRequest : Reflect.get(target, name)),
    })
  }

  /** Each verb is a moment in which other replicas run and this one may die, before or after its effect. */
  #through<T extends object>(target: T, owner: Process): T {
    const scheduler = this.#scheduler
    return new Proxy(target, {
      get: (_, name) => {
        const verb: unknown = Reflect.get(target, name)
        if (typeof verb !== 'function') return verb
        return async (...args: unknown[]) => {
          if (this.#mayCrash()) this.#crash(owner)
          if (!owner.alive) return new Promise(() => {})
          const result: unknown = await Reflect.apply(verb, target, args)
          if (this.#mayCrash()) this.#crash(owner)
          await scheduler.turn(owner)
          return result
        }
      },
    })
  }

  #mayCrash(): boolean {
    return !this.#calm && this.#scheduler.chance(this.#options.crashAtStore)
  }

  #crash(owner: Process): void {
    if (!owner.alive) return
    owner.alive = false
    this.#crashes += 1
    this.#scheduler.note('x')
    this.#boot(owner.index)
  }

  #crashLater(): void {
    const { crashEveryMs } = this.#options
    if (crashEveryMs === 0) return
    this.#scheduler.at(this.#scheduler.between(1, 2 * crashEveryMs), () => {
      const victim = this.#replicas[this.#scheduler.between(0, this.#replicas.length - 1)]
      if (this.#calm || victim === undefined) return
      this.#crash(victim)
      this.#crashLater()
    })
  }

  #deleteRowOf(person: number): void {
    for (const row of this.#ledger.liveRowsOf(person, this.#vendor)) {
      if (this.#vendor.remove(row)) this.#ledger.onDeleted(person)
    }
  }

  /** A campaign calls; with a key it calls again when it got no answer. */
  #fire(trigger: Trigger): void {
    const replica = this.#replicas[this.#scheduler.between(0, this.#replicas.length - 1)]
    if (replica === undefined) return
    this.#requests += 1
    const { key } = trigger
    const call: FlowActionCall = {
      requestId: `r${this.#requests}`,
      source: 'webhook',
      caller: 'campaign',
      person: trigger.person,
      recordType: trigger.recordType,
      ...(key !== undefined && { idempotency: { key, bodyHash: 'h' } }),
      ...(trigger.batch && { campaign: { type: 'batch' as const } }),
      deadline: replica.clock.now() + DEADLINE_MS,
      render: (requestId, outcome) => webhookAnswer('https://sim.example', requestId, outcome),
    }
    let answered = false
    replica.flowAction.perform(call).then((answer) => {
      answered = true
      assert.ok(answer)
      this.#ledger.onAnswer(trigger, answer)
      if (key !== undefined) this.#checkReplay(key, answer)
    })
    if (key !== undefined) {
      this.#scheduler.at(RETRY_AFTER_MS, () => {
        if (!answered || this.#scheduler.chance(0.2)) this.#fire(trigger)
      })
    }
  }

  #checkReplay(key: string, answer: Answer): void {
    const first = this.#answers.get(key) ?? answer
    this.#answers.set(key, first)
    assert.deepEqual(answer, first, 'E3: a replay gave other bytes')
  }
}
