import type { Column, TableDefinition } from '../dataverse/columns.ts'
import type { MarketoField } from '../marketo/schema.ts'
import { type Direction, type MarketoType, marketoTypes } from './fields.ts'
import { isLookup, isReadable, isReversible, isWritable, targetOf, typesFor } from './pair.ts'
import type { LeftOut } from './problem.ts'
import { securedAdvice } from './secured.ts'
import type { SelectedField } from './selection.ts'
import type { SystemField } from './system-fields.ts'
import { rivalWords, unfitValues, type ValueMap } from './value-map.ts'

type Way = Exclude<Direction, 'on-create'>

/** A field as it travels in the background sync. */
export interface SyncField {
  /** Marketo REST name. */
  marketo: string
  /** As Marketo has it now, whatever the selection says. */
  type: MarketoType
  /** What is left of the selected direction. */
  direction: Way
  inverted: boolean
  values?: ValueMap
  isScore: boolean
  /** Characters that Marketo takes, where it says so. */
  length?: number
  /** Absent: a system field. */
  column?: Column
  /** How a look-up is bound; present for every look-up that travels to Dynamics. */
  target?: { navigationProperty: string; entitySet: string }
}

/** `left`: what is not as selected; without `field` nothing of it is left. */
export interface Judged {
  field?: SyncField
  /** What would travel, if we might read the column. */
  aside?: SyncField
  left?: LeftOut
}

type Live = ReadonlyMap<string, MarketoField>
type Refused = ReadonlySet<string>

function refusedByMarketo(field: string): LeftOut {
  const advice = `Marketo lists ${field}, and refuses the calls that name it: check in Field Management that it is visible and not being renamed or merged. The service tries it again every hour.`
  return { side: 'marketo', code: 'marketo-field-unknown', field, advice }
}

/** One selected field against what is there now. */
export function judgeField(
  selected: SelectedField,
  table: TableDefinition,
  live: Live,
  refused?: Refused,
): Judged {
  const { marketo, direction } = selected
  const column = table.columns.get(selected.column)
  const { secured } = column ?? {}
  if (column && secured && !(direction === 'on-create' ? secured.create : secured.read)) {
    const { secured: _, ...open } = column
    const columns = new Map([...table.columns, [selected.column, open]])
    const { field } = judgeField(selected, { ...table, columns }, live, refused)
    return {
      left: dynamics('column-secured', column, securedAdvice(column.logicalName)),
      ...(field && { aside: field }),
    }
  }
  if (direction === 'on-create') return {}
  if (column === undefined) return { left: columnMissing(selected.column) }
  if (refused?.has(marketo)) return { left: refusedByMarketo(marketo) }
  const known = live.get(marketo)
  if (known === undefined && marketo !== 'id') {
    const advice = `Add ${marketo} to Marketo under this REST name as a custom field of type ${selected.type}, or exclude the field.`
    return { left: { side: 'marketo', code: 'marketo-field-missing', field: marketo, advice } }
  }
  const type = typeOf(known, selected.type)
  // Texts and numbers have no opposite sense: one would arrive for the other.
  if (selected.inverted && type !== 'boolean') return { left: oneWay(type, column) }
  const narrowed = narrow(direction, { type, column, values: selected.values, known })
  if (narrowed.way === undefined) return narrowed.left ? { left: narrowed.left } : {}
  const target = narrowed.way === 'to-marketo' ? undefined : targetOf(selected.target, column)
  if (target === undefined && narrowed.way !== 'to-marketo' && isLookup(column)) {
    const advice = `Name the table that ${column.logicalName} points to as "target".`
    return { left: dynamics('lookup-target-unclear', column, advice) }
  }
  return {
    field: {
      marketo,
      type,
      direction: narrowed.way,
      inverted: selected.inverted,
      ...(selected.values && { values: selected.values }),
      isScore: type === 'score' || selected.type === 'score',
      column,
      ...(known?.length !== undefined && { length: known.length }),
      ...(target && { target }),
    },
    ...left(narrowed.left ?? unfit(selected, column)),
  }
}

function left(left: LeftOut | undefined): Pick<Judged, 'left'> {
  return left === undefined ? {} : { left }
}

/** A word that stands for nothing: those who have it are refused or left out, the others travel. */
function unfit({ marketo, values }: SelectedField, column: Column): LeftOut | undefined {
  const sentences = values === undefined ? [] : unfitValues(values, column)
  if (sentences.length === 0) return undefined
  const advice = `Correct "values" of ${marketo}: ${sentences.join('; ')}.`
  return { side: 'dynamics', code: 'values-invalid', field: column.logicalName, advice }
}

