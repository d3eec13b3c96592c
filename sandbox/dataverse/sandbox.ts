import type { Api } from './api.ts'
import type { Bend } from './bends.ts'
import type { Call } from './call.ts'
import type { Commit } from './commit.ts'
import type { Human } from './human.ts'
import type { Knobs } from './knobs.ts'
import type { Limits } from './limits.ts'
import type { Organisation, StockIds } from './organisation.ts'
import type { PlugIn } from './plug-in.ts'
import type { Schema } from './schema.ts'
import type { SecurityControls } from './security.ts'
import type { TableName } from './table.ts'

/** The handle of a running Dataverse: what a test or a visitor may do to it. */
export interface DataverseSandbox extends Human, Schema, SecurityControls {
  url: string
  /** Ids of the rows that a fresh organisation has. */
  ids: StockIds
  /** Every HTTP request as it ended. */
  calls: readonly Call[]
  /** The truth, append-only: what was written, in order. Stock rows are not in it. */
  commits: readonly Commit[]
  /** As a person in sales would enter it; returns the id. Throws the vendor's refusal. */
  seed(table: TableName, columns: Readonly<Record<string, unknown>>): string
  /** What all the rest is made of, and what it can be asked for without HTTP, as the application user. */
  organisation: Organisation
  api: Api
  readonly knobs: Readonly<Knobs>
  setKnobs(knobs: Partial<Knobs>): void
  bend(bend: Bend): void
  /** Forgets the bends that still wait. */
  unbend(): void
  /** Publishes or unpublishes the stock rules, which are published at first. `delayMs` lies between the check and the insert. */
  setDuplicateRules(on: boolean, delayMs?: number): void
  /** It stays until `reset`. */
  addPlugIn(plugIn: PlugIn): void
  removePlugIns(): void
  setLimits(limits: Partial<Limits>): void
  /** The row version moves, no column does. */
  touch(table: TableName, id: string): void
  /** Another organisation behind the same address, with the rows of this one or none: it was copied, or reset. */
  becomeOrganisation(id: string, rows: 'copied' | 'none'): void
  /** Back to a fresh organisation: rows, calls, commits, bends, keys, columns. */
  reset(): void
}
