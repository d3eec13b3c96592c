import { fieldNotFound, invalidValue, MarketoError } from './errors.ts'
import type { Field, Schema } from './schema.ts'

export type Value = string | number | boolean
/** Values by REST name; an empty field is not there. */
export type Person = Readonly<Record<string, Value>>

export const FIRST_ID = 1001
const MERGED_MAX = 25
const TEXT_BYTES_MAX = 30_000

/** The lead database. Source for what empties a field and whose values win: Adobe, "Leads". */
export class People {
  readonly #schema: Schema
  readonly #rows = new Map<number, Map<string, Value>>()
  #nextId = FIRST_ID

  constructor(schema: Schema) {
    this.#schema = schema
  }

  reset(): void {
    this.#rows.clear()
    this.#nextId = FIRST_ID
  }

  /** In the order of their ids. */
  all(): readonly Person[] {
    return [...this.#rows.values()].map(toPerson)
  }

  get(id: number): Person | undefined {
    const row = this.#rows.get(id)
    return row && toPerson(row)
  }

  /** Returns the id. Throws the vendor's refusal. */
  add(fields: Readonly<Record<string, unknown>>): number {
    const values = this.#check(fields)
    const id = this.#nextId
    this.#nextId += 1
    const now = stamp()
    const row = new Map<string, Value>([['id', id], ...this.#defaults()])
    for (const [field, value] of values) put(row, field.name, value)
    row.set('createdAt', now).set('updatedAt', now)
    this.#rows.set(id, row)
    return id
  }

  update(id: number, fields: Readonly<Record<string, unknown>>): void {
    const values = this.#check(fields)
    const row = this.#row(id)
    for (const [field, value] of values) put(row, field.name, value)
    // Adobe, "Bulk Lead Extract": the visible stamp moves for standard fields only.
    if (values.some(([field]) => !field.isCustom)) row.set('updatedAt', stamp())
  }

  remove(id: number): void {
    this.#row(id)
    this.#rows.delete(id)
  }

  /** The winner keeps what it has and takes what it lacks, from the first loser that has it; the losers' ids are gone. */
  merge(winner: number, losers: readonly number[]): void {
    if (losers.length > MERGED_MAX)
      throw new MarketoError('1080', `At most ${MERGED_MAX} leads can be merged`)
    if (losers.includes(winner)) throw new MarketoError('1003', 'A lead cannot be merged with itself')
    const kept = this.#row(winner)
    const merged = losers.map((id) => this.#row(id))
    for (const row of merged) {
      for (const [name, value] of row) if (!kept.has(name)) kept.set(name, value)
    }
    for (const id of losers) this.#rows.delete(id)
    kept.set('updatedAt', stamp())
  }

  #row(id: number): Map<string, Value> {
    const row = this.#rows.get(id)
    if (!row) throw new MarketoError('1004', `Lead with id '${id}' not found`)
    return row
  }

  #defaults(): [string, Value][] {
    const booleans = this.#schema
      .fields()
      .filter(({ dataType, isCustom }) => dataType === 'boolean' && !isCustom)
    return [...booleans.map(({ name }): [string, Value] => [name, name === 'isLead']), ['leadPartitionId', 1]]
  }

  #check(fields: Readonly<Record<string, unknown>>): [Field, Value | undefined][] {
    return Object.entries(fields).map(([name, value]) => {
      const field = this.#schema.field(name)
      if (!field) throw fieldNotFound(name)
      if (field.readOnly || name === 'id') throw new MarketoError('1003', `Field '${name}' is read-only`)
      return [field, checkValue(field, value)]
    })
  }
}

function put(row: Map<string, Value>, name: string, value: Value | undefined): void {
  if (value === undefined) row.delete(name)
  else row.set(name, value)
}

/** mktoName is computed from the parts, everything else is stored. */
function toPerson(row: ReadonlyMap<string, Value>): Person {
  const name = ['firstName', 'middleName', 'lastName'].flatMap((part) => row.get(part) ?? []).join(' ')
  return { ...Object.fromEntries(row), ...(name !== '' && { mktoName: name }) }
}

/** undefined = empty: null and the empty string both clear a field. */
export function checkValue(field: Field, value: unknown): Value | undefined {
  if (value === null || value === undefined || value === '') return undefined
  switch (field.dataType) {
    case 'integer':
    case 'percent':
    case 'score':
    case 'reference':
      if (Number.isInteger(value) && Math.abs(Number(value)) <= 0x7fffffff) return Number(value)
      throw invalidValue(value, field.name)
    case 'float':
    case 'currency':
      if (typeof value === 'number' && Number.isFinite(value)) return value
      throw invalidValue(value, field.name)
    case 'boolean':
      if (typeof value === 'boolean') return value
      throw invalidValue(value, field.name)
    case 'date':
      if (typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value)) return value
      throw invalidValue(value, field.name)
    case 'datetime':
      if (typeof value === 'string' && !Number.isNaN(Date.parse(value))) return stamp(Date.parse(value))
      throw invalidValue(value, field.name)
    default:
      if (typeof value === 'string' && fits(field, value)) return value
      throw invalidValue(value, field.name)
  }
}

/** Most text is measured in characters, long text in bytes. */
function fits({ length }: Field, text: string): boolean {
  return length === undefined ? Buffer.byteLength(text) <= TEXT_BYTES_MAX : text.length <= length
}

/** Whole seconds, UTC. */
export function stamp(at: number = Date.now()): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')
}
