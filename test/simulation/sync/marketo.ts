import assert from 'node:assert/strict'
import type { WriteResult } from '../../../src/marketo/bulk-write.ts'
import type { LeadActivity, LeadChange } from '../../../src/marketo/changes.ts'
import type { MarketoFields } from '../../../src/marketo/people.ts'
import type { Scheduler } from '../scheduler.ts'
import { ChangeLog, Tokens } from './change-log.ts'
import { byMarketoName, FIELDS, SYSTEM_FIELDS, type Value } from './schema.ts'

export interface Person {
  id: number
  fields: Record<string, Value>
}

/** Who writes, as the change log names it. */
export const FORM = 'Web form fillout'
export const API = 'Web service API'

const CHANGE_SCORE = 22
const MERGE_LEADS = 32
const DELETE_LEAD = 37
/** The loser of a merge is logged as deleted within this time. */
const LOSER_DELETED_MS_MAX = 180_000
/** Texts in the change log are cut to this many characters. */
const LOG_TEXT_MAX = 255
const WRITABLE = new Set([
  ...FIELDS.filter(({ direction }) => direction !== 'to-dynamics').map(({ marketo }) => marketo),
  ...SYSTEM_FIELDS,
])

export interface MarketoWatch {
  /** Before a person of ours is made. */
  onCreated(id: number, fields: MarketoFields): void
  /** After a value was written over the API by the service. */
  onWritten(id: number, field: string, value: Value): void
}

/**
 * People and their change log, as Adobe documents them: values are logged when they change, a new person's are
 * not, a score that a flow step changes and what a merge brings along are logged as something else.
 */
