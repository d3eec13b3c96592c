import type { Reply } from '../outcome.ts'
import { uriError } from './errors.ts'
import type { Organisation } from './organisation.ts'
import { checkPrivilege } from './privileges.ts'
import { parseSelect, renderRow } from './render.ts'
import { jsonReply, type Request } from './request.ts'
import { requireTable, type Table, type TableName } from './table.ts'

/** Many-to-many: a table's collection, the table it leads to, and the ids that a row has there. */
interface Collection {
  to: TableName
  idsOf(organisation: Organisation, id: string): string[]
}

const COLLECTIONS: Readonly<Record<string, Collection>> = {
  'systemuser systemuserprofiles_association': {
    to: 'fieldsecurityprofile',
    idsOf: ({ security }, id) => holders(security.profileUsers, id),
  },
  'systemuser teammembership_association': {
    to: 'team',
    idsOf: ({ security }, id) => holders(security.teamUsers, id),
  },
  'team teamprofiles_association': {
    to: 'fieldsecurityprofile',
    idsOf: ({ security }, id) => holders(security.profileTeams, id),
  },
}

function holders(members: ReadonlyMap<string, ReadonlySet<string>>, id: string): string[] {
  return [...members].flatMap(([holder, of]) => (of.has(id) ? [holder] : []))
}

/** GET of a collection of a row, with $select and one level of $expand; undefined when it is none. */
export function relatedRows(
  organisation: Organisation,
  table: Table,
  request: Request,
  rowId: () => string,
  name: string,
): Reply | undefined {
  const collection = COLLECTIONS[`${table.name} ${name}`]
  if (!collection || request.method !== 'GET') return undefined
  const { $select, $expand } = Object.fromEntries(request.query)
  const [, inner, innerSelect] = /^(\w+)(?:\(\$select=([\w,]+)\))?$/.exec($expand ?? '') ?? []
  if ($expand !== undefined && inner === undefined)
    throw uriError(`The sandbox does not expand '${$expand}'.`)
  const value = shown(organisation, collection, rowId(), $select, request.userId).map(({ id, row }) => {
    if (inner === undefined) return row
    const further = COLLECTIONS[`${collection.to} ${inner}`]
    if (!further) throw uriError(`Could not find a property named '${inner}'.`)
    const rows = shown(organisation, further, id, innerSelect, request.userId)
    return { ...row, [inner]: rows.map((one) => one.row) }
  })
  const set = requireTable(organisation.tables, collection.to).entitySet
  return jsonReply(200, { '@odata.context': `${organisation.origin}/api/data/v9.2/$metadata#${set}`, value })
}

function shown(
  organisation: Organisation,
  { to, idsOf }: Collection,
  id: string,
  select: string | undefined,
  userId: string,
) {
  const table = requireTable(organisation.tables, to)
  checkPrivilege(organisation, 'Read', table, userId)
  return idsOf(organisation, id).flatMap((found) => {
    const row = organisation.rows.get(to, found)
    return row ? [{ id: found, row: renderRow(table, row, parseSelect(table, select)) }] : []
  })
}
