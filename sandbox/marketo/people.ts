import { leadNotFound } from './errors.ts'
import { PersonIndex } from './person-index.ts'
import type { Field, Schema } from './schema.ts'
import { stamp, type Value } from './value.ts'

/** Values by REST name; an empty field is not there. */
export type Person = Readonly<Record<string, Value>>

/** A field that got another value than it had; undefined = empty. */
export interface Change {
  field: Field
  oldValue: Value | undefined
  newValue: Value | undefined
}

interface Row {
  id: number
  createdAt: number
  updatedAt: number
  values: Map<string, Value>
}

const FIRST_ID = 1001

/** The table of the people: what is kept, not who may write it. */
export class People {
  readonly #schema: Schema
  readonly #rows = new Map<number, Row>()
  /** By field; built when a field is first searched by. */
  readonly #indexes = new Map<string, PersonIndex>()
  #nextId = FIRST_ID

  constructor(schema: Schema) {
    this.#schema = schema
  }

  reset(): void {
    this.#rows.clear()
    this.#indexes.clear()
    this.#nextId = FIRST_ID
  }

  get size(): number {
    return this.#rows.size
  }

  /** 0 = nobody ever was. */
  get newestId(): number {
    return this.#nextId === FIRST_ID ? 0 : this.#nextId - 1
  }

  /** In the order of their ids. */
  all(): readonly Person[] {
    return [...this.#rows.values()].map((row) => this.#show(row))
  }

  has(id: number): boolean {
    return this.#rows.has(id)
  }

  get(id: number): Person | undefined {
    const row = this.#rows.get(id)
    return row && this.#show(row)
  }

  /** The ids of those whose `field` is one of `values`, in order. */
  find(field: string, values: Iterable<Value>): number[] {
    const found = new Set<number>()
    for (const value of values) {
      if (field === 'id' && this.#rows.has(Number(value))) found.add(Number(value))
      if (field !== 'id') for (const id of this.#indexOf(field).find(value)) found.add(id)
    }
    return [...found].sort((a, b) => a - b)
  }

  /** A person with nothing but an id, which is never given again. */
  insert(at: number): number {
    const id = this.#nextId
    this.#nextId += 1
    const row: Row = { id, createdAt: at, updatedAt: at, values: new Map() }
    this.#rows.set(id, row)
    for (const [name, index] of this.#indexes) {
      const value = this.#valueOf(row, name)
      if (value !== undefined) index.add(value, id)
    }
    return id
  }

  /** Returns what became different. Throws the vendor's refusal of an unknown id. */
  write(id: number, values: Iterable<readonly [Field, Value | undefined]>, at: number): Change[] {
    const row = this.#row(id)
    const changes: Change[] = []
    for (const [field, value] of values) {
      const oldValue = this.#valueOf(row, field.name)
      if (value === undefined) row.values.delete(field.name)
      else row.values.set(field.name, value)
      // Adobe, "Bulk Lead Extract": the visible stamp moves for standard fields only.
      if (!field.isCustom) row.updatedAt = at
      const newValue = this.#valueOf(row, field.name)
      if (oldValue === newValue) continue
      this.#reindex(id, field.name, oldValue, newValue)
      changes.push({ field, oldValue, newValue })
    }
    return changes
  }

  remove(id: number): void {
    const row = this.#row(id)
    for (const [name, index] of this.#indexes) {
      const value = this.#valueOf(row, name)
      if (value !== undefined) index.remove(value, id)
    }
    this.#rows.delete(id)
  }

  /** Everybody's value of a field under another name, through `convert`; undefined = it is lost. */
  move(name: string, to: string, convert: (value: Value) => Value | undefined): void {
    this.#indexes.delete(name)
    this.#indexes.delete(to)
    for (const { values } of this.#rows.values()) {
      const value = values.get(name)
      if (value === undefined) continue
      const converted = convert(value)
      values.delete(name)
      if (converted !== undefined) values.set(to, converted)
    }
  }

  #row(id: number): Row {
    const row = this.#rows.get(id)
    if (!row) throw leadNotFound(String(id))
    return row
  }

  #indexOf(field: string): PersonIndex {
    const known = this.#indexes.get(field)
    if (known) return known
    const index = new PersonIndex()
    for (const row of this.#rows.values()) {
      const value = this.#valueOf(row, field)
      if (value !== undefined) index.add(value, row.id)
    }
    this.#indexes.set(field, index)
    return index
  }

  #reindex(id: number, name: string, oldValue: Value | undefined, newValue: Value | undefined): void {
    const index = this.#indexes.get(name)
    if (!index) return
    if (oldValue !== undefined) index.remove(oldValue, id)
    if (newValue !== undefined) index.add(newValue, id)
  }

  #valueOf({ values }: Row, name: string): Value | undefined {
    return values.get(name) ?? this.#schema.defaults.get(name)
  }

  /** mktoName is computed from the parts. */
  #show({ id, createdAt, updatedAt, values }: Row): Person {
    const name = ['firstName', 'middleName', 'lastName'].flatMap((part) => values.get(part) ?? []).join(' ')
    return {
      id,
      ...Object.fromEntries(this.#schema.defaults),
      ...Object.fromEntries(values),
      createdAt: stamp(createdAt),
      updatedAt: stamp(updatedAt),
      ...(name !== '' && { mktoName: name }),
    }
  }
}
