import type { Scheduler } from '../scheduler.ts'
import type { RowRef } from './humans.ts'
import type { Lab } from './lab.ts'
import { CHOICES, FIELDS, type Side, type Table, type Value } from './schema.ts'

export interface StormOptions {
  /** Mean virtual ms between two deeds. */
  everyMs: number
  people: { min: number; max: number }
  /** Merges, deletions, qualifications and so on; without it only values are edited. */
  upheavals: boolean
}

const HOT_MAX = 12
const EDITABLE: Readonly<Record<Side, typeof FIELDS>> = {
  marketo: FIELDS.filter(({ direction }) => direction !== 'to-marketo'),
  dynamics: FIELDS,
}

/** Everybody at work on both sides at once, until it is over. */
export class Storm {
  readonly #lab: Lab
  readonly #scheduler: Scheduler
  readonly #options: StormOptions
  /** What was edited just now is edited again, from the other side too. */
  #hot: { home: string; field: string }[] = []
  #isOver = true
  deeds = 0

  constructor(lab: Lab, options: StormOptions) {
    this.#lab = lab
    this.#scheduler = lab.scheduler
    this.#options = options
  }

  begin(): void {
    this.#isOver = false
    this.#next()
  }

  end(): void {
    this.#isOver = true
  }

  /** Some people and records that are there before the service first runs. */
  populate(): void {
    const { scheduler } = this.#lab
    for (let made = 0; made < this.#options.people.min; made += 1) {
      if (scheduler.chance(0.6)) this.#enterRow()
      if (scheduler.chance(0.6)) this.#enterPerson()
    }
  }

