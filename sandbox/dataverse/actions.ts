import type { Reply } from '../outcome.ts'
import { doesNotExist, payloadError } from './errors.ts'
import { findRow } from './find.ts'
import { mergeRows, qualify, restoreRow } from './life.ts'
import type { Organisation } from './organisation.ts'
import { isGuid, parseKey } from './path.ts'
import { readPayload } from './payload.ts'
import { parseSelect, renderRow } from './render.ts'
import { jsonReply, parseBody, type Request } from './request.ts'
import { isTableName, requireTable, type Table } from './table.ts'
import { checkValue } from './validate.ts'

type Body = Record<string, unknown>

const NO_CONTENT: Reply = { status: 204, headers: { 'OData-Version': '4.0' }, body: '' }

/** POST to QualifyLead of a lead: answers with the ids of what was made. */
export function qualifyLead(organisation: Organisation, request: Request, args: string): Reply {
  const leads = requireTable(organisation.tables, 'lead')
  const lead = findRow(organisation, leads, parseKey(args, leads.primaryId))
  const body = parseBody(request.body, leads.entitySet)
  for (const name of ['CreateAccount', 'CreateContact', 'CreateOpportunity']) {
    if (typeof body[name] !== 'boolean')
      throw payloadError(leads.entitySet, `Required parameter '${name}' is missing.`)
  }
  const status = leads.columns.get('statuscode')
  const wanted = body.Status === undefined || body.Status === -1 ? 3 : body.Status
  const made = qualify(
    organisation,
    lead,
    {
      account: body.CreateAccount === true,
      contact: body.CreateContact === true,
      reason: status ? checkValue(leads, status, wanted) : 3,
    },
    request.userId,
  )
  return jsonReply(200, {
    '@odata.context': `${organisation.origin}/api/data/v9.2/$metadata#crmbaseentity`,
    value: made.map(({ table, row }) => ({
      '@odata.type': `#Microsoft.Dynamics.CRM.${table.name}`,
      ...renderRow(table, row, parseSelect(table, table.primaryId)),
    })),
  })
}

/** POST to Merge: Target, Subordinate, UpdateContent. "Merge table rows using the Web API". */
export function merge(organisation: Organisation, request: Request): Reply {
  const body = parseBody(request.body, 'Merge')
  const { table, id } = named(organisation, body, 'Target')
  const loser = named(organisation, body, 'Subordinate')
  if (loser.table !== table) throw payloadError('Merge', 'Target and Subordinate are of different types.')
  if (typeof body.PerformParentingChecks !== 'boolean')
    throw payloadError('Merge', "Required parameter 'PerformParentingChecks' is missing.")
  const content = readPayload(organisation, table, record(body.UpdateContent ?? {}), 'update')
  const row = (which: string) => findRow(organisation, table, { kind: 'id', id: which })
  mergeRows(organisation, table, row(id), row(loser.id), content, request.userId)
  return NO_CONTENT
}

/** POST to Restore: Target. "Restore deleted records with code". */
export function restore(organisation: Organisation, request: Request): Reply {
  const { table, id } = named(organisation, parseBody(request.body, 'Restore'), 'Target')
  if (organisation.rows.get(table.name, id)) throw doesNotExist(`deleted ${table.name}`, id)
  restoreRow(organisation, table, id, request.userId)
  return NO_CONTENT
}

function named(organisation: Organisation, body: Body, parameter: string): { table: Table; id: string } {
  const reference = record(body[parameter])
  const name = String(reference['@odata.type']).replace(/^#?Microsoft\.Dynamics\.CRM\./, '')
  const table = isTableName(name) ? organisation.tables.get(name) : undefined
  const id = table && reference[table.primaryId]
  if (!table || typeof id !== 'string' || !isGuid(id)) {
    throw payloadError(parameter, `The parameter '${parameter}' names no row: a type and an id are wanted.`)
  }
  return { table, id: id.toLowerCase() }
}

function record(value: unknown): Body {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}
}
