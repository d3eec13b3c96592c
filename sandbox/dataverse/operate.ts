import type { Reply } from '../outcome.ts'
import { merge, qualifyLead, restore } from './actions.ts'
import { metadataDocument } from './csdl.ts'
import { DataverseError, unknownSegment, uriError } from './errors.ts'
import { findRow } from './find.ts'
import { readMetadata } from './metadata.ts'
import type { Organisation } from './organisation.ts'
import { parseKey, parsePath, type Segment } from './path.ts'
import { checkPrivilege, principalAccess, userPrivileges } from './privileges.ts'
import { countTable, queryTable } from './query.ts'
import { create, methodNotAllowed, patch, property, remove, retrieve } from './records.ts'
import { relatedRows } from './related.ts'
import { jsonReply, type Request } from './request.ts'
import { type Table, tableOfSet } from './table.ts'
import { countTracked, isTracked, trackTable } from './track.ts'

/** Carries out one operation in one synchronous step, or throws DataverseError as this organisation words it. */
export function operate(organisation: Organisation, request: Request): Reply {
  try {
    return carryOut(organisation, request)
  } catch (error) {
    if (organisation.knobs.zeroCodes && error instanceof DataverseError && ZEROED.has(error.code)) {
      throw new DataverseError(error.status, '0x0', error.message, error.headers)
    }
    throw error
  }
}

/** What older organisations have no code for. */
const ZEROED: ReadonlySet<string> = new Set(['0x80060888', '0x80048d19'])

function carryOut(organisation: Organisation, request: Request): Reply {
  checkContentType(request)
  const [root, ...rest] = parsePath(request.path)
  const name = root?.name ?? ''
  if (name === 'WhoAmI') return whoAmI(organisation, request)
  if (name === 'RetrieveVersion') {
    const context = `${organisation.origin}/api/data/v9.2/$metadata#Microsoft.Dynamics.CRM.RetrieveVersionResponse`
    return jsonReply(200, { '@odata.context': context, Version: '9.2.25104.00177' })
  }
  if (name === '$metadata') return metadataDocument(organisation)
  if (name === 'EntityDefinitions') {
    if (request.method !== 'GET') throw methodNotAllowed(request.method)
    return readMetadata(organisation, request)
  }
  if (name === 'Merge' || name === 'Restore') {
    if (request.method !== 'POST') throw methodNotAllowed(request.method)
    return name === 'Merge' ? merge(organisation, request) : restore(organisation, request)
  }
  const table = tableOfSet(organisation.tables, name)
  if (!root || !table) throw unknownSegment(name, organisation.knobs.unknownSetStatus)
  checkPrivilege(organisation, verbOf(request.method), table, request.userId)
  return root.args === undefined
    ? onSet(organisation, table, request, rest)
    : onRow(organisation, table, request, root.args, rest)
}

function verbOf(method: string): 'Create' | 'Read' | 'Write' | 'Delete' {
  if (method === 'POST') return 'Create'
  if (method === 'DELETE') return 'Delete'
  return method === 'GET' ? 'Read' : 'Write'
}

function checkContentType(request: Request): void {
  const type = request.headers.get('content-type')
  if (request.body === '' || type?.toLowerCase().startsWith('application/json')) return
  if (type !== undefined)
    throw new DataverseError(415, '0x80060888', `The content type '${type}' is not supported.`)
  throw uriError(
    'A missing or empty content type header was found when trying to read a message. The content type header is required.',
  )
}

function onSet(organisation: Organisation, table: Table, request: Request, rest: readonly Segment[]): Reply {
  const [next, more] = rest
  const tracked = isTracked(request.query, request.headers.get('prefer'))
  if (next?.name === '$count' && !more && request.method === 'GET') {
    return tracked ? countTracked(organisation, table, request) : countTable(organisation, table, request)
  }
  if (next) throw unknownSegment(next.name)
  if (request.method === 'GET') {
    return tracked ? trackTable(organisation, table, request) : queryTable(organisation, table, request)
  }
  if (request.method === 'POST') return create(organisation, table, request)
  throw methodNotAllowed(request.method)
}

function onRow(
  organisation: Organisation,
  table: Table,
  request: Request,
  args: string,
  rest: readonly Segment[],
): Reply {
  const [next, last, more] = rest
  if (!next) {
    if (request.method === 'GET') return retrieve(organisation, table, request, args)
    if (request.method === 'PATCH') return patch(organisation, table, request, args)
    if (request.method === 'DELETE') return remove(organisation, table, request, args)
    throw methodNotAllowed(request.method)
  }
  if (more || (last && last.name !== '$ref')) throw unknownSegment(last?.name ?? next.name)
  if (
    next.name === 'Microsoft.Dynamics.CRM.QualifyLead' &&
    table.name === 'lead' &&
    request.method === 'POST'
  ) {
    return qualifyLead(organisation, request, args)
  }
  const row = () => findRow(organisation, table, parseKey(args, table.primaryId)).id
  if (next.name === 'Microsoft.Dynamics.CRM.RetrieveUserPrivileges' && table.name === 'systemuser')
    return userPrivileges(organisation, row())
  if (next.name === 'Microsoft.Dynamics.CRM.RetrievePrincipalAccess' && table.name === 'systemuser')
    return principalAccess(organisation, request, row())
  const related = last ? undefined : relatedRows(organisation, table, request, row, next.name)
  if (related) return related
  const name = last ? `${next.name}/$ref` : next.name
  if (!last && !table.columns.has(next.name)) throw unknownSegment(next.name)
  if (last && request.method !== 'DELETE')
    throw uriError('The sandbox empties look-ups by $ref and does nothing else.')
  if (!['GET', 'PUT', 'DELETE'].includes(request.method)) throw methodNotAllowed(request.method)
  return property(organisation, table, request, args, name)
}

function whoAmI(organisation: Organisation, request: Request): Reply {
  return jsonReply(200, {
    '@odata.context': `${organisation.origin}/api/data/v9.2/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse`,
    BusinessUnitId: organisation.ids.businessUnit,
    UserId: request.userId,
    OrganizationId: organisation.ids.organisation,
  })
}
