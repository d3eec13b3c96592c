import type { Side, Value } from './schema.ts'

const KEY_MAX = 200
/** Later values that a report of a lost edit names. */
const TOLD_MAX = 5

/** One value that somebody entered, wherever it was copied to since. */
export interface Edit {
  id: number
  field: string
  value: Value
  side: Side
  /** Where it was entered: `marketo:<id>` or `<table>:<guid>`. */
  home: string
  at: number
  /** The value that it replaced, which whoever entered it has seen. */
  parent?: Edit
  /** Brought by a merge: the edit itself, and what that had replaced where it was before. */
  original?: Edit
  parentBefore?: Edit
  /** Somebody has seen it and entered another. */
  superseded: boolean
  /** When the service first wrote it to the other side. */
  copiedAt?: number
}

export interface LoggedConflict {
  field: string
  winner: Side
  won: Value
  lost: Value
  at: number
  /** The link's objects, as `home` of an edit names them. */
  objects: readonly string[]
  recordType: 'lead' | 'contact'
}

export function isEmpty(value: Value): boolean {
  return value === null || value === false
}

/** Texts and scores that people enter are never entered twice, choices and flags are. */
export function isUnique(value: Value): boolean {
  return (typeof value === 'string' && /\d/.test(value)) || typeof value === 'number'
}

/** The service may know no more of a long text than its beginning. */
export function keyOf(field: string, value: Value): string {
  return `${field} ${String(value).slice(0, KEY_MAX)}`
}

/** What whoever entered it, or merged what has it, has seen before. */
export function ancestorsOf(edit: Edit): Set<Edit> {
  const found = new Set<Edit>()
  const open = [edit]
  for (const { parent, parentBefore } of open) {
    for (const one of [parent, parentBefore]) {
      if (one === undefined || found.has(one)) continue
      found.add(one)
      open.push(one)
    }
  }
  return found
}

/** Back to what it was before the other side had heard of anything else. `kept`: what the home holds of a value. */
export function isNoChange(edit: Edit, kept: (value: Value) => Value): boolean {
  for (let one = edit.parent; one; one = one.parent) {
    if (one.value === edit.value || kept(one.value) === edit.value) return true
    if (one.copiedAt !== undefined && (isUnique(one.value) || one.copiedAt < edit.at)) return false
  }
  return isEmpty(edit.value)
}

/** Somebody put the value back where it had been replaced: it stood there after all, and nothing was to be told. */
export function isEnteredAgain(edit: Edit, since: readonly Edit[]): boolean {
  return (
    isUnique(edit.value) &&
    since.some(({ id, home, value }) => id !== edit.id && home === edit.home && value === edit.value)
  )
}

/**
 * The other side had entered the same value, and then what replaced it, before either was copied: changed on both
 * to the same value they agree, and whoever changed it after that had seen what was agreed on.
 */
export function isAlike(
  edit: Edit,
  next: Edit | undefined,
  isSame: (one: Value, other: Value) => boolean,
): boolean {
  if (next === undefined || next.side === edit.side) return false
  for (let one = next.parent; one; one = one.parent) {
    if (one.side === edit.side || (one.copiedAt !== undefined && one.copiedAt < edit.at)) return false
    if (isSame(one.value, edit.value)) return true
  }
  return false
}

export function tell(edit: Edit, since: readonly Edit[]): string {
  const { id, field, value, home, at, parent, copiedAt } = edit
  const names = since
    .slice(0, TOLD_MAX)
    .map((one) => `#${one.id} ${JSON.stringify(one.value)} of ${one.home} at ${one.at}`)
  return `#${id} ${field}=${JSON.stringify(value)} of ${home} at ${at}${copiedAt ? ', copied' : ''}, after #${parent?.id} (${JSON.stringify(parent?.value)}); there since: ${names.join(', ')}`
}