  #next(): void {
    const { everyMs } = this.#options
    this.#scheduler.at(this.#scheduler.between(1, 2 * everyMs), () => {
      if (this.#isOver) return
      this.deeds += 1
      this.#act()
      this.#next()
    })
  }

  #act(): void {
    const deeds: [number, () => void][] = [[0.86, () => this.#edit()]]
    if (this.#options.upheavals) {
      deeds.push(
        [0.02, () => this.#enterRow()],
        [0.02, () => this.#enterPerson()],
        [0.03, () => this.#campaign()],
        [0.008, () => this.#removeRow()],
        [0.006, () => this.#restoreRow()],
        [0.008, () => this.#removePerson()],
        [0.012, () => this.#qualify()],
        [0.005, () => this.#mergePeople()],
        [0.005, () => this.#mergeRows()],
        [0.015, () => this.#toggleSync()],
        [0.001, () => this.#lab.dynamics.expireTokens()],
        [0.002, () => this.#lab.marketo.tokens.lose()],
      )
    }
    const total = deeds.reduce((sum, [weight]) => sum + weight, 0)
    let lot = this.#scheduler.draw() * total
    for (const [weight, deed] of deeds) {
      lot -= weight
      if (lot >= 0) continue
      deed()
      return
    }
  }

  #edit(): void {
    const { scheduler, humans } = this.#lab
    const hot = scheduler.chance(0.35) ? this.#pick(this.#hot) : undefined
    const side: Side = scheduler.chance(0.5) ? 'marketo' : 'dynamics'
    const home = hot ? this.#onSide(hot.home, side) : this.#any(side)
    const field = hot?.field
      ? EDITABLE[side].find(({ marketo }) => marketo === hot.field)
      : this.#pick(EDITABLE[side])
    if (home === undefined || field === undefined) return
    const [kind = '', id = ''] = home.split(':')
    const value = humans.valueFor(field, home)
    if (kind === 'marketo') humans.editPerson(Number(id), field.marketo, value)
    else humans.editRow({ table: kind as Table, id }, field.marketo, value)
    this.#hot.push({ home, field: field.marketo })
    if (this.#hot.length > HOT_MAX) this.#hot.shift()
  }

  /** Whoever stands for it on that side, where there is somebody. */
  #onSide(home: string, side: Side): string | undefined {
    const isThere = home.startsWith('marketo') === (side === 'marketo')
    const found = isThere ? home : this.#lab.records.counterpartOf(home)
    return found !== undefined && this.#exists(found) ? found : undefined
  }

  #exists(home: string): boolean {
    const [kind, id = ''] = home.split(':')
    const { marketo, dynamics } = this.#lab
    return kind === 'marketo' ? marketo.people.has(Number(id)) : dynamics.rows[kind as Table].has(id)
  }

  #any(side: Side): string | undefined {
    const { marketo } = this.#lab
    if (side === 'marketo') {
      const id = this.#pick([...marketo.people.keys()])
      return id === undefined ? undefined : `marketo:${id}`
    }
    const row = this.#row()
    return row && `${row.table}:${row.id}`
  }

  #row(wanted?: Table): RowRef | undefined {
    const table = wanted ?? (this.#scheduler.chance(0.5) ? 'lead' : 'contact')
    const id = this.#pick([...this.#lab.dynamics.rows[table].keys()])
    return id === undefined ? undefined : { table, id }
  }

  #values(inMarketo: boolean, email: Value): Record<string, Value> {
    const { humans } = this.#lab
    const filled = FIELDS.filter(({ marketo }) =>
      ['firstName', 'lastName', 'phone', 'notes'].includes(marketo),
    )
    return {
      ...Object.fromEntries(filled.map((field) => [field.marketo, humans.newValue(field, inMarketo)])),
      origin: CHOICES[this.#scheduler.between(0, CHOICES.length - 1)] ?? null,
      email,
    }
  }

  #newEmail(): Value {
    const [field] = FIELDS
    return field ? this.#lab.humans.newValue(field, true) : null
  }

  #enterRow(): void {
    const { scheduler, humans, marketo } = this.#lab
    if (this.#population() > this.#options.people.max) return
    const person = this.#pick([...marketo.people.values()])
    const known = person?.fields.email ?? null
    const email = scheduler.chance(0.35) ? known : scheduler.chance(0.1) ? null : this.#newEmail()
    humans.row(scheduler.chance(0.5) ? 'lead' : 'contact', this.#values(false, email))
  }

  #enterPerson(): void {
    const { scheduler, humans, dynamics } = this.#lab
    if (this.#population() > this.#options.people.max) return
    const row = this.#row()
    const known = row && dynamics.row(row.table, row.id).columns.emailaddress1
    const email = scheduler.chance(0.1) ? (known ?? null) : this.#newEmail()
    humans.person(this.#values(true, email))
  }

  #campaign(): void {
    const { marketo, campaign, scheduler } = this.#lab
    const loose = [...marketo.people.values()].filter(
      ({ fields }) => !fields.microsoftRecordId || fields.microsoftIsDeleted === true,
    )
    const person = this.#pick(loose)
    if (person) void campaign.send(person.id, scheduler.chance(0.3) ? 'contact' : 'lead')
  }

  #removeRow(): void {
    const row = this.#row()
    if (row && this.#population() > this.#options.people.min) this.#lab.humans.removeRow(row)
  }

  #restoreRow(): void {
    const id = this.#pick([...this.#lab.dynamics.bin.keys()])
    if (id !== undefined) this.#lab.humans.restoreRow(id)
  }

  #removePerson(): void {
    const { marketo, humans } = this.#lab
    const person = this.#pick([...marketo.people.values()])
    if (person && this.#population() > this.#options.people.min) humans.removePerson(person.id)
  }

  #qualify(): void {
    const { dynamics, humans, scheduler } = this.#lab
    const row = this.#row('lead')
    if (row === undefined || dynamics.row('lead', row.id).columns.statecode !== 0) return
    const existing = scheduler.chance(0.3) ? this.#row('contact') : undefined
    if (existing && dynamics.row('contact', existing.id).columns.merged === true) return
    humans.qualify(row.id, existing?.id)
  }

  #mergePeople(): void {
    const { marketo, humans } = this.#lab
    const [winner, loser] = this.#two([...marketo.people.keys()])
    if (winner !== undefined && loser !== undefined) humans.mergePeople(winner, loser)
  }

  #mergeRows(): void {
    const { dynamics, humans, scheduler } = this.#lab
    const table = scheduler.chance(0.5) ? 'lead' : 'contact'
    const open = [...dynamics.rows[table].values()].filter(
      ({ columns }) => columns.merged !== true && (table === 'contact' || columns.statecode === 0),
    )
    const [winner, loser] = this.#two(open)
    if (winner && loser) humans.mergeRows(table, winner.id, loser.id)
  }

  #toggleSync(): void {
    const { dynamics } = this.#lab
    const row = this.#row()
    if (row === undefined) return
    const isOn = dynamics.row(row.table, row.id).columns.new_synctomkto !== false
    dynamics.set(row.table, row.id, { new_synctomkto: !isOn })
  }

  #population(): number {
    const { marketo, dynamics } = this.#lab
    return Math.max(marketo.people.size, dynamics.rows.lead.size + dynamics.rows.contact.size)
  }

  #two<T>(items: readonly T[]): [T | undefined, T | undefined] {
    const one = this.#pick(items)
    return [one, this.#pick(items.filter((other) => other !== one))]
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items[this.#scheduler.between(0, items.length - 1)]
  }
}
