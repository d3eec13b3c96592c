import assert from 'node:assert/strict'
import type { MarketoFields } from '../../../src/marketo/people.ts'
import type { Row as StoredRow } from '../../../src/store/rows.ts'
import type { Database } from '../../../src/store/sqlite/database.ts'
import type { SimulatedDynamics } from './dynamics.ts'
import type { LoggedConflict } from './edits.ts'
import type { SimulatedMarketo } from './marketo.ts'
import { FIELDS, fromColumn, type Side, SYSTEM_FIELDS, type Table, type Value } from './schema.ts'

interface LinkRow {
  linkId: number
  state: string
  table: Table
  recordId: string
  marketoId: number | undefined
  stopped: boolean
  failures: readonly (string | undefined)[]
}

/** What the store says about who belongs to whom, held against what both vendors hold. */
export class Records {
  readonly #marketo: SimulatedMarketo
  readonly #dynamics: SimulatedDynamics
  readonly #sql: ReturnType<typeof prepare>
  onTied: (...objects: string[]) => void = () => {}
  #conflictsRead = 0

  constructor(database: Database, marketo: SimulatedMarketo, dynamics: SimulatedDynamics) {
    this.#marketo = marketo
    this.#dynamics = dynamics
    this.#sql = prepare(database)
  }

  /** The records that a person may have got a value from. */
  recordsOf(marketoId: number): string[] {
    const row = this.#sql.linkOf.get('marketo', String(marketoId))
    const named = this.#marketo.people.get(marketoId)?.fields.microsoftRecordId
    const own = row ? [`${row.record_type}:${row.record_id}`] : []
    return typeof named === 'string' ? [...own, `lead:${named}`, `contact:${named}`] : own
  }

  peopleOf(table: Table, id: string): string[] {
    const row = this.#sql.linkOf.get('record', `${table}:${id}`)
    const people = this.#marketo.find('microsoftRecordId', id).map((person) => `marketo:${person.id}`)
    return row?.marketo_id === null || row === undefined ? people : [`marketo:${row.marketo_id}`, ...people]
  }

  counterpartOf(object: string): string | undefined {
    const [kind, id = ''] = object.split(':')
    return kind === 'marketo' ? this.recordsOf(Number(id))[0] : this.peopleOf(kind as Table, id)[0]
  }

  linkOf(object: string): string | undefined {
    const [kind, id = ''] = object.split(':')
    const row = kind === 'marketo' ? this.#sql.linkOf.get(kind, id) : this.#sql.linkOf.get('record', object)
    return row && `link:${row.link_id}`
  }

  /** An open failure names it as a second person or record of a link. */
  isShared(object: string): boolean {
    const [kind, id = ''] = object.split(':')
    const name = kind === 'marketo' ? (['marketo', id] as const) : (['record', object] as const)
    return this.#sql.sharing.get(...name) !== undefined
  }

  /** S9, at the instant in which a person comes to be. */
  checkCreate({ microsoftRecordId }: MarketoFields): void {
    const others = this.#marketo.find('microsoftRecordId', String(microsoftRecordId))
    assert.equal(others.length, 0, `S9: a second person for ${microsoftRecordId}`)
  }

  tied(object: string, field: string, value: Value): void {
    assert.ok(SYSTEM_FIELDS.includes(field))
    if (field === 'microsoftRecordId') this.onTied(object, `lead:${value}`, `contact:${value}`)
  }

