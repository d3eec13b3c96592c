import { label, literalLabel } from './metadata-label.ts'
import { type Column, type ColumnType, isLookup, type Table } from './table.ts'

type Json = Record<string, unknown>

/** EnumAttributeMetadata is missing on purpose: the vendor cannot cast to it either. */
const CASTS: Record<string, readonly ColumnType[]> = {
  StringAttributeMetadata: ['String'],
  MemoAttributeMetadata: ['Memo'],
  PicklistAttributeMetadata: ['Picklist'],
  StateAttributeMetadata: ['State'],
  StatusAttributeMetadata: ['Status'],
  BooleanAttributeMetadata: ['Boolean'],
  LookupAttributeMetadata: ['Lookup', 'Customer', 'Owner'],
  MoneyAttributeMetadata: ['Money'],
  IntegerAttributeMetadata: ['Integer'],
  BigIntAttributeMetadata: ['BigInt'],
  DecimalAttributeMetadata: ['Decimal'],
  DoubleAttributeMetadata: ['Double'],
  DateTimeAttributeMetadata: ['DateTime'],
  UniqueIdentifierAttributeMetadata: ['Uniqueidentifier'],
  MultiSelectPicklistAttributeMetadata: ['MultiSelectPicklist'],
}

/** The cast's short name, or undefined when the segment is no cast. */
export function castOf(segment: string): string | undefined {
  const name = segment.replace(/^Microsoft\.Dynamics\.CRM\./, '')
  return name !== segment && name in CASTS ? name : undefined
}

export function matchesCast(column: Column, cast: string | undefined): boolean {
  return cast === undefined || (CASTS[cast] ?? []).includes(column.type)
}

/** `detailed`: with the members of its own type, which $select reaches only through a cast. */
export function renderAttribute(
  table: Table,
  column: Column,
  detailed: boolean,
  expand: ReadonlySet<string>,
): Json {
  const type = Object.keys(CASTS).find((name) => CASTS[name]?.includes(column.type))
  const own = detailed ? details(column) : {}
  const shown: Json = {
    '@odata.type': `#Microsoft.Dynamics.CRM.${type}`,
    MetadataId: metadataId(table, column),
    LogicalName: column.name,
    SchemaName: column.schemaName,
    EntityLogicalName: table.name,
    AttributeType: column.type === 'MultiSelectPicklist' ? 'Virtual' : column.type,
    AttributeTypeName: { Value: `${column.type}Type` },
    RequiredLevel: {
      Value: column.required,
      CanBeChanged: true,
      ManagedPropertyLogicalName: 'canmodifyrequirementlevelsettings',
    },
    IsValidForCreate: column.create,
    IsValidForUpdate: column.update,
    IsValidForRead: true,
    IsSecured: column.secured ?? false,
    CanBeSecuredForRead: true,
    CanBeSecuredForCreate: column.create,
    CanBeSecuredForUpdate: column.update,
    IsPrimaryId: column.name === table.primaryId,
    IsPrimaryName: column.name === table.primaryName,
    IsCustomAttribute: column.name.includes('new_'),
    IsLogical: false,
    AttributeOf: null,
    DisplayName: label(column.schemaName),
    Description: label(column.schemaName),
    ...own,
  }
  if (expand.has('OptionSet')) shown.OptionSet = optionSet(column)
  if (expand.has('GlobalOptionSet')) shown.GlobalOptionSet = null
  return shown
}

function details(column: Column): Json {
  const range = { MinValue: column.minValue ?? null, MaxValue: column.maxValue ?? null }
  switch (column.type) {
    case 'String':
      return {
        MaxLength: column.maxLength,
        Format: column.format,
        FormatName: { Value: column.format },
        DatabaseLength: (column.maxLength ?? 0) * 2,
      }
    case 'Memo':
      return { MaxLength: column.maxLength, Format: column.format, FormatName: { Value: column.format } }
    case 'Integer':
      return { ...range, Format: 'None' }
    case 'BigInt':
      return range
    case 'Decimal':
    case 'Double':
    case 'Money':
      return { ...range, Precision: column.precision ?? 2 }
    case 'DateTime':
      return { Format: column.format, DateTimeBehavior: { Value: column.behavior } }
    case 'Boolean':
      return { DefaultValue: column.default ?? false }
    case 'Picklist':
    case 'State':
    case 'Status':
      return { DefaultFormValue: column.default ?? -1 }
    case 'Lookup':
    case 'Customer':
    case 'Owner':
      return { Targets: isLookup(column) ? (column.targets ?? []).map((target) => target.table) : [] }
    case 'MultiSelectPicklist':
    case 'Uniqueidentifier':
      return {}
    default:
      return column.type satisfies never
  }
}

function optionSet(column: Column): Json | null {
  if (column.type === 'Boolean') {
    return {
      OptionSetType: 'Boolean',
      TrueOption: { Value: 1, Label: literalLabel(booleanLabel(column, true)) },
      FalseOption: { Value: 0, Label: literalLabel(booleanLabel(column, false)) },
    }
  }
  if (!column.options) return null
  return {
    Name: column.name,
    IsGlobal: false,
    OptionSetType: column.type,
    Options: column.options.map((option) => ({
      Value: option.value,
      Label: literalLabel(option.label),
      ...(option.state === undefined ? {} : { State: option.state }),
    })),
  }
}

export function booleanLabel(column: Column, value: boolean): string {
  const own = column.options?.find((option) => option.value === Number(value))
  return own?.label ?? (value ? 'Yes' : 'No')
}

function metadataId(table: Table, column: Column): string {
  const index = [...table.columns.keys()].indexOf(column.name)
  return `b49e4b5c-7d1f-4d9c-${String(table.objectTypeCode).padStart(4, '0')}-${index.toString(16).padStart(12, '0')}`
}
