import { mergeRows, qualify, restoreRow } from './life.ts'
import type { Organisation } from './organisation.ts'
import type { Payload } from './payload.ts'
import type { Rows } from './rows.ts'
import type { Row } from './shelf.ts'
import {
  isLookup,
  isTableName,
  propertyName,
  requireTable,
  type Table,
  type TableName,
  type Value,
} from './table.ts'
import { checkValue } from './validate.ts'
import { createRow, updateRow } from './write.ts'

/** What a person in sales does by hand: same checks, look-ups by their column's name. */
export interface Human {
  seed(table: TableName, columns: Readonly<Record<string, unknown>>): string
  update(table: TableName, id: string, columns: Readonly<Record<string, unknown>>): void
  remove(table: TableName, id: string): void
  row(table: TableName, id: string): Readonly<Record<string, Value>> | undefined
  rows(table: TableName): readonly Readonly<Record<string, Value>>[]
  /** To a user or a team. */
  assign(table: TableName, id: string, ownerId: string): void
  /** Closes the lead and makes a contact (unless it has one, or `contact` is false) and, if wanted, an account. */
  qualify(
    leadId: string,
    wanted?: { account?: boolean; contact?: boolean },
  ): { contactId?: string; accountId?: string }
  /** `statuscode`: Lost unless said otherwise. */
  disqualify(leadId: string, statuscode?: number): void
  merge(
    table: TableName,
    survivorId: string,
    loserId: string,
    content?: Readonly<Record<string, unknown>>,
  ): void
  /** Out of the recycle bin, under its old id. */
  restore(table: TableName, id: string): void
}

const DISQUALIFIED = 2
const QUALIFIED_REASON = 3
const LOST = 4

export function humanOf(organisation: Organisation): Human {
  const { rows, ids } = organisation
  const userId = ids.salesPerson
  const tableOf = (name: TableName) => requireTable(organisation.tables, name)
  const existing = (table: TableName, id: string) => {
    const row = rows.get(table, id)
    if (!row) throw new Error(`the sandbox has no ${table} ${id}`)
    return row
  }
  const update: Human['update'] = (name, id, columns) => {
    const table = tableOf(name)
    updateRow(organisation, table, existing(name, id), payloadOf(rows, table, columns), userId)
  }
  return {
    seed(name, columns) {
      const table = tableOf(name)
      return createRow(organisation, table, payloadOf(rows, table, columns), userId).id
    },
    update,
    remove: (name, id) => rows.remove(name, existing(name, id), userId),
    row(name, id) {
      const row = rows.get(name, id)
      return row && plain(tableOf(name), row)
    },
    rows(name) {
      const table = tableOf(name)
      return Array.from(rows.all(name), (row) => plain(table, row))
    },
    assign(name, id, ownerId) {
      if (!rows.get('systemuser', ownerId) && !rows.get('team', ownerId))
        throw new Error(`the sandbox has no user or team ${ownerId}`)
      update(name, id, { ownerid: ownerId })
    },
    qualify(leadId, { account = false, contact = true } = {}) {
      const lead = existing('lead', leadId)
      const made = qualify(organisation, lead, { account, contact, reason: QUALIFIED_REASON }, userId)
      const idOf = (name: TableName) => made.find(({ table }) => table.name === name)?.row.id
      const [contactId, accountId] = [idOf('contact'), idOf('account')]
      return { ...(contactId && { contactId }), ...(accountId && { accountId }) }
    },
    disqualify: (leadId, statuscode = LOST) =>
      update('lead', leadId, { statecode: DISQUALIFIED, statuscode }),
    merge(name, survivorId, loserId, content = {}) {
      const table = tableOf(name)
      const [survivor, loser] = [existing(name, survivorId), existing(name, loserId)]
      mergeRows(organisation, table, survivor, loser, payloadOf(rows, table, content), userId)
    },
    restore: (name, id) => void restoreRow(organisation, tableOf(name), id, userId),
  }
}

/** Unlike a body over the wire it may set every column, read-only ones included: tests need merged and disabled rows. */
function payloadOf(rows: Rows, table: Table, columns: Readonly<Record<string, unknown>>): Payload {
  const payload: Payload = { values: new Map(), targets: new Map() }
  for (const [name, value] of Object.entries(columns)) {
    const column = table.columns.get(/^_(.+)_value$/.exec(name)?.[1] ?? name)
    if (!column) throw new Error(`the sandbox's ${table.name} has no column ${name}`)
    const checked = checkValue(table, column, value)
    payload.values.set(column.name, checked)
    const isThere = (name: string) => isTableName(name) && rows.get(name, String(checked)) !== undefined
    const target = column.targets?.find((candidate) => isThere(candidate.table)) ?? column.targets?.[0]
    if (isLookup(column) && target) payload.targets.set(column.name, target.table)
  }
  return payload
}

/** Property names as the Web API has them; empty columns are left out. */
function plain(table: Table, row: Row): Record<string, Value> {
  const shown: Record<string, Value> = {}
  for (const [name, value] of row.values) {
    const column = table.columns.get(name)
    if (column) shown[propertyName(column)] = value
  }
  return shown
}