/** A field that the service itself fills in Marketo. */
export function judgeSystemField(
  { name, dataType, searched }: SystemField,
  live: Live,
  refused?: Refused,
): Judged {
  if (refused?.has(name)) return { left: refusedByMarketo(name) }
  const known = live.get(name)
  const advice = `Run \`npm run setup\`: Marketo needs ${name} as a custom field of type ${dataType}.`
  if (known === undefined || typeOf(known, undefined) !== dataType || (searched && !known.searchable)) {
    return { left: { side: 'marketo', code: 'marketo-field-missing', field: name, advice } }
  }
  if (!known.updateable) {
    const unlock = `Let the API user's role write ${name} in Marketo.`
    return { left: { side: 'marketo', code: 'marketo-field-read-only', field: name, advice: unlock } }
  }
  const field: SyncField = {
    marketo: name,
    type: dataType === 'boolean' ? 'boolean' : 'string',
    direction: 'to-marketo',
    inverted: false,
    isScore: false,
    ...(known.length !== undefined && { length: known.length }),
  }
  return { field }
}

/** Characters of the id that is written into a stamp column. */
const stampLength = 36

/** The column that takes the id of a write, if it can. */
export function judgeStamp(
  name: string | undefined,
  table: TableDefinition,
): { column?: string; left?: LeftOut } {
  if (name === undefined) return {}
  const column = table.columns.get(name)
  if (column === undefined) return { left: columnMissing(name) }
  if (column.secured && !column.secured.update)
    return { left: dynamics('column-secured', column, securedAdvice(name)) }
  if (!column.validForUpdate) {
    return {
      left: dynamics('column-read-only', column, `Choose a "stamp" that can be written: ${name} cannot.`),
    }
  }
  const isText = column.type === 'String' || column.type === 'Memo'
  if (!isText || (column.maxLength !== undefined && column.maxLength < stampLength)) {
    const advice = `Choose a text column of at least ${stampLength} characters as "stamp", not ${name} is none.`
    return { left: dynamics('column-unsupported', column, advice) }
  }
  return { column: name }
}

/** What Marketo and Dynamics allow of a direction. What neither allows is left out with the first reason. */
function narrow(
  wanted: Way,
  pair: { type: MarketoType; column: Column; values: ValueMap | undefined; known: MarketoField | undefined },
): { way?: Way; left?: LeftOut } {
  const { type, column, values, known } = pair
  const { logicalName: name } = column
  const outward = wanted !== 'to-marketo'
  const inward = wanted !== 'to-dynamics'
  const fallback = (way: Way, left: LeftOut) => (wanted === 'both' ? { way, left } : { left })
  if (column.type === 'Other') {
    return {
      left: dynamics('column-unsupported', column, `Exclude the field: the type of ${name} is not mapped.`),
    }
  }
  if (wanted === 'both' && column.type !== 'Owner' && !isReversible(type, column, values))
    return { left: oneWay(type, column) }
  const rivals = inward && values ? rivalWords(values, column) : undefined
  if (rivals) return fallback('to-dynamics', ambiguous(rivals, column))
  if (inward && !isReadable(type, column, values)) return { left: oneWay(type, column) }
  if (outward && (column.type === 'Owner' || !column.validForUpdate)) {
    const advice = `Make the field to-marketo: ${name} cannot be changed in Dynamics.`
    return fallback('to-marketo', dynamics('column-read-only', column, advice))
  }
  if (outward && column.secured?.update === false)
    return fallback('to-marketo', dynamics('column-secured', column, securedAdvice(name)))
  if (outward && !isWritable(type, column, values)) return { left: oneWay(type, column) }
  if (inward && known?.updateable !== true) {
    const field = known?.name ?? 'id'
    const advice = `Make the field to-dynamics: ${field} cannot be changed in Marketo.`
    return fallback('to-dynamics', { side: 'marketo', code: 'marketo-field-read-only', field, advice })
  }
  return { way: wanted }
}

function oneWay(type: MarketoType, column: Column): LeftOut {
  const { logicalName: name } = column
  const types = typesFor(column)
  const remedy =
    types.length === 0
      ? 'Make the field to-marketo with type string'
      : `Map ${name} to a Marketo field of type ${types.join(' or ')}`
  const reason = `what ${name} (${column.type}) and a ${type} of Marketo hold is not the same`
  return dynamics('pair-one-way', column, `${remedy}, or exclude the field: ${reason}.`)
}

function ambiguous([one, other]: [string, string], column: Column): LeftOut {
  const advice = `Make the field to-dynamics, or give each value of ${column.logicalName} one word: ${JSON.stringify(one)} and ${JSON.stringify(other)} stand for the same.`
  return dynamics('pair-one-way', column, advice)
}

function columnMissing(column: string): LeftOut {
  const advice = column.startsWith('mkt_')
    ? `Install Marketo Sales Insight in Dynamics, which brings ${column}, or exclude the field.`
    : `Add ${column} to the table in Dynamics, or exclude the field.`
  return { side: 'dynamics', code: 'column-missing', field: column, advice }
}

function dynamics(code: LeftOut['code'], column: Column, advice: string): LeftOut {
  return { side: 'dynamics', code, field: column.logicalName, advice }
}

function typeOf<T>(known: MarketoField | undefined, otherwise: T): MarketoType | T {
  return marketoTypes.find((type) => type === known?.dataType) ?? otherwise
}