  links(): LinkRow[] {
    const failures = Map.groupBy(this.#sql.failures.all(), ({ link_id }) => Number(link_id))
    return this.#sql.links.all().map((row) => ({
      linkId: Number(row.link_id),
      state: String(row.state),
      table: row.record_type as Table,
      recordId: String(row.record_id),
      marketoId: row.marketo_id === null ? undefined : Number(row.marketo_id),
      stopped: row.stopped === 1,
      failures: (failures.get(Number(row.link_id)) ?? []).map(({ field }) =>
        field === null ? undefined : String(field),
      ),
    }))
  }

  failureCodes(): Record<string, number> {
    const counted = Map.groupBy(this.#sql.failures.all(), ({ code }) => String(code))
    return Object.fromEntries([...counted].map(([code, all]) => [code, all.length]))
  }

  /** S1: what differs between linked sides although no open failure says why. */
  differences(): string[] {
    return this.links().flatMap((link) => {
      const { table, recordId, marketoId, state, stopped, failures } = link
      const row = this.#dynamics.rows[table].get(recordId)
      if (state !== 'linked' || stopped || marketoId === undefined || failures.includes(undefined)) return []
      const person = this.#marketo.people.get(marketoId)
      if (!row || !person)
        return [`link ${link.linkId} is linked, but ${row ? 'the person' : 'the row'} is gone`]
      const values = FIELDS.filter(({ direction }) => direction === 'both').flatMap((field) => {
        if (failures.includes(field.marketo) || failures.includes(field.column)) return []
        const held = normal(person.fields[field.marketo], field.columnType)
        const seen = normal(fromColumn(field, row.columns[field.column] ?? null), field.columnType)
        return held === seen
          ? []
          : [`marketo:${marketoId} ${table}:${recordId} ${field.marketo}: ${held} / ${seen}`]
      })
      const { microsoftRecordId, microsoftIsDeleted } = person.fields
      if (microsoftRecordId !== recordId) values.push(`marketo:${marketoId} does not name ${recordId}`)
      if (microsoftIsDeleted === true) values.push(`marketo:${marketoId} is said to be deleted`)
      return values
    })
  }

  /** Records of the sync that nobody in Marketo stands for, although no open failure says why. */
  strays(): string[] {
    const tied = new Map(this.links().map((link) => [`${link.table}:${link.recordId}`, link]))
    return (['lead', 'contact'] as const).flatMap((table) =>
      [...this.#dynamics.rows[table].values()].flatMap(({ id, columns }) => {
        const isOver = columns.merged === true || (table === 'lead' && columns.statecode === 1)
        if (isOver || columns.new_synctomkto === false) return []
        const link = tied.get(`${table}:${id}`)
        if (link === undefined) {
          const home = this.#sql.linkOf.get('record', `${table}:${id}`)
          return home ? [] : [`${table}:${id} has no link`]
        }
        if (link.state === 'linked' && link.marketoId !== undefined) return []
        return link.failures.length > 0 || link.state === 'orphaned'
          ? []
          : [`${table}:${id} has no person: link ${link.linkId} ${link.state}`]
      }),
    )
  }

  /** S18: second people and second records of one link whose edits go nowhere although no open failure names them. */
  unshown(): string[] {
    return this.#sql.unshown.all().flatMap(({ kind, value, link_id }) => {
      const [table, id = ''] = String(value).split(':')
      const columns = kind === 'record' ? this.#dynamics.rows[table as Table].get(id)?.columns : undefined
      const isOver =
        columns === undefined ||
        columns.merged === true ||
        columns.new_synctomkto === false ||
        (table === 'lead' && columns.statecode === 1)
      const isThere = kind === 'marketo' ? this.#marketo.people.has(Number(value)) : !isOver
      return isThere ? [`${kind} ${value} shares link ${link_id}, and no failure says so`] : []
    })
  }

  /** S18: records without a person although exactly one free person has their e-mail. */
  untaken(): string[] {
    const free = [...this.#marketo.people.values()].filter(({ id, fields }) => {
      const named = fields.microsoftRecordId
      const isNamed = typeof named === 'string' && fields.microsoftIsDeleted !== true
      return this.#sql.linkOf.get('marketo', String(id)) === undefined && !isNamed
    })
    return this.links().flatMap(({ table, recordId, state, stopped, failures }) => {
      const email = this.#dynamics.rows[table].get(recordId)?.columns.emailaddress1
      if (state !== 'orphaned' || stopped || failures.length > 0 || typeof email !== 'string') return []
      const same = free.filter(({ fields }) => fields.email === email)
      return same.length === 1 ? [`${table}:${recordId} has no person, marketo:${same[0]?.id} is free`] : []
    })
  }

  /** What was logged since the last time. */
  newConflicts(): LoggedConflict[] {
    const rows = this.#sql.conflicts.all(this.#conflictsRead)
    const last = rows.at(-1)
    if (last) this.#conflictsRead = Number(last.conflict_id)
    return rows.map((row) => ({
      field: String(row.field),
      winner: row.winner as Side,
      won: JSON.parse(String(row.won)) as Value,
      lost: JSON.parse(String(row.lost)) as Value,
      at: Number(row.at),
      objects: [`${row.record_type}:${row.record_id}`, `marketo:${row.marketo_id}`, `link:${row.link_id}`],
      recordType: row.record_type as Table,
    }))
  }

  rowsOf(sql: string): StoredRow[] {
    return this.#sql.database.prepare(sql).all()
  }
}

function prepare(database: Database) {
  return {
    database,
    linkOf: database.prepare(
      'select link.* from identifier join link using (link_id) where kind = ? and value = ?',
    ),
    links: database.prepare(
      "select link.*, replica.stopped from link left join replica using (link_id) where state <> 'merged'",
    ),
    failures: database.prepare(
      'select link_id, code, field from failure where closed_at is null and other_kind is null',
    ),
    sharing: database.prepare(
      'select 1 from failure where closed_at is null and other_kind = ? and other_value = ?',
    ),
    unshown: database.prepare(
      `select kind, value, link.* from identifier join link using (link_id)
        where (state in ('linked', 'orphaned', 'tombstoned') and kind <> 'email'
               or state = 'claimed' and kind = 'record')
          and value <> case kind when 'marketo' then coalesce(cast(marketo_id as text), value)
                                 else record_type || ':' || record_id end
          and not exists (select 1 from failure
                           where failure.link_id = link.link_id and other_kind = kind and other_value = value
                             and closed_at is null)`,
    ),
    conflicts: database.prepare('select * from conflict where conflict_id > ? order by conflict_id'),
  }
}

function normal(value: Value | undefined, columnType: string): Value {
  return columnType === 'Boolean' ? value === true : (value ?? null)
}
