/** One statement as it goes over the wire. */
export interface Statement {
  text: string
  values: readonly unknown[]
}

interface Positional {
  text: string
  names: readonly string[]
}

const known = new Map<string, Positional>()

/** The store writes `:name`, as SQLite does; PostgreSQL's protocol counts `$1`. */
export function statement(sql: string, parameters: Readonly<Record<string, unknown>> = {}): Statement {
  const { text, names } = known.get(sql) ?? translate(sql)
  return { text, values: names.map((name) => parameterOf(name, parameters)) }
}

function translate(sql: string): Positional {
  const names: string[] = []
  const text = sql.replace(/(?<!:):([a-zA-Z]\w*)/g, (_, name: string) => {
    if (!names.includes(name)) names.push(name)
    return `$${names.indexOf(name) + 1}`
  })
  const positional = { text, names }
  known.set(sql, positional)
  return positional
}

/** Escapes in JSON that PostgreSQL's text has nothing for: U+0000, and half of a pair, which JSON always escapes. */
const NO_TEXT = /\\(?:\\|u0000|ud[89a-f][\da-f]{2})/g

/** JSON for a parameter; what cannot be kept becomes U+FFFD. Source: PostgreSQL, "JSON Types". */
export function toJson(value: unknown): string {
  return JSON.stringify(value).replace(NO_TEXT, (found) => (found === '\\\\' ? found : '\\ufffd'))
}

function parameterOf(name: string, parameters: Readonly<Record<string, unknown>>): unknown {
  if (!Object.hasOwn(parameters, name)) throw new Error(`The statement has no value for :${name}`)
  const value = parameters[name]
  return typeof value === 'string' ? value.replaceAll('\0', '\ufffd') : value
}
