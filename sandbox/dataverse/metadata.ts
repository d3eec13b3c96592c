import type { Reply } from '../outcome.ts'
import { unknownSegment, uriError } from './errors.ts'
import { castOf, matchesCast, renderAttribute } from './metadata-attribute.ts'
import { label } from './metadata-label.ts'
import type { Organisation } from './organisation.ts'
import { parsePath, type Segment } from './path.ts'
import { jsonReply, type Request } from './request.ts'
import { type Column, isLookup, isTableName, type Table } from './table.ts'

type Json = Record<string, unknown>

/** GET below EntityDefinitions. Metadata is never paged. */
export function readMetadata(organisation: Organisation, request: Request): Reply {
  const [root, ...rest] = parsePath(request.path)
  const context = `${organisation.origin}/api/data/v9.2/$metadata#EntityDefinitions`
  if (!root?.args) {
    const tables = [...organisation.tables.values()].filter((table) =>
      inFilter(table, request.query.get('$filter')),
    )
    return jsonReply(200, {
      '@odata.context': context,
      value: tables.map((table) => definition(table, request)),
    })
  }
  const table = tableOf(organisation, root.args)
  if (rest.length === 0) {
    return jsonReply(200, { '@odata.context': `${context}/$entity`, ...definition(table, request) })
  }
  const [collection, ...more] = rest
  const items = collectionOf(table, collection, more, request)
  if (!Array.isArray(items)) return jsonReply(200, { '@odata.context': context, ...items })
  return jsonReply(200, { '@odata.context': `${context}('${table.name}')/${collection?.name}`, value: items })
}

function tableOf(organisation: Organisation, args: string): Table {
  const name = /^LogicalName='([^']*)'$/.exec(args)?.[1] ?? ''
  const table = isTableName(name) ? organisation.tables.get(name) : undefined
  const byId = [...organisation.tables.values()].find((candidate) => metadataId(candidate) === args)
  if (!table && !byId) {
    throw uriError(`Could not find an entity with name ${name || args}.`, 404)
  }
  return table ?? byId ?? tableOf(organisation, '')
}

function collectionOf(
  table: Table,
  collection: Segment | undefined,
  more: readonly Segment[],
  request: Request,
): Json[] | Json {
  switch (collection?.name) {
    case 'Attributes':
      return attributes(table, collection, more, request)
    case 'ManyToOneRelationships':
      return relationships(table).map((item) => pick(item, request.query.get('$select')))
    case 'Keys':
      return keys(table).map((item) => pick(item, request.query.get('$select')))
    default:
      throw unknownSegment(collection?.name ?? '')
  }
}

function attributes(
  table: Table,
  collection: Segment,
  more: readonly Segment[],
  request: Request,
): Json[] | Json {
  const [castSegment, tail] = more
  const cast = castSegment === undefined ? undefined : castOf(castSegment.name)
  if (tail || (castSegment && !cast)) throw unknownSegment(tail?.name ?? castSegment?.name ?? '')
  const expand = new Set(splitExpand(request.query.get('$expand')).map((part) => part.replace(/\(.*/, '')))
  const select = request.query.get('$select')
  const render = (column: Column) =>
    pick(renderAttribute(table, column, cast !== undefined || select === undefined, expand), select, [
      'OptionSet',
      'GlobalOptionSet',
    ])
  if (collection.args) {
    const name = /^LogicalName='([^']*)'$/.exec(collection.args)?.[1] ?? ''
    const column = table.columns.get(name)
    if (!column || !matchesCast(column, cast)) {
      throw uriError(`Could not find an attribute with name ${name} on ${table.name}.`, 404)
    }
    return render(column)
  }
  const wanted = attributeFilter(request.query.get('$filter'))
  return [...table.columns.values()]
    .filter((column) => matchesCast(column, cast) && wanted(column))
    .map(render)
}

