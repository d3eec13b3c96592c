import type { Column } from '../dataverse/metadata.ts'

type Options = NonNullable<Column['options']>

const normal = (label: string) => label.trim().toLowerCase()

/** The options that a label or a number in digits may mean: one is an answer, none or several are a problem. */
export function optionsMeant(text: string, options: Options): number[] {
  const wanted = normal(text)
  if (wanted === '') return []
  const meant = options.filter(
    (option) =>
      normal(option.label) === wanted || (/^-?\d{1,10}$/.test(wanted) && option.value === Number(wanted)),
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
