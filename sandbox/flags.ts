import { parseArgs } from 'node:util'

export type Flags =
  | { kind: 'serve'; dataDirectory?: string; fieldsFile?: string; port?: number }
  | { kind: 'tour'; port?: number }
  | { kind: 'busy'; seed: number; forSeconds?: number; dataDirectory?: string; port?: number }
  | { kind: 'help' }
  /** A sentence for whoever typed it. */
  | { kind: 'wrong'; problem: string }

const WITH_VALUE = ['data', 'fields', 'port', 'seed', 'for']
const OPTIONS = {
  data: { type: 'string' },
  fields: { type: 'string' },
  port: { type: 'string' },
  tour: { type: 'boolean' },
  busy: { type: 'boolean' },
  seed: { type: 'string' },
  for: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

const PORT_MAX = 65_535

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
    if (!WITH_VALUE.includes(token.name) && token.value !== undefined)
      return wrong(`${token.rawName} takes no value.`)
  }
  const { data, fields, tour, busy, help } = values
  if (help) return { kind: 'help' }
  if (data !== undefined && !isName(data)) return wrong('--data needs a directory.')
  if (fields !== undefined && !isName(fields)) return wrong('--fields needs a file.')
  if (fields !== undefined && (tour || busy)) return wrong('--fields goes with neither --tour nor --busy.')
  if (tour && data !== undefined)
    return wrong('--tour makes data of its own and removes it: leave --data out.')
  if (tour && busy) return wrong('--tour and --busy are two things: choose one.')
  const [seed, seconds, port] = [wholeNumber(values.seed), wholeNumber(values.for), wholeNumber(values.port)]
  if (Number.isNaN(port) || port === 0 || (port ?? 0) > PORT_MAX)
    return wrong(`--port needs a number from 1 to ${PORT_MAX}: the first port to try.`)
  if (Number.isNaN(seed)) return wrong('--seed needs a whole number.')
  if (Number.isNaN(seconds) || seconds === 0) return wrong('--for needs a number of seconds, 1 at least.')
  if (!busy && (seed ?? seconds) !== undefined) return wrong('--seed and --for go with --busy.')
  const ownPort = port !== undefined && { port }
  if (tour) return { kind: 'tour', ...ownPort }
  const place = { ...ownPort, ...(data !== undefined && { dataDirectory: data }) }
  if (!busy) return { kind: 'serve', ...place, ...(fields !== undefined && { fieldsFile: fields }) }
  return {
    kind: 'busy',
    seed: seed ?? 1,
    ...(seconds !== undefined && { forSeconds: seconds }),
    ...place,
  }
}

/** A value, and not the next flag. */
function isName(value: string | boolean): value is string {
  return typeof value === 'string' && !/^(-|$)/.test(value)
}

/** undefined when absent, NaN when it is none. */
function wholeNumber(value: string | boolean | undefined): number | undefined {
  if (value === undefined) return undefined
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
}

function wrong(problem: string): Flags {
  return { kind: 'wrong', problem }
}