export class SimulatedMarketo {
  /** A call of Sync Leads that names one of them is refused as a whole. */
  readonly poisoned = new Set<number>()
  refusedCalls = 0
  /** Writes of others that were refused or not sent because of somebody poisoned. */
  heldBack = 0
  readonly people = new Map<number, Person>()
  readonly tokens: Tokens
  readonly values: ChangeLog<LeadChange>
  readonly life: ChangeLog<LeadActivity>
  readonly deletions: ChangeLog<LeadActivity>
  /** Fields that Field Management keeps the API out of. */
  readonly blocked = new Set<string>()
  /** What becomes of a value that is written over the API. */
  alters: (field: string, value: Value) => Value = (_, value) => value
  watch: MarketoWatch = { onCreated: () => {}, onWritten: () => {} }
  /** Values that the service changed. */
  writes = 0
  made = 0
  readonly #scheduler: Scheduler
  #nextId = 1
  #guid = 0

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
    this.tokens = new Tokens(() => scheduler.now())
    this.values = new ChangeLog(scheduler, this.tokens, 40)
    this.life = new ChangeLog(scheduler, this.tokens, 10)
    this.deletions = new ChangeLog(scheduler, this.tokens, 10)
  }

  person(id: number): Person {
    const person = this.people.get(id)
    assert.ok(person)
    return person
  }

  find(field: string, value: string): Person[] {
    const wanted = value.toLowerCase()
    return [...this.people.values()].filter(
      ({ fields }) => String(fields[field] ?? '').toLowerCase() === wanted,
    )
  }

  /** Somebody enters a new person. */
  create(fields: Record<string, Value>, source = FORM): number {
    const id = this.#nextId
    this.#nextId += 1
    this.people.set(id, { id, fields: { ...fields } })
    this.#scheduler.note(`M+${id}`)
    this.values.add({ guid: this.#nextGuid(), marketoId: id, kind: 'new', fields: [], source })
    return id
  }

  set(id: number, field: string, value: Value, source = FORM): boolean {
    const { fields } = this.person(id)
    const before = fields[field] ?? null
    if (before === value || (field === 'unsubscribed' && (before ?? false) === value)) return false
    fields[field] = value
    this.#scheduler.note(`M${id}.${field}=${value}`)
    const change = { name: field, oldValue: logged(before), newValue: logged(value) }
    this.values.add({ guid: this.#nextGuid(), marketoId: id, kind: 'changed', fields: [change], source })
    return true
  }

  /** The flow step Change Score: not in the change log of values. */
  changeScore(id: number, score: number): void {
    this.person(id).fields.leadScore = score
    this.#scheduler.note(`M${id}~${score}`)
    this.#tell(id, CHANGE_SCORE, { 'New Value': score })
  }

  remove(id: number): void {
    this.people.delete(id)
    this.#scheduler.note(`M-${id}`)
    this.#logDeletion(id)
  }

  /** Gives the fields that the winner took over. */
  merge(winner: number, loser: number): string[] {
    const [kept, lost] = [this.person(winner), this.person(loser)]
    const taken = Object.keys(lost.fields).filter((field) => {
      const isSystem = SYSTEM_FIELDS.includes(field)
      return !isSystem && (kept.fields[field] ?? null) === null && (lost.fields[field] ?? null) !== null
    })
    for (const field of taken) kept.fields[field] = lost.fields[field] ?? null
    this.people.delete(loser)
    this.#scheduler.note(`M${loser}>${winner}`)
    this.#tell(winner, MERGE_LEADS, { 'Merge IDs': `[${loser}]` })
    this.#scheduler.at(this.#scheduler.between(0, LOSER_DELETED_MS_MAX), () => this.#logDeletion(loser))
    return taken
  }

  /** Sync Leads, updateOnly by id. */
  update(id: number, fields: MarketoFields): WriteResult {
    if (!this.people.has(id)) return { kind: 'missing' }
    for (const [field, value] of Object.entries(fields)) this.#write(id, field, value)
    return { kind: 'updated', marketoId: id }
  }

  /** Sync Leads, createOrUpdate by a custom field. */
  upsert(fields: MarketoFields, lookupField: string): WriteResult {
    const key = fields[lookupField]
    assert.ok(typeof key === 'string' && key !== '', 'every person has the field they are looked up by')
    const [found, ...others] = this.find(lookupField, key)
    if (others.length > 0) {
      return {
        kind: 'refused',
        detail: { code: 'multiple-matches', advice: 'Merge them.', vendorCode: '1007' },
      }
    }
    if (found) return this.update(found.id, fields)
    for (const field of Object.keys(fields)) this.#check(field)
    const id = this.#nextId
    this.watch.onCreated(id, fields)
    const stored = Object.entries(fields).map(([field, value]) => [field, this.alters(field, value)])
    this.create(Object.fromEntries(stored), API)
    this.made += 1
    this.writes += 1
    for (const [field, value] of Object.entries(fields)) this.watch.onWritten(id, field, value)
    return { kind: 'created', marketoId: id }
  }

  read(id: number, fields: readonly string[]): MarketoFields | undefined {
    const person = this.people.get(id)
    return person && Object.fromEntries(fields.map((field) => [field, person.fields[field] ?? null]))
  }

  #write(id: number, field: string, value: Value): void {
    this.#check(field)
    if (this.blocked.has(field)) return
    const empty = value === '' ? null : value
    const stored = this.alters(field, empty)
    const isNew = this.set(id, field, stored, API)
    if (isNew) this.writes += 1
    // What it makes of a value may be what was there.
    if (isNew || stored !== empty) this.watch.onWritten(id, field, empty)
  }

  #check(field: string): void {
    assert.ok(WRITABLE.has(field), `S10: ${field} is not ours to write in Marketo`)
    assert.ok(byMarketoName.has(field) || SYSTEM_FIELDS.includes(field))
  }

  #tell(marketoId: number, typeId: number, attributes: LeadActivity['attributes']): void {
    this.life.add({ guid: this.#nextGuid(), marketoId, typeId, attributes })
  }

  #logDeletion(marketoId: number): void {
    this.deletions.add({ guid: this.#nextGuid(), marketoId, typeId: DELETE_LEAD, attributes: {} })
  }

  #nextGuid(): string {
    this.#guid += 1
    return String(this.#guid)
  }
}

function logged(value: Value): string | null {
  return value === null ? null : String(value).slice(0, LOG_TEXT_MAX)
}
