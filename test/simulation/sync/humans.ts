import type { Scheduler } from '../scheduler.ts'
import { REFUSED, type SimulatedDynamics } from './dynamics.ts'
import { API, FORM, type SimulatedMarketo } from './marketo.ts'
import type { Oracle } from './oracle.ts'
import {
  byMarketoName,
  CHOICES,
  FIELDS,
  fits,
  fromColumn,
  type SimulatedField,
  type Table,
  TITLE_MAX,
  toColumn,
  type Value,
} from './schema.ts'

export interface HumansOptions {
  scheduler: Scheduler
  marketo: SimulatedMarketo
  dynamics: SimulatedDynamics
  oracle: Oracle
}

export interface RowRef {
  table: Table
  id: string
}

const LONG_TEXT = 'x'.repeat(300)

/** What people do on both sides, each deed told to the oracle. */
export class Humans {
  readonly #options: HumansOptions
  /** What people like to add to a text, such as an emoji. */
  adorns: (text: string, field: SimulatedField, inMarketo: boolean) => string = (text) => text
  #serial = 0

  constructor(options: HumansOptions) {
    this.#options = options
  }

  person(fields: Record<string, Value>): number {
    const { marketo, oracle } = this.#options
    const id = marketo.create(fields)
    for (const [field, value] of Object.entries(fields)) {
      if (value !== null && byMarketoName.has(field)) oracle.began(`marketo:${id}`, 'marketo', field, value)
    }
    return id
  }

  row(table: Table, fields: Record<string, Value>, extra: Record<string, Value> = {}): RowRef {
    const { dynamics, oracle } = this.#options
    const columns = Object.entries(fields).flatMap(([name, value]) => {
      const field = byMarketoName.get(name)
      return field ? [{ field, stored: dynamics.alters(field.column, toColumn(field, value)) }] : []
    })
    const row = Object.fromEntries(columns.map(({ field, stored }) => [field.column, stored]))
    const id = dynamics.create(table, { ...row, ...extra })
    for (const { field, stored } of columns) {
      const value = fromColumn(field, stored)
      if (value !== null) oracle.began(`${table}:${id}`, 'dynamics', field.marketo, value)
    }
    return { table, id }
  }

  editPerson(id: number, field: string, value: Value): void {
    const { marketo, oracle, scheduler } = this.#options
    if ((marketo.person(id).fields[field] ?? null) === value) return
    oracle.entered(`marketo:${id}`, 'marketo', field, value)
    if (field === 'leadScore') marketo.changeScore(id, Number(value))
    else marketo.set(id, field, value, scheduler.chance(0.1) ? API : FORM)
  }

  editRow({ table, id }: RowRef, field: string, value: Value): void {
    const { dynamics, oracle } = this.#options
    const by = byMarketoName.get(field)
    if (by === undefined) return
    const stored = dynamics.alters(by.column, toColumn(by, value))
    const entered = fromColumn(by, stored)
    if (fromColumn(by, dynamics.row(table, id).columns[by.column] ?? null) === entered) return
    oracle.entered(`${table}:${id}`, 'dynamics', field, entered)
    dynamics.set(table, id, { [by.column]: stored })
  }

  removePerson(id: number): void {
    this.#options.marketo.remove(id)
    this.#options.oracle.gone(`marketo:${id}`)
  }

  removeRow({ table, id }: RowRef): void {
    this.#options.dynamics.remove(table, id)
    this.#options.oracle.gone(`${table}:${id}`)
  }

  restoreRow(id: string): void {
    const { table } = this.#options.dynamics.restore(id)
    this.#options.oracle.upheaval(`${table}:${id}`)
  }

  /** Without `contactId` into a new contact, which begins with what the lead holds. */
  qualify(leadId: string, contactId?: string): RowRef {
    const { dynamics, oracle } = this.#options
    const { columns } = dynamics.row('lead', leadId)
    const copied = Object.fromEntries(FIELDS.map(({ column }) => [column, columns[column] ?? null]))
    const id = contactId ?? dynamics.create('contact', { ...copied, _originatingleadid_value: leadId })
    if (contactId === undefined) {
      for (const { marketo } of FIELDS) oracle.copied(`lead:${leadId}`, `contact:${id}`, marketo)
    }
    dynamics.set('lead', leadId, { statecode: 1, _parentcontactid_value: id })
    oracle.upheaval(`lead:${leadId}`, `contact:${id}`)
    return { table: 'contact', id }
  }

  mergePeople(winner: number, loser: number): void {
    const { marketo, oracle } = this.#options
    const taken = new Set(marketo.merge(winner, loser))
    for (const { marketo: field } of FIELDS) {
      oracle.merged(`marketo:${winner}`, `marketo:${loser}`, field, taken.has(field))
    }
    oracle.gone(`marketo:${loser}`)
    oracle.upheaval(`marketo:${winner}`)
  }

  mergeRows(table: Table, winner: string, loser: string): void {
    const { dynamics, oracle } = this.#options
    const [kept, lost] = [dynamics.row(table, winner).columns, dynamics.row(table, loser).columns]
    const taken = FIELDS.filter(({ column }) => isBlank(kept[column]) && !isBlank(lost[column]))
    dynamics.set(table, winner, Object.fromEntries(taken.map(({ column }) => [column, lost[column] ?? null])))
    dynamics.set(table, loser, { merged: true, _masterid_value: winner, statecode: table === 'lead' ? 2 : 1 })
    for (const field of FIELDS) {
      oracle.merged(`${table}:${winner}`, `${table}:${loser}`, field.marketo, taken.includes(field))
    }
    oracle.upheaval(`${table}:${winner}`, `${table}:${loser}`)
  }

  /** Mostly something never entered before; at times the value before the last, nothing, or what Dynamics refuses. */
  valueFor(field: SimulatedField, home: string): Value {
    const { scheduler, oracle } = this.#options
    const { type, columnType, marketo } = field
    const inMarketo = home.startsWith('marketo')
    this.#serial += 1
    if (type === 'boolean') return scheduler.chance(0.5)
    if (type === 'score') return this.#serial
    if (columnType === 'Picklist') {
      if (inMarketo && scheduler.chance(0.02)) return 'Elsewhere'
      return scheduler.chance(0.1) ? null : (CHOICES[scheduler.between(0, CHOICES.length - 1)] ?? null)
    }
    const lot = scheduler.draw()
    const earlier = oracle.earlier(home, marketo)?.value
    if (lot < 0.1 && earlier !== undefined && (inMarketo || fits(field, earlier))) return earlier
    if (lot < 0.18 && !field.required) return null
    return this.newValue(field, inMarketo)
  }

  newValue(field: SimulatedField, inMarketo: boolean): Value {
    const { type, marketo, required } = field
    const { scheduler } = this.#options
    this.#serial += 1
    const plain = `${marketo[0]}${this.#serial}`
    if (type === 'email') return `${plain}@sim.example`
    const text = this.adorns(plain, field, inMarketo)
    if (type === 'text' && scheduler.chance(0.3)) return `${text} ${LONG_TEXT}`
    if (marketo === 'title' && inMarketo && scheduler.chance(0.02)) return text.padEnd(TITLE_MAX + 1, '.')
    if (required && inMarketo && scheduler.chance(0.005)) return `${REFUSED}${this.#serial}`
    return text
  }
}

function isBlank(value: Value | undefined): boolean {
  return value === undefined || value === null || value === false
}
