import { randomUUID } from 'node:crypto'
import type { Fact } from './activity.ts'
import { ActivityTypes } from './activity-types.ts'
import { type Cause, FORM } from './cause.ts'
import { fieldNotFound, invalidValue, leadNotFound, MarketoError } from './errors.ts'
import { Feed } from './feed.ts'
import { deleted, merged, newLead, scoreChange, valueChanges } from './history.ts'
import { type Knobs, STOCK_KNOBS } from './knobs.ts'
import { ActivityLog } from './log.ts'
import { People, type Person } from './people.ts'
import { type CustomField, type DataType, Schema } from './schema.ts'
import { checkValue } from './value.ts'
import { checkFields, converted, lacking, originOf } from './written.ts'

export interface SubscriptionOptions {
  /** Epoch ms. */
  now?: () => number
  /** Keys of activities; must never repeat. */
  guid?: () => string
  /** How late each activity becomes visible, ms; default as the knob says. */
  visibleAfterMs?: () => number
  knobs?: Partial<Knobs>
}

type Fields = Readonly<Record<string, unknown>>

const MERGED_MAX = 25
/** Who makes the value change that a flow step logs beside its own entry. */
const FLOW_ACTION = 'Marketo Flow Action'

/**
 * A Marketo without its wire: people, their fields and what happened to them. Each verb is one step at `now()`,
 * logged, and refuses with a MarketoError that changes nothing.
 */
export class Subscription {
  readonly now: () => number
  readonly schema = new Schema()
  readonly people: People
  readonly log: ActivityLog
  readonly types = new ActivityTypes()
  readonly feed: Feed
  readonly knobs: Knobs
  readonly #startKnobs: Knobs
  /** The next activities that are late, whatever the knob says. */
  #delayed = { ms: 0, count: 0 }

  constructor({
    now = () => Date.now(),
    guid = randomUUID,
    visibleAfterMs,
    knobs,
  }: SubscriptionOptions = {}) {
    this.now = now
    this.#startKnobs = { ...STOCK_KNOBS, ...knobs }
    this.knobs = { ...this.#startKnobs }
    this.people = new People(this.schema)
    const lateness = visibleAfterMs ?? (() => this.knobs.visibleAfterMs)
    this.log = new ActivityLog({ now, guid, visibleAfterMs: () => this.#takeDelay() ?? lateness() })
    this.feed = new Feed({ now, log: this.log, knobs: this.knobs })
  }

  /** A fresh subscription; tokens of the old one are lost. */
  reset(): void {
    this.people.reset()
    this.schema.reset()
    this.log.reset()
    this.types.reset()
    this.feed.expireTokens()
    Object.assign(this.knobs, this.#startKnobs)
    this.#delayed = { ms: 0, count: 0 }
  }

  /** Returns the id. */
  create(fields: Fields, cause: Cause = FORM): number {
    const values = checkFields(this.schema, fields, cause, this.knobs)
    const id = this.people.insert(this.now())
    this.people.write(id, [...values, ...originOf(this.schema, cause)], this.now())
    this.#append([newLead(this.#person(id), cause)])
    return id
  }

  update(id: number, fields: Fields, cause: Cause = FORM): void {
    if (!this.people.has(id)) throw leadNotFound(String(id))
    const changes = this.people.write(id, checkFields(this.schema, fields, cause, this.knobs), this.now())
    this.#append(valueChanges(id, changes, cause, this.knobs))
  }

  remove(id: number, cause: Cause = FORM): void {
    const person = this.#person(id)
    this.people.remove(id)
    this.#append([deleted(person, cause)])
  }

  /** The winner keeps what it has and takes what it lacks, from the first loser that has it. Adobe, "Leads". */
  merge(winner: number, loserIds: readonly number[], cause: Cause = FORM): void {
    if (loserIds.length > MERGED_MAX) {
      throw new MarketoError('1080', `At most ${MERGED_MAX} leads can be merged`)
    }
    if (loserIds.includes(winner)) throw new MarketoError('1003', 'A lead cannot be merged with itself')
    const survivor = this.#person(winner)
    const losers = [...new Set(loserIds)].map((id) => this.#person(id))
    const taken = lacking(this.schema, survivor, losers)
    for (const { id } of losers) this.people.remove(Number(id))
    const changes = this.people.write(winner, taken, this.now())
    this.#append(merged(survivor, losers, changes.length > 0, cause, this.knobs))
    if (this.knobs.mergeLogsValues) this.#append(valueChanges(winner, changes, cause, this.knobs))
    if (this.knobs.mergeDeletes) this.#append(losers.map((loser) => deleted(loser, cause)))
  }

  /** The flow step Change Score. */
  changeScore(id: number, amount: number, cause: Cause = FORM, name = 'leadScore'): void {
    const field = this.schema.field(name)
    if (!field) throw fieldNotFound(name)
    if (field.dataType !== 'integer' && field.dataType !== 'score') throw invalidValue(amount, name)
    const score = checkValue(field, Number(this.#person(id)[name] ?? 0) + amount)
    const changes = this.people.write(id, [[field, score]], this.now())
    this.#append(changes.map((change) => scoreChange(id, change, cause)))
    if (!this.knobs.scoreLogsValues) return
    this.#append(valueChanges(id, changes, { ...cause, source: FLOW_ACTION }, this.knobs))
  }

  /** The next `count` activities become visible `ms` after they are dated. */
  delayActivities(ms: number, count = 1): void {
    this.#delayed = { ms, count }
  }

  addField(field: CustomField): void {
    this.schema.add(field)
  }

  /** What it held is gone. */
  removeField(name: string): void {
    this.schema.remove(name)
    this.people.move(name, name, () => undefined)
  }

  renameField(name: string, to: string): void {
    if (this.schema.field(to)) throw new Error(`there is a field ${to}`)
    this.schema.change(name, { name: to })
    this.people.move(name, to, (value) => value)
  }

  /** Values that do not fit the new type are lost, without an entry in the log. */
  retypeField(name: string, dataType: DataType): void {
    this.schema.change(name, { dataType })
    this.people.move(name, name, (value) => converted(this.schema, name, value))
  }

  /** Longer values stay; only a new one is held against it. */
  shortenField(name: string, length: number): void {
    this.schema.change(name, { length })
  }

  /** Field Management, "block updates": API writes to it are dropped. */
  blockField(name: string, isBlocked: boolean): void {
    this.schema.change(name, { isBlocked })
  }

  #append(facts: readonly Fact[]): void {
    for (const fact of facts) this.log.append(fact)
  }

  #takeDelay(): number | undefined {
    if (this.#delayed.count === 0) return undefined
    this.#delayed.count -= 1
    return this.#delayed.ms
  }

  #person(id: number): Person {
    const person = this.people.get(id)
    if (!person) throw leadNotFound(String(id))
    return person
  }
}
