import { readChanges } from './changes.ts'
import {
  type Position,
  readDeltaToken,
  readTrackingCookie,
  writeDeltaToken,
  writeTrackingCookie,
} from './delta-token.ts'
import { versionMismatch } from './errors.ts'
import { parseFilter } from './filter.ts'
import { findRow } from './find.ts'
import { matching } from './match.ts'
import type { Organisation } from './organisation.ts'
import { readPayload } from './payload.ts'
import { etagOf, parseSelect, renderRow } from './render.ts'
import { checkSecured, permitted, sightOf } from './security.ts'
import type { Row } from './shelf.ts'
import { requireTable, type TableName } from './table.ts'
import { createRow, updateRow } from './write.ts'

/** `@odata.etag` and properties as over the wire, nulls included. */
type WireRow = Readonly<Record<string, unknown>>

interface ApiChanges {
  rows: readonly WireRow[]
  deletedIds: readonly string[]
  /** For `from` of the next call: now when there is `more`, else at any later time. */
  next: string
  more: boolean
}

/** The verbs of the Web API without HTTP: one synchronous step each, DataverseError for what is refused. */
export interface Api {
  /** `body` as over the wire; a primary key is taken. */
  create(table: TableName, body: WireRow, select?: readonly string[]): WireRow
  /** Never creates. Without `ifMatch` whatever version is there is updated. */
  update(
    table: TableName,
    id: string,
    body: WireRow,
    options?: { ifMatch?: string; select?: readonly string[] },
  ): WireRow
  remove(table: TableName, id: string, options?: { ifMatch?: string }): void
  read(table: TableName, id: string, select: readonly string[]): WireRow
  find(table: TableName, filter: string, select: readonly string[]): readonly WireRow[]
  /** Change tracking: without `from` the first read begins. */
  changes(
    table: TableName,
    select: readonly string[],
    options?: { from?: string; pageSize?: number },
  ): ApiChanges
}

const PAGE_SIZE = 5000

export function apiOf(organisation: Organisation, userId: string): Api {
  const tableOf = (name: TableName) => requireTable(organisation.tables, name)
  const found = (name: TableName, id: string, ifMatch?: string) => {
    const row = findRow(organisation, tableOf(name), { kind: 'id', id })
    if (ifMatch !== undefined && ifMatch !== etagOf(row)) throw versionMismatch()
    return row
  }
  const shown = (name: TableName, rows: readonly Row[], select: readonly string[]) => {
    const table = tableOf(name)
    const selection = parseSelect(table, select.join(','), sightOf(organisation, userId))
    return rows.map((row) => renderRow(table, row, selection))
  }
  const one = (name: TableName, row: Row, select: readonly string[] = [tableOf(name).primaryId]) =>
    shown(name, [row], select)[0] ?? {}
  return {
    create(name, body, select) {
      const payload = readPayload(organisation, tableOf(name), body, 'create')
      checkSecured(organisation, tableOf(name), payload.values.keys(), 'create', userId)
      return one(name, createRow(organisation, tableOf(name), payload, userId), select)
    },
    update(name, id, body, { ifMatch, select } = {}) {
      const row = found(name, id, ifMatch)
      const payload = readPayload(organisation, tableOf(name), body, 'update')
      checkSecured(organisation, tableOf(name), payload.values.keys(), 'update', userId)
      return one(name, updateRow(organisation, tableOf(name), row, payload, userId), select)
    },
    remove: (name, id, { ifMatch } = {}) => organisation.rows.remove(name, found(name, id, ifMatch), userId),
    read: (name, id, select) => one(name, found(name, id), select),
    find(name, filter, select) {
      const table = tableOf(name)
      const parsed = permitted(organisation, table, parseFilter(filter, table, new Map()), userId)
      return shown(name, [...matching(organisation.rows, tableOf(name), parsed)], select)
    },
    changes(name, select, { from, pageSize = PAGE_SIZE } = {}) {
      const start = from === undefined ? undefined : readPosition(from)
      const { rows, deletedIds, next } = readChanges(organisation, tableOf(name), start, pageSize)
      const more = next.kind !== 'delta'
      return { rows: shown(name, rows, select), deletedIds, next: writePosition(next), more }
    },
  }
}

function writePosition(position: Position): string {
  return position.kind === 'delta' ? writeDeltaToken(position.since) : writeTrackingCookie(position)
}

function readPosition(text: string): Position {
  return text.includes('!') ? readDeltaToken(text) : readTrackingCookie(text)
}
