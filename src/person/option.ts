import type { Column } from '../dataverse/columns.ts'

type Options = NonNullable<Column['options']>

/** How words are compared: neither case nor blanks around them count. */
export const wordKey = (word: string) => word.trim().toLowerCase()

/** The options that a label or a number in digits may mean: one is an answer, none or several are a problem. */
export function optionsMeant(text: string, options: Options): number[] {
  const wanted = wordKey(text)
  if (wanted === '') return []
  const meant = options.filter(
    (option) =>
      wordKey(option.label) === wanted || (/^-?\d{1,10}$/.test(wanted) && option.value === Number(wanted)),
  )
  return [...new Set(meant.map((option) => option.value))]
}

/** What Marketo shows for an option: its label, or its number where the label would not lead back to it. */
export function textOfOption(value: number, options: Options): string {
  const label = options.find((option) => option.value === value)?.label
  if (label === undefined) return String(value)
  const meant = optionsMeant(label, options)
  return meant.length === 1 && meant[0] === value ? label : String(value)
}

/** The elements of Marketo's list of choices, which are separated by semicolons. */
export function elementsOf(list: string): string[] {
  return list
    .split(';')
    .map((element) => element.trim())
    .filter((element) => element !== '')
}

/** A list of choices as Dynamics writes it: numbers, each once and in order, so that equal lists are equal texts. */
export function writeChoices(values: readonly number[]): string {
  return eachOnce(values).join(',')
}

/** The numbers of a list of choices as Dynamics writes it, each once and in order; undefined when it is none. */
export function readChoices(text: string): number[] | undefined {
  if (!/^\s*-?\d{1,10}(?:\s*,\s*-?\d{1,10})*\s*$/.test(text)) return undefined
  return eachOnce(text.split(',').map(Number))
}

function eachOnce(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b)
}
