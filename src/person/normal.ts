import type { Column } from '../dataverse/columns.ts'
import { coerce, isDateOnly } from './coercion.ts'
import type { MarketoType } from './fields.ts'
import { readDay, readInstant } from './instant.ts'
import { isText } from './pair.ts'
import type { FieldValue } from './person.ts'
import { isBlank } from './read-person.ts'
import { textOfChoice, textOfChoices, toColumnValue, type ValueMap, wordOf } from './value-map.ts'

/** A field as far as the form of its values goes. */
export interface FormOf {
  type: MarketoType
  /** Booleans of opposite sense: true in Marketo is false in Dynamics. */
  inverted: boolean
  /** Which values of the column Marketo's words stand for. */
  values?: ValueMap
  /** Absent: a field that the service fills by itself. */
  column?: Column
}

/**
 * The normal form of what Marketo says, whatever the endpoint: equal values are `===`. It is what Marketo would
 * hold after the value went to the column and came back; a value that the column cannot take stays as it is.
 */
export function normalOfMarketo(given: FieldValue, form: FormOf): FieldValue {
  // A date-time that goes to a date-only column keeps its day as written, so it must not become UTC before.
  const isDay = form.type === 'datetime' && form.column !== undefined && isDateOnly(form.column)
  const typed = ofType(given, isDay ? 'date' : form.type)
  if (typed === null) return emptyOf(form)
  if (form.column === undefined) return typed
  const inColumn = toColumnValue(typed, { ...form, column: form.column })
  if (inColumn.kind === 'nothing') return emptyOf(form)
  if (inColumn.kind === 'wrong') return typed
  const back = fromColumn(rounded(inColumn.value, form.column), form, form.column)
  return back === undefined ? typed : (ofType(back, form.type) ?? emptyOf(form))
}

/** The normal form of what a row of Dynamics holds; undefined when it is no plain value. */
export function normalOfColumn(raw: unknown, form: FormOf & { column: Column }): FieldValue | undefined {
  const read = fromColumn(raw, form, form.column)
  if (read === undefined) return undefined
  if (form.values === undefined) return normalOfMarketo(read, form)
  // A word of the map, or what no word stands for: read as Marketo's, the latter could become another value.
  return ofType(read, form.type) ?? emptyOf(form)
}

/** Whether a value in normal form, written to Marketo, would stand for the same value of the column again. */
export function leadsBack(normal: FieldValue, form: FormOf): boolean {
  if (form.values === undefined || form.column === undefined || normal === null) return true
  const { column } = form
  const made = toColumnValue(normal, { ...form, column })
  return made.kind === 'value' && normalOfColumn(made.value, { ...form, column }) === normal
}

/** A yes/no field without a value is a no on both sides; where the senses differ, it stays empty. */
function emptyOf({ type, inverted }: FormOf): FieldValue {
  return type === 'boolean' && !inverted ? false : null
}

/** As the type has it, when it can be read as that. Line ends are one character, as Marketo counts. */
function ofType(given: FieldValue, type: MarketoType): FieldValue {
  if (given === null || isBlank(given)) return null
  const text = typeof given === 'string' ? given.replace(/\r\n?/g, '\n').toWellFormed() : given
  const made = coerce(text, shapes[type])
  if (made.kind === 'nothing') return null
  return made.kind === 'value' ? made.value : text
}

const shape = (type: Column['type'], format?: string): Column => ({
  logicalName: '',
  type,
  requiredLevel: 'None',
  validForCreate: true,
  validForUpdate: true,
  ...(format !== undefined && { format }),
})
const shapes: Readonly<Record<MarketoType, Column>> = {
  string: shape('String'),
  text: shape('Memo'),
  email: shape('String', 'Email'),
  phone: shape('String'),
  url: shape('String'),
  integer: shape('Integer'),
  score: shape('Integer'),
  percent: shape('Integer'),
  float: shape('Double'),
  currency: shape('Double'),
  boolean: shape('Boolean'),
  date: shape('DateTime', 'DateOnly'),
  datetime: shape('DateTime', 'DateAndTime'),
}

function fromColumn(raw: unknown, form: FormOf, column: Column): FieldValue | undefined {
  const { type, inverted, values } = form
  if (raw === null) return null
  if (column.type === 'MultiSelectPicklist') {
    return typeof raw === 'string' ? textOfChoices(raw, column, values) : undefined
  }
  const word = values && isFieldValue(raw) ? wordOf(raw, column, values) : undefined
  if (word !== undefined) return word
  if (typeof raw === 'boolean') {
    if (type === 'boolean') return raw !== inverted
    return isText(type) ? String(raw) : Number(raw)
  }
  if (typeof raw === 'number') return isText(type) ? textOfChoice(raw, column, values) : raw
  if (typeof raw !== 'string') return undefined
  if (type !== 'date' && type !== 'datetime') return raw
  return (type === 'date' ? readDay(raw) : readInstant(raw)) ?? raw
}

function isFieldValue(raw: unknown): raw is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof raw)
}

/**
 * Decimal places that Dynamics can keep at most: what is beyond them is noise of the floats on the way.
 * Source: Microsoft Learn, "DecimalAttributeMetadata", "DoubleAttributeMetadata" and "MoneyAttributeMetadata".
 */
const decimalPlaces: Partial<Record<Column['type'], number>> = { Decimal: 10, Double: 5, Money: 4 }

function rounded(value: FieldValue, column: Column): FieldValue {
  const places = decimalPlaces[column.type]
  if (typeof value !== 'number' || places === undefined) return value
  // toFixed writes larger numbers with an exponent; they have no decimal places.
  return Math.abs(value) < 1e21 ? Number(value.toFixed(places)) : value
}