/** `LogicalName eq 'a'`, `IsSecured eq true`, `AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode'Picklist'`, joined by or. */
function attributeFilter(filter: string | undefined): (column: Column) => boolean {
  if (filter === undefined) return () => true
  const tests = filter.split(' or ').map((part) => {
    const name = /^\s*LogicalName eq '([^']*)'\s*$/.exec(part)?.[1]
    const secured = /^\s*IsSecured eq (true|false)\s*$/.exec(part)?.[1]
    if (secured !== undefined) return (column: Column) => String(column.secured ?? false) === secured
    const type = /^\s*AttributeType eq Microsoft\.Dynamics\.CRM\.AttributeTypeCode'(\w+)'\s*$/.exec(part)?.[1]
    if (name === undefined && type === undefined)
      throw uriError(`Unsupported metadata filter '${part.trim()}'.`)
    return (column: Column) => column.name === name || column.type === type
  })
  return (column) => tests.some((test) => test(column))
}

function inFilter(table: Table, filter: string | undefined): boolean {
  if (filter === undefined) return true
  return filter.split(' or ').some((part) => {
    const [, property, value] = /^\s*(LogicalName|EntitySetName) eq '([^']*)'\s*$/.exec(part) ?? []
    if (property === undefined) throw uriError(`Unsupported metadata filter '${part.trim()}'.`)
    return value === (property === 'LogicalName' ? table.name : table.entitySet)
  })
}

function definition(table: Table, request: Request): Json {
  const all: Json = {
    LogicalName: table.name,
    SchemaName: table.schemaName,
    EntitySetName: table.entitySet,
    LogicalCollectionName: table.entitySet,
    PrimaryIdAttribute: table.primaryId,
    PrimaryNameAttribute: table.primaryName,
    ObjectTypeCode: table.objectTypeCode,
    OwnershipType: table.columns.has('ownerid') ? 'UserOwned' : 'BusinessOwned',
    ChangeTrackingEnabled: table.changeTracking,
    IsOptimisticConcurrencyEnabled: true,
    IsCustomEntity: false,
    MetadataId: metadataId(table),
    DisplayName: label(table.schemaName),
  }
  const shown = pick(all, request.query.get('$select'))
  for (const part of splitExpand(request.query.get('$expand'))) {
    const [, name = part, options = ''] = /^(\w+)(?:\((.*)\))?$/s.exec(part) ?? []
    const query = new Map(
      options
        .split(';')
        .filter(Boolean)
        .map((option): [string, string] => {
          const at = option.indexOf('=')
          return [option.slice(0, at).trim(), option.slice(at + 1)]
        }),
    )
    shown[name] = collectionOf(table, { name }, [], { ...request, query })
  }
  return shown
}

function splitExpand(expand: string | undefined): string[] {
  return expand === undefined ? [] : (expand.match(/\w+(?:\([^()]*\))?/g) ?? [])
}

function relationships(table: Table): Json[] {
  return [...table.columns.values()].filter(isLookup).flatMap((column) =>
    (column.targets ?? []).map((target) => ({
      SchemaName: `${table.name}_${column.name}_${target.table}`,
      ReferencingEntity: table.name,
      ReferencingAttribute: column.name,
      ReferencedEntity: target.table,
      ReferencedAttribute: `${target.table}id`,
      ReferencingEntityNavigationPropertyName: target.navigation,
    })),
  )
}

function keys(table: Table): Json[] {
  return table.keys.map((key) => ({
    SchemaName: key.schemaName,
    LogicalName: key.schemaName.toLowerCase(),
    EntityLogicalName: table.name,
    KeyAttributes: key.columns,
    EntityKeyIndexStatus: key.status,
  }))
}

function metadataId(table: Table): string {
  return `70816501-edb9-4740-a16c-${String(table.objectTypeCode).padStart(12, '0')}`
}

/** What $select asks for; MetadataId and what was expanded always come along. */
function pick(all: Json, select: string | undefined, always: readonly string[] = []): Json {
  if (select === undefined || select === '') return { ...all }
  const wanted = select.split(',').map((name) => name.trim())
  for (const name of wanted) {
    if (!(name in all))
      throw uriError(
        `Could not find a property named '${name}' on type 'Microsoft.Dynamics.CRM.EntityMetadata'.`,
      )
  }
  const kept = new Set([...wanted, ...always, '@odata.type', 'MetadataId'])
  return Object.fromEntries(Object.entries(all).filter(([name]) => kept.has(name)))
}
