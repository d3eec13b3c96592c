import type { Column } from '../dataverse/columns.ts'
import { type Coerced, coerce, wrong } from './coercion.ts'
import { elementsOf, readChoices, textOfOption, wordKey, writeChoices } from './option.ts'
import type { FieldValue } from './person.ts'
import { isBlank } from './read-person.ts'

/** A value of Dynamics as a field selection names it: for a choice its number or its label. */
export type DynamicsValue = string | number | boolean

/** Which value of a column each of Marketo's words stands for. */
export interface ValueMap {
  /** By the word's key (see wordKey). Of several words for one value, the first one is the way back. */
  words: ReadonlyMap<string, { word: string; value: DynamicsValue }>
  /** Of what is not in the map. Absent: it travels as it would without a map. */
  otherwise?: { kind: 'omit' | 'fail' } | { kind: 'value'; value: DynamicsValue }
}

/** A column with what a field says of its values. */
export interface ColumnForm {
  column: Column
  /** Booleans of opposite sense: true in Marketo is false in Dynamics. */
  inverted: boolean
  values?: ValueMap
}

/** What Marketo says, as the column takes it: by the map, else by the column's type (see coerce). */
export function toColumnValue(given: FieldValue, { column, inverted, values }: ColumnForm): Coerced {
  if (values === undefined || given === null || isBlank(given)) return coerce(given, column, inverted)
  if (column.type !== 'MultiSelectPicklist') return mapped(given, column, values)
  const choices: number[] = []
  for (const element of elementsOf(String(given))) {
    const choice = mapped(element, elementOf(column), values)
    if (choice.kind !== 'value') return choice
    choices.push(Number(choice.value))
  }
  return { kind: 'value', value: choices.length === 0 ? null : writeChoices(choices) }
}

/** Marketo's word for what the column holds; undefined where the map has none. A list has one for each element. */
export function wordOf(held: FieldValue, column: Column, values: ValueMap): string | undefined {
  if (held === null) return undefined
  const wanted = comparable(held, column)
  for (const { word, value } of values.words.values()) {
    const meant = coerce(value, column)
    if (meant.kind === 'value' && meant.value !== null && comparable(meant.value, column) === wanted)
      return word
  }
  return undefined
}

/** Marketo's text for a choice that the column holds: its word, its label, or its number where neither leads back. */
export function textOfChoice(choice: number, column: Column, values: ValueMap | undefined): string {
  const word = values && wordOf(choice, column, values)
  if (word !== undefined) return word
  const label = textOfOption(choice, column.options ?? [])
  return values?.words.has(wordKey(label)) ? String(choice) : label
}

/** The same for a list of choices; undefined when the column holds no such list. */
export function textOfChoices(
  held: string,
  column: Column,
  values: ValueMap | undefined,
): string | undefined {
  const texts = readChoices(held)?.map((choice) => {
    const text = textOfChoice(choice, elementOf(column), values)
    return text.includes(';') ? String(choice) : text
  })
  return texts?.join(';')
}

/** Sentences about values of the map that the column does not take. */
export function unfitValues(values: ValueMap, column: Column): string[] {
  const named: { name: string; value: DynamicsValue }[] = [...values.words.values()].map(
    ({ word, value }) => ({ name: JSON.stringify(word), value }),
  )
  if (values.otherwise?.kind === 'value') named.push({ name: '"otherwise"', value: values.otherwise.value })
  return named
    .filter(({ value }) => coerce(value, elementOf(column)).kind !== 'value')
    .map(
      ({ name, value }) =>
        `${name} stands for ${JSON.stringify(value)}, which ${column.logicalName} does not take`,
    )
}

/** Two words that stand for the same value of the column, so that the way back is not clear. */
export function rivalWords(values: ValueMap, column: Column): [string, string] | undefined {
  const first = new Map<FieldValue, string>()
  for (const { word, value } of values.words.values()) {
    const meant = coerce(value, elementOf(column))
    if (meant.kind !== 'value') continue
    const key = comparable(meant.value, column)
    const rival = first.get(key)
    if (rival !== undefined) return [rival, word]
    first.set(key, word)
  }
  return undefined
}

/** Columns whose values have names or may be given some. */
export function isMappable({ type }: Column): boolean {
  const kinds = ['Picklist', 'MultiSelectPicklist', 'State', 'Status', 'Boolean', 'String', 'Memo']
  return [...kinds, 'Integer', 'Decimal', 'Double', 'Money', 'Lookup', 'Customer'].includes(type)
}

function mapped(given: string | number | boolean, column: Column, values: ValueMap): Coerced {
  const { words, otherwise } = values
  const found = words.get(wordKey(String(given))) ?? (otherwise?.kind === 'value' ? otherwise : undefined)
  if (found === undefined) {
    return otherwise === undefined
      ? coerce(given, column)
      : wrong(
          'value-unmapped',
          'Add the value to "values" of the field in the field selection, or correct it.',
        )
  }
  const meant = coerce(found.value, column)
  if (meant.kind === 'value') return meant
  return wrong(
    'mapping-invalid',
    `Correct "values" of the field in the field selection: ${column.logicalName} does not take what a word stands for.`,
  )
}

/** One element of a list of choices is a choice. */
function elementOf(column: Column): Column {
  return column.type === 'MultiSelectPicklist' ? { ...column, type: 'Picklist' } : column
}

/** Texts of a map are compared as words are. */
function comparable(held: FieldValue, { type }: Column): FieldValue {
  return typeof held === 'string' && (type === 'String' || type === 'Memo') ? wordKey(held) : held
}
