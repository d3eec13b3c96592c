import { asObjects, parseObject } from '../shape.ts'
import type { CreateResult, FoundRecord, Table } from './records.ts'
import { foundRecord } from './row.ts'
import { errorOf, judge, type Reply, rejected, unavailable, vendorError } from './verdict.ts'

/** The rows of a page. Throws Unauthorized, Rejected or Unavailable. */
export function rowsIn(reply: Reply, table: Table): FoundRecord[] {
  // Parts are told apart by their own status; a throttled one has already been thrown.
  const error = errorOf(judge(reply), reply, 0)
  if (error !== undefined) throw error
  const rows = asObjects(parseObject(reply.body)?.value)?.map((row) => foundRecord(row, table))
  if (rows === undefined || rows.includes(undefined))
    throw unavailable(reply, 'a page of rows is not readable')
  return rows.filter((row) => row !== undefined)
}

/** The row of a reply that is an answer; undefined = it is not there. Throws Unavailable. */
export function rowIn(reply: Reply, table: Table): FoundRecord | undefined {
  // `judge` lets no other 404 pass than the one that names a missing row.
  if (reply.status === 404) return undefined
  const row = foundRecord(parseObject(reply.body), table)
  if (row === undefined) throw unavailable(reply, 'the row is not readable')
  return row
}

/**
 * What a reply that is an answer says of a create. Throws Rejected or Unavailable.
 * 0x80040333 can be the echo of our own earlier create, committed after its answer was lost: whoever gets
 * `duplicate` reads the row by id before believing it.
 */
export function createResult(reply: Reply): CreateResult {
  const ids = reply.requestId === undefined ? {} : { vendorRequestId: reply.requestId }
  if (reply.status === 204) return { kind: 'created', ...ids }
  if (reply.status === 201 && parseObject(reply.body) !== undefined) return { kind: 'created', ...ids }
  if (reply.status < 300)
    throw unavailable(reply, `a create answered HTTP ${reply.status} with an unreadable body`)
  const error = vendorError(reply)
  switch (error?.code) {
    case '0x80040237':
      return { kind: 'id-taken', ...ids }
    case '0x80040333':
    case '0x80060892':
      return { kind: 'duplicate', vendorCode: error.code, ...ids }
    default:
      if (reply.status === 412) throw unavailable(reply, 'a create answered HTTP 412 for an unknown reason')
      throw rejected(error?.code, error?.message ?? '', reply)
  }
}
