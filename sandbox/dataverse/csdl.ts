import type { Reply } from '../outcome.ts'
import type { Organisation } from './organisation.ts'
import { type Column, type ColumnType, isLookup, propertyName, type Table } from './table.ts'

/** Source: "Web API types and operations"; a BigInt is an Int64, a Picklist an Int32. */
const EDM: Readonly<Record<ColumnType, string>> = {
  String: 'Edm.String',
  Memo: 'Edm.String',
  Integer: 'Edm.Int32',
  BigInt: 'Edm.Int64',
  Decimal: 'Edm.Decimal',
  Double: 'Edm.Double',
  Money: 'Edm.Decimal',
  Boolean: 'Edm.Boolean',
  Picklist: 'Edm.Int32',
  MultiSelectPicklist: 'Edm.String',
  State: 'Edm.Int32',
  Status: 'Edm.Int32',
  DateTime: 'Edm.DateTimeOffset',
  Lookup: 'Edm.Guid',
  Customer: 'Edm.Guid',
  Owner: 'Edm.Guid',
  Uniqueidentifier: 'Edm.Guid',
}

/** GET $metadata: the service document in CSDL, as far as the sandbox has tables. */
export function metadataDocument({ tables }: Organisation): Reply {
  const types = [...tables.values()].map(entityType).join('\n')
  const sets = [...tables.values()]
    .map(({ entitySet, name }) => `<EntitySet Name="${entitySet}" EntityType="mscrm.${name}" />`)
    .join('\n')
  return {
    status: 200,
    headers: { 'Content-Type': 'application/xml', 'OData-Version': '4.0' },
    body: `<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>
<Schema Namespace="Microsoft.Dynamics.CRM" Alias="mscrm" xmlns="http://docs.oasis-open.org/odata/ns/edm">
${types}
<EntityContainer Name="System">
${sets}
</EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>`,
  }
}

function entityType(table: Table): string {
  const properties = [...table.columns.values()].map(property).join('')
  return `<EntityType Name="${table.name}"><Key><PropertyRef Name="${table.primaryId}" /></Key>${properties}</EntityType>`
}

function property(column: Column): string {
  const type = column.behavior === 'DateOnly' ? 'Edm.Date' : EDM[column.type]
  const own = `<Property Name="${propertyName(column)}" Type="${type}" />`
  if (!isLookup(column)) return own
  const targets = (column.targets ?? []).map(
    ({ navigation, table }) => `<NavigationProperty Name="${navigation}" Type="mscrm.${table}" />`,
  )
  return own + targets.join('')
}
