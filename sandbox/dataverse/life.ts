import { DataverseError, doesNotExist } from './errors.ts'
import type { Organisation } from './organisation.ts'
import type { Payload } from './payload.ts'
import type { Row } from './shelf.ts'
import { isLookup, requireTable, type Table, type Value } from './table.ts'
import { createRow, updateRow } from './write.ts'

/** What a lead hands on to the contact that it becomes, as far as the contact has the column. */
const HANDED_ON =
  /^(firstname|middlename|lastname|jobtitle|salutation|description|emailaddress\d|telephone\d|mobilephone|fax|pager|websiteurl|preferredcontactmethodcode|donot\w+|address\d_\w+)$/
const QUALIFIED = 1
const DISQUALIFIED = 2
const INACTIVE = 1

export interface Qualification {
  account: boolean
  contact: boolean
  /** Status reason of the closed lead. */
  reason: Value
}

export interface Made {
  table: Table
  row: Row
}

/** Closes the lead as qualified and makes what was asked for. A contact that the lead has already is not made anew. */
export function qualify(
  organisation: Organisation,
  lead: Row,
  wanted: Qualification,
  userId: string,
): readonly Made[] {
  const leads = requireTable(organisation.tables, 'lead')
  if (lead.values.get('statecode') !== 0) {
    throw new DataverseError(400, '0x80040519', 'The lead is already closed.')
  }
  return organisation.rows.atomically(() => {
    const made: Made[] = []
    const closing = payload({ statecode: QUALIFIED, statuscode: wanted.reason })
    const add = (table: Table, content: Payload, lookup: string) => {
      const row = createRow(organisation, table, content, userId)
      made.push({ table, row })
      closing.values.set(lookup, row.id)
      closing.targets.set(lookup, table.name)
      return row
    }
    const company = lead.values.get('companyname')
    const account =
      wanted.account && company !== undefined
        ? add(requireTable(organisation.tables, 'account'), payload({ name: company }), 'parentaccountid')
        : undefined
    if (wanted.contact && !lead.values.has('parentcontactid')) {
      const contacts = requireTable(organisation.tables, 'contact')
      add(contacts, contactOf(contacts, lead, account), 'parentcontactid')
    }
    updateRow(organisation, leads, lead, closing, userId)
    return made
  })
}

function contactOf(contacts: Table, lead: Row, account: Row | undefined): Payload {
  const content = payload({ originatingleadid: lead.id }, { originatingleadid: 'lead' })
  for (const [name, value] of lead.values) {
    if (HANDED_ON.test(name) && contacts.columns.get(name)?.create) content.values.set(name, value)
  }
  if (account) {
    content.values.set('parentcustomerid', account.id)
    content.targets.set('parentcustomerid', 'account')
  }
  return content
}

/** The loser is closed and points to the survivor, which takes over the content and what it lacks itself. */
export function mergeRows(
  organisation: Organisation,
  table: Table,
  survivor: Row,
  loser: Row,
  content: Payload,
  userId: string,
): void {
  if (survivor.id === loser.id || survivor.values.get('merged') || loser.values.get('merged')) {
    throw new DataverseError(400, '0x80040203', 'A merged record cannot be merged, nor a record with itself.')
  }
  const taken = payload(organisation.knobs.mergeFillsBlanks ? blanksFilled(table, survivor, loser) : {})
  for (const [name, value] of content.values) taken.values.set(name, value)
  for (const [name, target] of content.targets) taken.targets.set(name, target)
  const closed = table.name === 'lead' ? DISQUALIFIED : INACTIVE
  const closing = payload(
    { statecode: closed, merged: true, masterid: survivor.id },
    { masterid: table.name },
  )
  organisation.rows.atomically(() => {
    updateRow(organisation, table, survivor, taken, userId)
    updateRow(organisation, table, loser, closing, userId)
  })
}

function blanksFilled(table: Table, survivor: Row, loser: Row): Record<string, Value> {
  const filled = [...loser.values].filter(([name]) => {
    const column = table.columns.get(name)
    if (!column || isLookup(column)) return false
    return column.create && column.update && column.type !== 'Uniqueidentifier' && !survivor.values.has(name)
  })
  return Object.fromEntries(filled)
}

/** Out of the recycle bin, with the id it had. */
export function restoreRow(organisation: Organisation, table: Table, id: string, userId: string): Row {
  const row = organisation.knobs.recycleBin ? organisation.rows.restore(table.name, id, userId) : undefined
  if (!row) throw doesNotExist(table.name, id)
  return row
}

function payload(values: Record<string, Value>, targets: Record<string, string> = {}): Payload {
  return { values: new Map(Object.entries(values)), targets: new Map(Object.entries(targets)) }
}
