import type { Reply } from '../outcome.ts'
import { DataverseError, payloadError } from './errors.ts'
import { findRow } from './find.ts'
import type { Organisation } from './organisation.ts'
import { parseKey } from './path.ts'
import type { Payload } from './payload.ts'
import { parseSelect, renderRow } from './render.ts'
import { jsonReply, parseBody, type Request } from './request.ts'
import { requireTable, type Table, type Value } from './table.ts'
import { checkValue } from './validate.ts'
import { createRow, updateRow } from './write.ts'

/** The QualifyLead action: closes the lead as qualified and makes the contact and the account that were asked for. */
export function qualifyLead(organisation: Organisation, request: Request, args: string): Reply {
  const leads = requireTable(organisation.tables, 'lead')
  const lead = findRow(organisation, leads, parseKey(args, leads.primaryId))
  const body = parseBody(request.body, leads.entitySet)
  for (const name of ['CreateAccount', 'CreateContact', 'CreateOpportunity']) {
    if (typeof body[name] !== 'boolean')
      throw payloadError(leads.entitySet, `Required parameter '${name}' is missing.`)
  }
  if (lead.values.get('statecode') !== 0) {
    throw new DataverseError(400, '0x80040519', 'The lead is already closed.')
  }
  const status = body.Status === -1 ? 3 : body.Status
  const statusColumn = leads.columns.get('statuscode')
  const reason = statusColumn ? checkValue(leads, statusColumn, status ?? 3) : 3

  return organisation.rows.atomically(() => {
    const made: Record<string, unknown>[] = []
    const closing: Payload = {
      values: new Map<string, Value>([
        ['statecode', 1],
        ['statuscode', reason],
      ]),
      targets: new Map(),
    }
    const add = (table: Table, payload: Payload, lookup: string) => {
      const row = createRow(organisation, table, payload, request.userId)
      const shown = renderRow(table, row, parseSelect(table, table.primaryId))
      made.push({ '@odata.type': `#Microsoft.Dynamics.CRM.${table.name}`, ...shown })
      closing.values.set(lookup, row.id)
      closing.targets.set(lookup, table.name)
      return row
    }
    const accounts = requireTable(organisation.tables, 'account')
    const contacts = requireTable(organisation.tables, 'contact')
    const company = lead.values.get('companyname')
    const account =
      body.CreateAccount === true && company !== undefined
        ? add(accounts, { values: new Map([['name', company]]), targets: new Map() }, 'parentaccountid')
        : undefined
    if (body.CreateContact === true) {
      const payload: Payload = {
        values: new Map([['originatingleadid', lead.id]]),
        targets: new Map([['originatingleadid', 'lead']]),
      }
      for (const [name, value] of lead.values) {
        const column = contacts.columns.get(name)
        if (
          column?.create &&
          /^(firstname|middlename|lastname|jobtitle|salutation|emailaddress\d|telephone\d|mobilephone|address\d_)/.test(
            name,
          )
        ) {
          payload.values.set(name, value)
        }
      }
      if (account) {
        payload.values.set('parentcustomerid', account.id)
        payload.targets.set('parentcustomerid', 'account')
      }
      add(contacts, payload, 'parentcontactid')
    }
    updateRow(organisation, leads, lead, closing, request.userId)
    return jsonReply(200, {
      '@odata.context': `${organisation.origin}/api/data/v9.2/$metadata#crmbaseentity`,
      value: made,
    })
  })
}
