import type { Side, Value } from './schema.ts'

const KEY_MAX = 200

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
