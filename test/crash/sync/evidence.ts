import type { Ending } from '../verdict.ts'

export type Side = 'marketo' | 'dynamics'
export type Value = string | number | boolean | null

/** Somebody whom both sides know by the tag in their e-mail address. */
export interface Subject {
  tag: string
  recordType: 'lead' | 'contact'
}

/** A value that a human entered. No two are equal, and their numbers are in the order in which they were made. */
export interface Edit {
  number: number
  tag: string
  side: Side
  /** The Marketo id or the record id, as text. */
  home: string
  /** Marketo REST name. */
  field: string
  value: string
}

export interface HeldRow {
  tag: string
  id: string
  /** Of the fields that travel both ways, by Marketo REST name, in Marketo's words. */
  values: Readonly<Record<string, Value>>
}

export interface HeldPerson extends HeldRow {
  recordId?: string
  isDeleted: boolean
}

/** One value that was written to a field, in the order of the log. */
export interface Written {
  home: string
  field: string
  value: Value
  byService: boolean
}

/** What was seen from outside once all was at rest: the sandbox's own rows and logs, and the service's endpoints. */
export interface Evidence {
  subjects: readonly Subject[]
  edits: readonly Edit[]
  rows: readonly HeldRow[]
  people: readonly HeldPerson[]
  written: Readonly<Record<Side, readonly Written[]>>
  deletions: readonly { tag: string; side: Side; byService: boolean }[]
  conflicts: readonly { field: string; lost: Value }[]
  /** By request id. */
  endings: ReadonlyMap<string, Ending>
}
