import { parseArgs } from 'node:util'

export type Flags =
  | { kind: 'serve'; dataDirectory?: string }
  | { kind: 'tour' }
  | { kind: 'help' }
  /** A sentence for whoever typed it. */
  | { kind: 'wrong'; problem: string }

const OPTIONS = {
  data: { type: 'string' },
  tour: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** What was asked for on the command line, without the programme's own name. */
export function readFlags(args: readonly string[]): Flags {
  const { values, tokens } = parseArgs({
    args: [...args],
    options: OPTIONS,
    strict: false,
    tokens: true,
  })
  for (const token of tokens) {
    if (token.kind === 'positional') return wrong(`"${token.value}" is not a flag.`)
    if (token.kind === 'option-terminator') continue
    if (!Object.hasOwn(OPTIONS, token.name)) return wrong(`There is no flag ${token.rawName}.`)
    if (token.name !== 'data' && token.value !== undefined) return wrong(`${token.rawName} takes no value.`)
  }
  const { data, tour, help } = values
  if (help) return { kind: 'help' }
  if (data !== undefined && (typeof data !== 'string' || /^(-|$)/.test(data))) {
    return wrong('--data needs a directory.')
  }
  if (tour && data !== undefined)
    return wrong('--tour makes data of its own and removes it: leave --data out.')
  if (tour) return { kind: 'tour' }
  return { kind: 'serve', ...(data !== undefined && { dataDirectory: data }) }
}

function wrong(problem: string): Flags {
  return { kind: 'wrong', problem }
}
