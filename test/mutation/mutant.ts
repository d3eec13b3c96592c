/** One guard, taken out. */
export interface Mutant {
  name: string
  /** What goes wrong without it. */
  why: string
  /** From the root of the repository. */
  file: string
  /** Occurs in the file exactly once. */
  text: string
  replacement: string
  /** Test files of which at least one must fail. */
  tests: readonly string[]
}

/** The file without its guard. Throws when the guard is not there exactly once. */
export function mutate(source: string, { name, file, text, replacement }: Mutant): string {
  const [before, after, ...more] = source.split(text)
  if (before === undefined || after === undefined) throw new Error(`${name}: ${file} has no such text`)
  if (more.length > 0) throw new Error(`${name}: ${file} has the text ${more.length + 1} times`)
  return before + replacement + after
}
