import type { Column } from '../dataverse/metadata.ts'
import { coerce, isDateOnly } from './coercion.ts'
import type { MarketoType } from './fields.ts'
import { readDay, readInstant } from './instant.ts'
import { textOfOption } from './option.ts'
import { isText } from './pair.ts'
import type { FieldValue } from './person.ts'
import { isBlank } from './read-person.ts'

/** A field as far as the form of its values goes. */
export interface FormOf {
  type: MarketoType
  /** Booleans of opposite sense: true in Marketo is false in Dynamics. */
  inverted: boolean
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
  const inColumn = coerce(typed, form.column, form.inverted)
  if (inColumn.kind === 'nothing') return emptyOf(form)
  if (inColumn.kind === 'wrong') return typed
  const back = fromColumn(rounded(inColumn.value, form.column), form, form.column)
  return back === undefined ? typed : (ofType(back, form.type) ?? emptyOf(form))
}

/** The normal form of what a row of Dynamics holds; undefined when it is no plain value. */
export function normalOfColumn(raw: unknown, form: FormOf & { column: Column }): FieldValue | undefined {
  const read = fromColumn(raw, form, form.column)
  return read === undefined ? undefined : normalOfMarketo(read, form)
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

function fromColumn(raw: unknown, { type, inverted }: FormOf, column: Column): FieldValue | undefined {
  if (raw === null) return null
  if (typeof raw === 'boolean') {
    if (type === 'boolean') return raw !== inverted
    return isText(type) ? String(raw) : Number(raw)
  }
  if (typeof raw === 'number') return isText(type) ? textOfOption(raw, column.options ?? []) : raw
  if (typeof raw !== 'string') return undefined
  if (type !== 'date' && type !== 'datetime') return raw
  return (type === 'date' ? readDay(raw) : readInstant(raw)) ?? raw
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
