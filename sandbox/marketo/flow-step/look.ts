import { isMembers } from '../request.ts'

/** What a stranger's JSON holds at a path; undefined = it does not go that far. */
export function at(value: unknown, path: readonly string[]): unknown {
  let found = value
  for (const step of path) {
    if (!isMembers(found) || !Object.hasOwn(found, step)) return undefined
    found = found[step]
  }
  return found
}

/** The shortest part of the path that leads nowhere. */
export function firstGap(value: unknown, path: readonly string[]): readonly string[] {
  const length = path.findIndex((_, index) => at(value, path.slice(0, index + 1)) === undefined) + 1
  return length === 0 ? path : path.slice(0, length)
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== ''
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** A stranger's value in a sentence. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

export function isUrl(value: unknown, base?: string): value is string {
  return typeof value === 'string' && /^https?:$/.test(URL.parse(value, base)?.protocol ?? '')
}
