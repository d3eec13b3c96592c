import type { Position, Stamp } from './delta-token.ts'
import { expiredToken, trackingOff } from './errors.ts'
import type { Organisation } from './organisation.ts'
import type { Row } from './shelf.ts'
import type { Table } from './table.ts'

const DAY_MS = 86_400_000

export interface Changes {
  rows: readonly Row[]
  deletedIds: readonly string[]
  /** `delta`: that was the last page. */
  next: Position
}

/**
 * A page of the first read, or of what changed since; without `from` a first read begins.
 * Throws when the table is not tracked or the token is void. "Use change tracking to synchronize data".
 */
export function readChanges(
  organisation: Organisation,
  table: Table,
  from: Position | undefined,
  pageSize: number,
): Changes {
  if (!table.changeTracking) throw trackingOff(table.name)
  const now = { version: organisation.rows.version, at: organisation.rows.now() }
  if (from === undefined)
    return readFirst(organisation, table, linkAt(organisation, table, now), 0, 1, pageSize)
  checkAge(organisation, table, from)
  switch (from.kind) {
    case 'first':
      return readFirst(organisation, table, from.since, from.after, from.page, pageSize)
    case 'delta':
      return readRows(
        organisation,
        table,
        { ...from, until: now, after: from.since.version, page: 1 },
        pageSize,
      )
    case 'rows':
      return readRows(organisation, table, from, pageSize)
    case 'tombstones':
      return readTombstones(organisation, table, from, [], pageSize)
    default:
      return from satisfies never
  }
}

/** How many rows and tombstones a delta would hold. */
export function countChanges(organisation: Organisation, table: Table, from: Position): number {
  if (!table.changeTracking) throw trackingOff(table.name)
  checkAge(organisation, table, from)
  const { versions, deletions } = organisation.rows.shelf(table.name)
  const count = (entries: Iterable<unknown>) => Array.from(entries).length
  return count(versions.after(from.since.version)) + count(deletions.after(from.since.version))
}

function linkAt({ rows, knobs }: Organisation, table: Table, { version, at }: Stamp): Stamp {
  return { version: Math.max(version - knobs.repeatedVersions, rows.shelf(table.name).trackedSince), at }
}

function checkAge({ rows, knobs }: Organisation, table: Table, { since, kind }: Position): void {
  const isOld = rows.now() - since.at > knobs.trackingDays * DAY_MS
  // A first read goes on: its delta link will say that it is void.
  if (kind !== 'first' && (isOld || since.version < rows.shelf(table.name).trackedSince)) {
    throw expiredToken(knobs.expiredStatus)
  }
}

/** By place, which an update does not move: nothing that is there throughout is left out. */
function readFirst(
  organisation: Organisation,
  table: Table,
  since: Stamp,
  after: number,
  page: number,
  pageSize: number,
): Changes {
  const shelf = organisation.rows.shelf(table.name)
  const rows: Row[] = []
  let last = after
  for (const { number, id } of shelf.places.after(after)) {
    if (rows.length === pageSize) {
      return { rows, deletedIds: [], next: { kind: 'first', since, after: last, page: page + 1 } }
    }
    const row = shelf.rows.get(id)
    if (row) rows.push(row)
    last = number
  }
  return { rows, deletedIds: [], next: { kind: 'delta', since } }
}

type InDelta = Omit<Extract<Position, { until: Stamp }>, 'kind'>

/** What changes while the pages are read has a newer version than `until` and belongs to the next delta. */
function readRows(organisation: Organisation, table: Table, from: InDelta, pageSize: number): Changes {
  const { since, until, page } = from
  const shelf = organisation.rows.shelf(table.name)
  const rows: Row[] = []
  let last = from.after
  for (const { number, id } of shelf.versions.after(from.after)) {
    if (number > until.version) break
    if (rows.length === pageSize) {
      return { rows, deletedIds: [], next: { kind: 'rows', since, until, after: last, page: page + 1 } }
    }
    const row = shelf.rows.get(id)
    if (row) rows.push(row)
    last = number
  }
  return readTombstones(organisation, table, { since, until, after: since.version, page }, rows, pageSize)
}

function readTombstones(
  organisation: Organisation,
  table: Table,
  from: InDelta,
  rows: readonly Row[],
  pageSize: number,
): Changes {
  const { since, until, page } = from
  const deletedIds: string[] = []
  let last = from.after
  for (const { number, id } of organisation.rows.shelf(table.name).deletions.after(from.after)) {
    if (number > until.version) break
    if (rows.length + deletedIds.length === pageSize) {
      return { rows, deletedIds, next: { kind: 'tombstones', since, until, after: last, page: page + 1 } }
    }
    deletedIds.push(id)
    last = number
  }
  return { rows, deletedIds, next: { kind: 'delta', since: linkAt(organisation, table, until) } }
}
