import { asNumber, asObject, asObjects, asString, type JsonObject } from '../shape.ts'
import type { Column, ColumnType } from './metadata.ts'

const columnTypes: ReadonlySet<string> = new Set<ColumnType>([
  'String',
  'Memo',
  'Integer',
  'BigInt',
  'Decimal',
  'Double',
  'Money',
  'Boolean',
  'Picklist',
  'MultiSelectPicklist',
  'State',
  'Status',
  'DateTime',
  'Lookup',
  'Customer',
  'Owner',
  'Uniqueidentifier',
])
const requiredLevels: ReadonlySet<string> = new Set<Column['requiredLevel']>([
  'Recommended',
  'ApplicationRequired',
  'SystemRequired',
])

/** Facts of EntityDefinitions about one column, without look-up targets; undefined for other shapes. */
export function columnOf(common: JsonObject, typed: JsonObject | undefined): Column | undefined {
  const logicalName = asString(common.LogicalName)
  if (logicalName === undefined) return undefined
  const attributeType = typeOf(common)
  const level = asString(asObject(common.RequiredLevel)?.Value)
  return {
    logicalName,
    type: isColumnType(attributeType) ? attributeType : 'Other',
    requiredLevel: isRequiredLevel(level) ? level : 'None',
    validForCreate: common.IsValidForCreate === true,
    validForUpdate: common.IsValidForUpdate === true,
    ...(common.IsSecured === true ? { secured: { read: false, create: false, update: false } } : {}),
    ...(typed === undefined ? {} : typedFacts(typed)),
  }
}

/** Choices columns are of type Virtual, as other kinds are; their type's name says which. */
function typeOf({ AttributeType, AttributeTypeName }: JsonObject): string | undefined {
  const name = asString(asObject(AttributeTypeName)?.Value)
  return name === 'MultiSelectPicklistType' ? 'MultiSelectPicklist' : asString(AttributeType)
}

function isColumnType(type: string | undefined): type is ColumnType {
  return type !== undefined && columnTypes.has(type)
}

function isRequiredLevel(level: string | undefined): level is Column['requiredLevel'] {
  return level !== undefined && requiredLevels.has(level)
}

function typedFacts(typed: JsonObject): Partial<Column> {
  const maxLength = asNumber(typed.MaxLength)
  const format = asString(asObject(typed.FormatName)?.Value) ?? asString(typed.Format)
  const min = asNumber(typed.MinValue)
  const max = asNumber(typed.MaxValue)
  const behavior = asString(asObject(typed.DateTimeBehavior)?.Value)
  const defaultValue = typed.DefaultFormValue
  const options = optionsOf(typed)
  return {
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(format === undefined ? {} : { format }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(behavior === undefined ? {} : { behavior }),
    // -1 and null stand for no default.
    ...(defaultValue === undefined ? {} : { hasDefault: (asNumber(defaultValue) ?? -1) !== -1 }),
    ...(options === undefined ? {} : { options }),
  }
}

function optionsOf(typed: JsonObject): Column['options'] {
  // A choice has its own option set or shares a global one; the other member is null.
  const set = asObject(typed.OptionSet) ?? asObject(typed.GlobalOptionSet)
  if (set === undefined) return undefined
  const listed = asObjects(set.Options) ?? [set.FalseOption, set.TrueOption].map(asObject)
  return listed.flatMap((option) => {
    const value = asNumber(option?.Value)
    if (option === undefined || value === undefined) return []
    const state = asNumber(option.State)
    return [{ value, label: labelOf(option.Label), ...(state === undefined ? {} : { state }) }]
  })
}

function labelOf(label: unknown): string {
  const text = asObject(label)
  const inOurLanguage = asString(asObject(text?.UserLocalizedLabel)?.Label)
  return inOurLanguage ?? asString(asObjects(text?.LocalizedLabels)?.[0]?.Label) ?? ''
}
