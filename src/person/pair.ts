import type { Column } from '../dataverse/columns.ts'
import { isDateOnly } from './coercion.ts'
import { type MarketoType, marketoTypes } from './fields.ts'
import { isMappable, type ValueMap } from './value-map.ts'

/** Which of Marketo's types and which columns of Dynamics can hold the same. */

const texts: readonly MarketoType[] = ['string', 'text', 'email', 'phone', 'url']
const wholes: readonly MarketoType[] = ['integer', 'score', 'percent']
const reals: readonly MarketoType[] = ['float', 'currency']

export const isText = (type: MarketoType) => texts.includes(type)
export const isWhole = (type: MarketoType) => wholes.includes(type)
export const isReal = (type: MarketoType) => reals.includes(type)
const isTime = (type: MarketoType) => type === 'date' || type === 'datetime'

export function isLookup(column: Column): boolean {
  return column.type === 'Lookup' || column.type === 'Customer'
}

/**
 * A day that Dynamics keeps as a moment: the midnight of the user who wrote it, shown to each user in their own time
 * zone. Source: Microsoft Learn, "Behavior and format of the date and time column".
 */
export function isUserLocalDay(column: Column): boolean {
  return column.type === 'DateTime' && column.format === 'DateOnly' && column.behavior === 'UserLocal'
}

/** Whether every value of the Marketo type that travels comes back from the column as it went. */
export function isReversible(type: MarketoType, column: Column, values?: ValueMap): boolean {
  if (values === undefined || holdsSame(type, column)) return holdsSame(type, column)
  // Of these only what the map names travels, or it names all that there is.
  return isMappable(column) && (values.otherwise !== undefined || namesBoth(values, type, column))
}

function namesBoth({ words }: ValueMap, type: MarketoType, { type: columnType }: Column): boolean {
  if (type === 'boolean') return words.has('true') && words.has('false')
  return columnType === 'Boolean' && isText(type) && words.size === 2
}

function holdsSame(type: MarketoType, column: Column): boolean {
  switch (column.type) {
    case 'String':
    case 'Memo':
      return isText(type)
    case 'Integer':
    case 'BigInt':
      return isWhole(type)
    case 'Decimal':
    case 'Double':
    case 'Money':
      return isReal(type)
    case 'Boolean':
      return type === 'boolean'
    case 'Picklist':
    case 'State':
    case 'Status':
      return type === 'string' || type === 'text' || type === 'integer'
    case 'DateTime':
      return type === 'date' || (type === 'datetime' && !isDateOnly(column))
    case 'MultiSelectPicklist':
    case 'Lookup':
    case 'Customer':
    case 'Uniqueidentifier':
      return type === 'string' || type === 'text'
    case 'Owner':
    case 'Other':
      return false
    default:
      return column.type satisfies never
  }
}

/** Whether a Marketo field of the type can hold what the column holds, though the way back may lose something. */
export function isReadable(type: MarketoType, column: Column, values?: ValueMap): boolean {
  if (column.type === 'Other') return false
  if (values !== undefined && isMappable(column)) return true
  if (column.type === 'Owner' || isText(type)) return isText(type)
  const isNumber = ['Integer', 'BigInt', 'Decimal', 'Double', 'Money'].includes(column.type)
  if (isReal(type)) return isNumber
  if (isTime(type)) return column.type === 'DateTime'
  return holdsSame(type, column)
}

/** Whether a column can hold some value of the Marketo type, though the way back may lose something. */
export function isWritable(type: MarketoType, column: Column, values?: ValueMap): boolean {
  if (values !== undefined && isMappable(column)) return true
  switch (column.type) {
    case 'Owner':
    case 'Other':
      return false
    case 'String':
    case 'Memo':
      return true
    case 'Boolean':
      return !isTime(type)
    case 'DateTime':
      return isText(type) || isTime(type)
    case 'MultiSelectPicklist':
    case 'Lookup':
    case 'Customer':
    case 'Uniqueidentifier':
      return isText(type)
    default:
      return !isTime(type) && type !== 'boolean'
  }
}

/** The types of Marketo that lose nothing in the column. */
export function typesFor(column: Column): MarketoType[] {
  return marketoTypes.filter((type) => isReversible(type, column))
}

/** How a look-up is bound to a row of `table`; undefined when it is not clear which table is meant. */
export function targetOf(table: string | undefined, column: Column) {
  const targets = column.targets ?? []
  const chosen = table === undefined ? targets : targets.filter((one) => one.table === table)
  return chosen.length === 1 && isLookup(column) ? chosen[0] : undefined
}
