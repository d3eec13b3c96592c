import assert from 'node:assert/strict'
import type { LoggedConflict } from './edits.ts'
import { INTERVAL_MS, Lab } from './lab.ts'
import { Storm, type StormOptions } from './storm.ts'
import type { Trait } from './traits.ts'
import { NO_TROUBLE, type Trouble } from './wire.ts'

export interface WorldOptions extends StormOptions {
  seed: number
  stamped: boolean
  /** Virtual hours of storm, and how many storms they are split into. */
  stormHours: number
  storms: number
  trouble: Trouble
  /** Probability that the process dies before or after a verb. */
  crashAtVerb: number
  /** Processes that share the store; absent: one. */
  replicas?: number
  /** Probability that a replica is stopped before or after a verb, and goes on later. */
  napAtVerb?: number
  /** Share of the change log's entries that become visible late, and how late at most, ms. */
  lateEntries: { share: number; msMax: number }
  /** What this world has beside all that; absent: nothing. */
  traits?: readonly Trait[]
}

export interface WorldResult {
  trace: string
  hours: number
  edits: number
  deeds: number
  conflicts: number
  unknown: number
  busy: number
  crashes: number
  naps: number
  writes: number
  created: number
  campaigns: number
  /** Lost and not in the log; lost although the rule says otherwise. Both by the oracle's sentences. */
  unlogged: string[]
  wronged: string[]
  firstTimes: number
  /** What else was not as it should be when nobody edited any longer. */
  broken: string[]
}

const MARKETO_LATE_MS = 90_000
const DYNAMICS_LATE_MS = 900_000
const HOUR_MS = 3_600_000
/** Well past the lease, and past the time that a write to Marketo takes at most. */
const NAP_MS_MAX = 240_000
/** Late commits and late entries are over, lost writes are waited out, unproven ones were read back. */
const REST_MS = 1_800_000
const IDLE_CYCLES = 3

/** Storms and rests; everything is checked at each rest. */
export class World {
  readonly #options: WorldOptions
  readonly lab: Lab
  readonly #storm: Storm
  readonly #conflicts: LoggedConflict[] = []
  readonly #result: Pick<WorldResult, 'unlogged' | 'wronged' | 'firstTimes' | 'broken' | 'conflicts'> = {
    unlogged: [],
    wronged: [],
    firstTimes: 0,
    broken: [],
    conflicts: 0,
  }

  constructor(options: WorldOptions) {
    this.#options = options
    const reach = this.#traits.find((trait) => trait.reach)?.reach
    this.lab = new Lab({ ...options, ...(reach && { reach }) })
    this.#storm = new Storm(this.lab, options)
  }

  async play(): Promise<WorldResult> {
    using lab = this.lab
    const { scheduler, marketo } = lab
    const { storms, stormHours, lateEntries } = this.#options
    for (const log of [marketo.values, marketo.life, marketo.deletions]) {
      log.lateMsMax = lateEntries.msMax
      log.lateShare = lateEntries.share
    }
    const start = scheduler.now()
    for (const { begin } of this.#traits) begin?.(lab)
    this.#storm.populate()
    for (let storm = 1; storm <= storms; storm += 1) {
      await this.#rage((stormHours * HOUR_MS) / storms)
      await this.#rest(`rest ${storm}`)
    }
    const { edits } = lab.oracle
    return {
      ...this.#result,
      trace: scheduler.trace,
      hours: (scheduler.now() - start) / HOUR_MS,
      edits,
      deeds: this.#storm.deeds,
      unknown: lab.toMarketo.unknown + lab.toDynamics.unknown,
      busy: lab.toMarketo.busy + lab.toDynamics.busy,
      crashes: lab.crashes,
      naps: lab.naps,
      writes: lab.writes,
      created: marketo.made,
      campaigns: lab.campaign.made,
    }
  }

  async #rage(ms: number): Promise<void> {
    const lab = this.lab
    const { trouble, crashAtVerb, napAtVerb = 0 } = this.#options
    lab.toMarketo.trouble = { ...trouble, lateMsMax: MARKETO_LATE_MS }
    lab.toDynamics.trouble = { ...trouble, lateMsMax: DYNAMICS_LATE_MS }
    lab.diesHere = () => lab.scheduler.chance(crashAtVerb)
    lab.sleepsHere = () => {
      return napAtVerb > 0 && lab.scheduler.chance(napAtVerb) ? lab.scheduler.between(1, NAP_MS_MAX) : 0
    }
    this.#storm.begin()
    const end = lab.scheduler.now() + ms
    for (const { deed } of this.#traits) if (deed) this.#repeat(deed, end)
    while (lab.scheduler.now() < end) await lab.cycles(1)
    this.#storm.end()
    lab.toMarketo.trouble = NO_TROUBLE
    lab.toDynamics.trouble = NO_TROUBLE
    lab.diesHere = () => false
    lab.sleepsHere = () => 0
  }

  get #traits(): readonly Trait[] {
    return this.#options.traits ?? []
  }

  /** A trait's deed, again and again until the storm is over. */
  #repeat(deed: NonNullable<Trait['deed']>, end: number): void {
    const { scheduler } = this.lab
    scheduler.at(scheduler.between(1, 2 * deed.everyMs), () => {
      if (scheduler.now() >= end) return
      deed.run(this.lab)
      this.#repeat(deed, end)
    })
  }

  async #rest(name: string): Promise<void> {
    const lab = this.lab
    this.#unstop()
    for (const { rest } of this.#traits) rest?.(lab)
    await lab.cycles(Math.ceil(REST_MS / INTERVAL_MS))
    this.#note(name, 'S1', lab.records.differences())
    this.#note(name, 'stray', lab.records.strays())
    this.#note(name, 'S18', [...lab.records.unshown(), ...lab.records.untaken()])
    for (const trait of this.#traits) this.#note(name, trait.name, trait.check?.(lab) ?? [])
    await this.#idle(name, 'S4: an idle cycle')
    lab.dynamics.expireTokens()
    await this.#idle(name, 'S13: a full resync')
    this.#conflicts.push(...lab.records.newConflicts())
    this.#result.conflicts = this.#conflicts.length
    const verdicts = lab.oracle.judge(this.#conflicts)
    this.#result.firstTimes += verdicts.firstTimes
    this.#result.unlogged.push(...verdicts.unlogged.map((one) => `${name}: ${one}`))
    this.#result.wronged.push(...verdicts.wronged.map((one) => `${name}: ${one}`))
  }

  async #idle(name: string, what: string): Promise<void> {
    const before = this.lab.writes
    await this.lab.cycles(IDLE_CYCLES)
    if (this.lab.writes !== before) this.#note(name, what, [`wrote ${this.lab.writes - before} values`])
  }

  #note(name: string, what: string, problems: readonly string[]): void {
    this.#result.broken.push(...problems.map((problem) => `${name}: ${what}: ${problem}`))
  }

  /** Nothing is stopped any more, so both sides can be compared. */
  #unstop(): void {
    const { dynamics } = this.lab
    for (const table of ['lead', 'contact'] as const) {
      for (const { id, columns } of dynamics.rows[table].values()) {
        if (columns.new_synctomkto === false) dynamics.set(table, id, { new_synctomkto: true })
      }
    }
  }
}

export function assertWhole({ broken, unlogged }: WorldResult, seed: number): void {
  assert.deepEqual([...broken, ...unlogged], [], `seed ${seed}`)
}
