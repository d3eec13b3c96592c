import { idTaken, keyTaken, requiredMissing } from './errors.ts'
import { sameKeyValue } from './find.ts'
import type { Organisation } from './organisation.ts'
import type { Payload } from './payload.ts'
import { rewrittenByPlugIns, runPlugIns } from './plug-in.ts'
import type { Row } from './shelf.ts'
import type { Table, Value } from './table.ts'
import { settleState, wholeSeconds } from './validate.ts'

/**
 * Inserts a row, or throws 412 when its id or an Active key is taken.
 * Check and insert are one synchronous step, as the unique index makes them one in the database.
 */
export function createRow(organisation: Organisation, table: Table, payload: Payload, userId: string): Row {
  const { rows, ids } = organisation
  const written = Object.fromEntries(payload.values)
  const given = payload.values.get(table.primaryId)
  const id = typeof given === 'string' ? given : rows.nextId()
  if (rows.get(table.name, id)) throw idTaken()

  const now = wholeSeconds(rows.now())
  const values = defaults(table)
  const targets = new Map(payload.targets)
  const settled = rewrittenByPlugIns(organisation, table, payload.values)
  settleState(table, values, settled)
  if (table.columns.has('ownerid')) {
    values.set('ownerid', userId)
    values.set('owningbusinessunit', ids.businessUnit)
    if (!targets.has('ownerid')) targets.set('ownerid', 'systemuser')
  }
  for (const [name, value] of settled) values.set(name, value)
  const stamps = { createdon: now, modifiedon: now, createdby: userId, modifiedby: userId }
  for (const [name, value] of Object.entries(stamps)) values.set(name, value)
  values.set(table.primaryId, id)
  compute(organisation, table, values, targets)
  for (const [name, value] of values) if (value === null) values.delete(name)
  checkRequired(table, values)
  runPlugIns(organisation, table, values)
  checkKeys(organisation, table, id, values)
  return rows.insert(table.name, { id, values, targets }, written, userId)
}

function defaults(table: Table): Map<string, Value> {
  const values = new Map<string, Value>()
  for (const column of table.columns.values()) {
    if (column.default !== undefined) values.set(column.name, column.default)
    if (column.type === 'State') values.set(column.name, 0)
    if (column.type === 'Status') values.set(column.name, table.defaultStatus['0'] ?? 1)
  }
  return values
}

export function updateRow(
  organisation: Organisation,
  table: Table,
  row: Row,
  payload: Payload,
  userId: string,
): Row {
  const { rows, knobs } = organisation
  const settled = rewrittenByPlugIns(organisation, table, payload.values)
  settleState(table, row.values, settled)
  if (knobs.unchangedWrites === 'ignore' && changesNothing(row, settled)) return row
  const after = new Map([...row.values, ...settled])
  after.set('modifiedon', wholeSeconds(rows.now()))
  after.set('modifiedby', userId)
  const targets = new Map([...row.targets, ...payload.targets])
  compute(organisation, table, after, targets)
  checkRequired(table, after)
  runPlugIns(organisation, table, after)
  checkKeys(organisation, table, row.id, after)
  return rows.update(table.name, row, { values: after, targets }, Object.fromEntries(payload.values), userId)
}

function changesNothing(row: Row, written: ReadonlyMap<string, Value>): boolean {
  return [...written].every(([name, value]) => (row.values.get(name) ?? null) === value)
}

/** Columns that the server derives: names, owners by kind, address blocks, base amounts. */
function compute(
  organisation: Organisation,
  table: Table,
  values: Map<string, Value>,
  targets: ReadonlyMap<string, string>,
): void {
  const text = (name: string) => values.get(name) ?? ''
  const joined = (parts: Value[], glue: string) => parts.filter((part) => part !== '').join(glue) || null
  if (table.columns.has('lastname')) {
    const name = joined([text('firstname'), text('middlename'), text('lastname')], ' ')
    values.set('fullname', name)
    if (table.columns.has('yomifullname')) values.set('yomifullname', name)
  }
  if (table.columns.has('owninguser')) {
    const owner = values.get('ownerid') ?? null
    const isTeam = targets.get('ownerid') === 'team'
    values.set('owninguser', isTeam ? null : owner)
    values.set('owningteam', isTeam ? owner : null)
  }
  for (const block of ['address1', 'address2', 'address3']) {
    if (!table.columns.has(`${block}_composite`)) continue
    const part = (name: string) => text(`${block}_${name}`)
    const town = joined(
      [joined([part('city'), part('stateorprovince')], ', ') ?? '', part('postalcode')],
      ' ',
    )
    const lines = [part('line1'), part('line2'), part('line3'), town ?? '', part('country')]
    values.set(`${block}_composite`, joined(lines, '\r\n'))
  }
  for (const column of table.columns.values()) {
    const amount = column.type === 'Money' ? values.get(column.name) : undefined
    if (typeof amount !== 'number') continue
    if (table.columns.has(`${column.name}_base`)) values.set(`${column.name}_base`, amount)
    if (!values.get('transactioncurrencyid')) values.set('transactioncurrencyid', organisation.ids.currency)
    if (table.columns.has('exchangerate')) values.set('exchangerate', 1)
  }
}

/** Of the required levels the API enforces only this one. */
function checkRequired(table: Table, values: ReadonlyMap<string, Value>): void {
  for (const column of table.columns.values()) {
    if (column.required === 'SystemRequired' && (values.get(column.name) ?? null) === null) {
      throw requiredMissing(column.name)
    }
  }
}

/** Rows without a value in every key column are exempt from uniqueness. */
function checkKeys(
  organisation: Organisation,
  table: Table,
  id: string,
  values: ReadonlyMap<string, Value>,
): void {
  for (const key of table.keys) {
    if (key.status !== 'Active' || key.columns.some((name) => (values.get(name) ?? null) === null)) continue
    for (const other of organisation.rows.all(table.name)) {
      if (other.id === id) continue
      if (key.columns.every((name) => sameKeyValue(other.values.get(name), values.get(name)))) {
        throw keyTaken(key.schemaName, key.columns)
      }
    }
  }
}
