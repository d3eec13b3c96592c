const WIDTH_MAX = 100
const GAP = '  '
const COLUMNS = [
  { title: '#', width: 2, align: 'right' },
  { title: 'Step', width: 30, align: 'left' },
  { title: 'Asked', width: 23, align: 'left' },
  { title: 'Answer', width: 26, align: 'left' },
  { title: 'Leads', width: 5, align: 'right' },
  { title: 'Held', width: 4, align: 'left' },
] as const

export type Cells = readonly [
  number: string,
  step: string,
  asked: string,
  answer: string,
  leads: string,
  held: string,
]

export function header(): string {
  const titles = COLUMNS.map(({ title, width, align }) => fit(title, width, align))
  const rules = COLUMNS.map(({ width }) => '-'.repeat(width))
  return `${line(titles)}${line(rules)}`
}

/** What is too long for its column is clipped, so that the table stays one. */
export function row(cells: Cells): string {
  return line(COLUMNS.map(({ width, align }, at) => fit(cells[at] ?? '', width, align)))
}

/** A text for a row, below the table: broken between words, the row's number before it. */
export function note(number: string, text: string): string {
  const [{ width }] = COLUMNS
  const lines = ['']
  for (const word of text.split(/\s+/)) {
    const open = lines.at(-1) ?? ''
    const longer = open === '' ? word : `${open} ${word}`
    if (width + GAP.length + longer.length <= WIDTH_MAX || open === '') lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines.map((part, at) => line([fit(at === 0 ? number : '', width, 'right'), part])).join('')
}

function line(cells: readonly string[]): string {
  return `${cells.join(GAP).trimEnd()}\n`
}

function fit(text: string, width: number, align: 'left' | 'right'): string {
  const clipped = text.length > width ? `${text.slice(0, width - 1)}…` : text
  return align === 'left' ? clipped.padEnd(width) : clipped.padStart(width)
}
